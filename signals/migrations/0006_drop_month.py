"""The function by which retention drops a month of signals."""

from django.db import migrations

# Runs as the owner of the tables. Dropping a partition locks the parent against everybody, for a
# moment: lock_timeout bounds the wait for that, in which others queue up behind it. The parents are
# locked in the order in which runs come to them, so that no run is ever part of a deadlock here.
DROP_MONTH = """
CREATE FUNCTION signals.drop_month(instant timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' SET timezone = 'UTC' AS $$
DECLARE
    first_day timestamptz := date_trunc('month', instant);
    next_month timestamptz := date_trunc('month', instant) + interval '1 month';
    parent text;
    part text;
    bounds text;
    dropped boolean := false;
BEGIN
    IF next_month > clock_timestamp() - interval '30 days' THEN
        RAISE EXCEPTION 'signals are kept for 30 days at least';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('signals.ensure_partition'));
    FOREACH parent IN ARRAY ARRAY['signals_history', 'signals_rollup'] LOOP
        part := parent || '_y' || to_char(first_day, 'YYYY"m"MM');
        SELECT pg_get_expr(c.relpartbound, c.oid) INTO bounds
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = to_regclass('signals.' || parent)
          AND c.oid = to_regclass('signals.' || part);
        CONTINUE WHEN NOT FOUND;
        -- Its bounds, which PostgreSQL holds every row to, say that nothing younger is in it.
        IF bounds <> format('FOR VALUES FROM (%L) TO (%L)', first_day, next_month) THEN
            RAISE EXCEPTION 'the partition % holds something else than its month', part;
        END IF;
        EXECUTE format('LOCK TABLE ONLY signals.%I IN ACCESS EXCLUSIVE MODE', parent);
        EXECUTE format('DROP TABLE signals.%I', part);
        dropped := true;
    END LOOP;
    RETURN dropped;
END
$$;
REVOKE EXECUTE ON FUNCTION signals.drop_month(timestamptz) FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = [("signals", "0005_segments_dictionary")]
    operations = [
        migrations.RunSQL(DROP_MONTH, "DROP FUNCTION signals.drop_month(timestamptz);"),
    ]
