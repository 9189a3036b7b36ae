"""Seals and checkpoints are append-only like events; only pruning removes, and only what is old.

The trigger decides what pruning may remove, so that no caller can go further: nothing younger than
30 days, and no event that tells who edited (`audit.retention.KEPT_ACTIONS`).
"""

from django.db import migrations

FUNCTION = "loader.prune_audit(bigint)"
TABLES = ("audit_seal", "audit_checkpoint")

KEPT = """
CREATE FUNCTION loader.kept_audit_actions() RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT ARRAY['loader.create', 'loader.draft', 'loader.submit', 'loader.copy',
                 'source.create', 'source.update']
$$;
"""
GUARD = """
CREATE OR REPLACE FUNCTION loader.refuse_audit_change() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    floor timestamptz := clock_timestamp() - interval '30 days';
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('loaderportal.prunes_audit', true) = 'yes' THEN
        IF TG_TABLE_NAME = 'audit_event' THEN
            IF OLD.at < floor AND OLD.action <> ALL (loader.kept_audit_actions())
            THEN RETURN OLD; END IF;
        ELSIF TG_TABLE_NAME = 'audit_seal' THEN
            IF OLD.sealed_at < floor THEN RETURN OLD; END IF;
        ELSIF TG_TABLE_NAME = 'audit_checkpoint' THEN
            IF OLD.at < floor THEN RETURN OLD; END IF;
        END IF;
    END IF;
    RAISE EXCEPTION 'audit events are append-only';
END
$$;
"""
GUARD_BEFORE = """
CREATE OR REPLACE FUNCTION loader.refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit events are append-only';
END
$$;
"""
# Runs as the owner of the tables: the application's role has no right to delete from them.
PRUNE = """
CREATE FUNCTION loader.prune_audit(until bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    removed bigint;
    floor timestamptz := clock_timestamp() - interval '30 days';
BEGIN
    PERFORM set_config('loaderportal.prunes_audit', 'yes', true);
    DELETE FROM loader.audit_event e USING loader.audit_seal s
        WHERE s.event_id = e.id AND s.number <= until AND e.at < floor
        AND e.action <> ALL (loader.kept_audit_actions());
    GET DIAGNOSTICS removed = ROW_COUNT;
    DELETE FROM loader.audit_seal WHERE number <= until;
    DELETE FROM loader.audit_checkpoint WHERE number < until AND at < floor;
    PERFORM set_config('loaderportal.prunes_audit', '', true);
    RETURN removed;
END
$$;
REVOKE EXECUTE ON FUNCTION loader.prune_audit(bigint) FROM PUBLIC;
"""


def triggers(table):
    return migrations.RunSQL(
        f"""
        CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON loader.{table}
            FOR EACH ROW EXECUTE FUNCTION loader.refuse_audit_change();
        CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON loader.{table}
            FOR EACH STATEMENT EXECUTE FUNCTION loader.refuse_audit_change();
        """,
        f"""
        DROP TRIGGER {table}_no_truncate ON loader.{table};
        DROP TRIGGER {table}_append_only ON loader.{table};
        """,
    )


class Migration(migrations.Migration):
    dependencies = [("audit", "0004_seals")]
    operations = [
        migrations.RunSQL(KEPT, "DROP FUNCTION loader.kept_audit_actions()"),
        migrations.RunSQL(GUARD, GUARD_BEFORE),
        *map(triggers, TABLES),
        migrations.RunSQL(PRUNE, f"DROP FUNCTION {FUNCTION}"),
    ]
