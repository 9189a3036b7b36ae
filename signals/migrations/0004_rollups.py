"""Totals of signals over each quarter of an hour, filled from what stands already."""

from django.db import migrations

# By month as the signals are, so that retention can drop both.
TABLE = """
CREATE TABLE signals.signals_rollup (
    loader_code text NOT NULL,
    bucket_start timestamptz NOT NULL,
    signals bigint NOT NULL,
    rec_count bigint,
    value_count bigint,
    sum_val double precision,
    counted_sum double precision,
    max_val double precision,
    min_val double precision,
    PRIMARY KEY (loader_code, bucket_start)
) PARTITION BY RANGE (bucket_start);
"""

# As before, but it makes a month of both. A rollup's rows are written over many times while their
# quarter of an hour fills up: the free room lets that happen within their page, without new
# entries in the index.
ENSURE_PARTITION = """
CREATE OR REPLACE FUNCTION signals.ensure_partition(instant timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' SET timezone = 'UTC' AS $$
DECLARE
    first_day timestamptz := date_trunc('month', instant);
    next_month timestamptz := date_trunc('month', instant) + interval '1 month';
    suffix text := '_y' || to_char(first_day, 'YYYY"m"MM');
    parent text;
    room text;
    made boolean := false;
BEGIN
    IF to_regclass('signals.signals_history' || suffix) IS NOT NULL
       AND to_regclass('signals.signals_rollup' || suffix) IS NOT NULL THEN
        RETURN false;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('signals.ensure_partition'));
    FOREACH parent IN ARRAY ARRAY['signals_rollup', 'signals_history'] LOOP
        CONTINUE WHEN to_regclass('signals.' || parent || suffix) IS NOT NULL;
        room := CASE parent WHEN 'signals_rollup' THEN 'WITH (fillfactor = 90)' ELSE '' END;
        EXECUTE format('CREATE TABLE signals.%I (LIKE signals.%I INCLUDING ALL) %s',
                       parent || suffix, parent, room);
        EXECUTE format(
            'ALTER TABLE signals.%I ATTACH PARTITION signals.%I FOR VALUES FROM (%L) TO (%L)',
            parent, parent || suffix, first_day, next_month);
        made := true;
    END LOOP;
    RETURN made;
END
$$;
"""

MONTHS_THAT_ARE_THERE = """
SELECT signals.ensure_partition(to_timestamp(right(c.relname, 7), 'YYYY"m"MM'))
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'signals.signals_history'::regclass;
"""

LARGEST_COUNT = "9223372036854775807"
SUM = "sum(CASE WHEN abs(sum_val) > 1e290 THEN 'Infinity' ELSE sum_val END)"
FILL = f"""
INSERT INTO signals.signals_rollup (loader_code, bucket_start, signals, rec_count, value_count,
    sum_val, counted_sum, max_val, min_val)
SELECT loader_code, date_bin('15 minutes', load_time_stamp, TIMESTAMPTZ 'epoch'), count(*),
    CASE WHEN sum(rec_count) > {LARGEST_COUNT} THEN {LARGEST_COUNT} ELSE sum(rec_count) END,
    CASE WHEN sum(value_count) FILTER (WHERE sum_val IS NOT NULL) > {LARGEST_COUNT}
        THEN {LARGEST_COUNT} ELSE sum(value_count) FILTER (WHERE sum_val IS NOT NULL) END,
    {SUM}, {SUM} FILTER (WHERE value_count IS NOT NULL), max(max_val), min(min_val)
FROM signals.signals_history GROUP BY 1, 2;
"""


class Migration(migrations.Migration):
    dependencies = [("signals", "0003_output_versions")]
    operations = [
        migrations.RunSQL(TABLE, "DROP TABLE signals.signals_rollup;"),
        migrations.RunSQL(ENSURE_PARTITION, migrations.RunSQL.noop),
        migrations.RunSQL(MONTHS_THAT_ARE_THERE, migrations.RunSQL.noop),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
