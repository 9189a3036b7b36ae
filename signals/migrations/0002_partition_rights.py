"""Only the owner, and whom `core.database_roles` grants it, may make partitions."""

from django.db import migrations

FUNCTION = "FUNCTION signals.ensure_partition(timestamptz)"


class Migration(migrations.Migration):
    dependencies = [("signals", "0001_initial")]
    operations = [
        migrations.RunSQL(
            f"REVOKE EXECUTE ON {FUNCTION} FROM PUBLIC",
            f"GRANT EXECUTE ON {FUNCTION} TO PUBLIC",
        ),
    ]
