"""The one row that lets one replica at a time run the scheduler's cycle."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("execution", "0001_initial")]
    operations = [
        migrations.RunSQL(
            "INSERT INTO loader.scheduler_lease (name, holder, lease_until) "
            "VALUES ('cycle', '', 'epoch')",
            "DELETE FROM loader.scheduler_lease",
        )
    ]
