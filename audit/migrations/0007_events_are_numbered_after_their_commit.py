"""Events are numbered after their commit, so that nobody who follows them misses one
(`audit.outbox`). Events that are there get their numbers when they are read for the first time."""

import uuid

from django.db import migrations, models

import core.clock


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0006_alter_loaderevent_kind"),
    ]

    operations = [
        migrations.CreateModel(
            name="EventStream",
            fields=[
                (
                    "key",
                    models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False),
                ),
                ("last_number", models.BigIntegerField(default=0)),
                ("last_id", models.UUIDField(default=uuid.UUID(int=0))),
                ("pruned_number", models.BigIntegerField(default=0)),
                ("pruned_id", models.UUIDField(default=uuid.UUID(int=0))),
            ],
            options={
                "db_table": "loader_event_stream",
            },
        ),
        migrations.RemoveIndex(
            model_name="loaderevent",
            name="loader_even_loader__646c38_idx",
        ),
        migrations.AddField(
            model_name="loaderevent",
            name="number",
            field=models.BigIntegerField(editable=False, null=True, unique=True),
        ),
        migrations.AlterField(
            model_name="loaderevent",
            name="at",
            field=models.DateTimeField(db_default=core.clock.ClockTimestamp(), editable=False),
        ),
        migrations.AddIndex(
            model_name="loaderevent",
            index=models.Index(fields=["loader_code", "number"], name="loader_event_of_loader"),
        ),
        migrations.AddIndex(
            model_name="loaderevent",
            index=models.Index(
                condition=models.Q(("number__isnull", True)),
                fields=["at", "id"],
                name="loader_event_not_numbered",
            ),
        ),
        migrations.AddConstraint(
            model_name="eventstream",
            constraint=models.CheckConstraint(
                condition=models.Q(("key", 1)), name="loader_event_stream_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="eventstream",
            constraint=models.CheckConstraint(
                condition=models.Q(("pruned_number__lte", models.F("last_number"))),
                name="loader_event_stream_order",
            ),
        ),
        migrations.RunSQL(
            "INSERT INTO loader.loader_event_stream (key, last_number, last_id, pruned_number,"
            " pruned_id) VALUES (1, 0, '00000000-0000-0000-0000-000000000000', 0,"
            " '00000000-0000-0000-0000-000000000000')",
            migrations.RunSQL.noop,
        ),
    ]
