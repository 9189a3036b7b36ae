"""Evidence is gathered under the id of the request that asked for it."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("loaders", "0007_note_of_what_waits")]

    operations = [
        migrations.AddField(
            model_name="evidencepack",
            name="correlation_id",
            field=models.CharField(blank=True, max_length=64),
        ),
    ]
