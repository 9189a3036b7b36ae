"""The codes of loaders and sources never change: the audit trail tells by them who edited what."""

from django.db import migrations

FUNCTION = """
CREATE FUNCTION loader.refuse_new_code() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% keeps its id and code', TG_TABLE_NAME USING ERRCODE = 'check_violation';
END $$
"""
TRIGGER = """
CREATE TRIGGER {table}_keeps_its_code BEFORE UPDATE ON loader.{table} FOR EACH ROW
WHEN (OLD.{code} IS DISTINCT FROM NEW.{code} OR OLD.id IS DISTINCT FROM NEW.id)
EXECUTE FUNCTION loader.refuse_new_code()
"""
CODES = (("loader", "loader_code"), ("source_databases", "db_code"))


class Migration(migrations.Migration):
    dependencies = [("loaders", "0003_every_field_of_a_definition")]

    operations = [
        migrations.RunSQL(FUNCTION, "DROP FUNCTION loader.refuse_new_code()"),
        *(
            migrations.RunSQL(
                TRIGGER.format(table=table, code=code),
                f"DROP TRIGGER {table}_keeps_its_code ON loader.{table}",
            )
            for table, code in CODES
        ),
    ]
