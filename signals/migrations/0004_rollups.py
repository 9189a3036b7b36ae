"""Totals of signals over each quarter of an hour, filled from what stands already."""

from django.db import migrations

# Rows are written over many times while their quarter of an hour fills up: the free room lets that
# happen within their page, without new entries in the index.
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
) WITH (fillfactor = 90);
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
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
