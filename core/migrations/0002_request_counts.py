"""Requests of each caller of the API, in a table that writes no WAL."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("core", "0001_schemas")]

    operations = [
        migrations.CreateModel(
            name="RequestCount",
            fields=[
                ("subject", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("began_at", models.DateTimeField()),
                ("requests", models.IntegerField()),
            ],
            options={"db_table": "api_request_count"},
        ),
        # Half-empty pages: an update of a count finds its place in the same page and touches no
        # index.
        migrations.RunSQL(
            "ALTER TABLE api_request_count SET UNLOGGED;"
            "ALTER TABLE api_request_count SET (fillfactor = 50);",
            migrations.RunSQL.noop,
        ),
    ]
