"""Answers to requests that came with an Idempotency-Key."""

from django.db import migrations, models

import core.clock
import core.encrypted_fields
import core.ids


class Migration(migrations.Migration):
    dependencies = [("core", "0002_request_counts")]

    operations = [
        migrations.CreateModel(
            name="StoredAnswer",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=core.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("caller", models.CharField(max_length=64)),
                ("key", models.CharField(max_length=255)),
                (
                    "created_at",
                    models.DateTimeField(db_default=core.clock.ClockTimestamp(), db_index=True),
                ),
                (
                    "content",
                    core.encrypted_fields.EncryptedTextField(place="api_stored_answer.content"),
                ),
            ],
            options={
                "db_table": "api_stored_answer",
                "constraints": [
                    models.UniqueConstraint(fields=("caller", "key"), name="api_stored_answer_once")
                ],
            },
        ),
    ]
