"""Audit events are append-only, whoever asks: a trigger refuses change, removal and truncation."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION loader.refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit events are append-only';
END
$$;
CREATE TRIGGER audit_event_append_only BEFORE UPDATE OR DELETE ON loader.audit_event
    FOR EACH ROW EXECUTE FUNCTION loader.refuse_audit_change();
CREATE TRIGGER audit_event_no_truncate BEFORE TRUNCATE ON loader.audit_event
    FOR EACH STATEMENT EXECUTE FUNCTION loader.refuse_audit_change();
"""
BACKWARD = """
DROP TRIGGER audit_event_no_truncate ON loader.audit_event;
DROP TRIGGER audit_event_append_only ON loader.audit_event;
DROP FUNCTION loader.refuse_audit_change();
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
