"""Indexes for what lists of executions and locks are narrowed to."""

from __future__ import annotations

from datetime import UTC, datetime

import django.db.models.functions.comparison
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("execution", "0008_gaps"),
        ("loaders", "0005_evidence_packs"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name="loaderexecutionlock",
            index=models.Index(
                models.OrderBy(
                    django.db.models.functions.comparison.Coalesce(
                        "released_at",
                        models.Value(
                            datetime(9999, 12, 31, tzinfo=UTC),
                            output_field=models.DateTimeField(),
                        ),
                    ),
                    descending=True,
                ),
                name="lock_active_first",
            ),
        ),
        migrations.AddIndex(
            model_name="loadhistory",
            index=models.Index(
                condition=models.Q(("status", "SUCCESS"), _negated=True),
                fields=["status", "-start_time"],
                name="load_history_by_status",
            ),
        ),
        migrations.AddIndex(
            model_name="loadhistory",
            index=models.Index(
                condition=models.Q(("trigger", "SCHEDULE"), _negated=True),
                fields=["trigger", "-start_time"],
                name="load_history_by_trigger",
            ),
        ),
        migrations.AddIndex(
            model_name="loadhistory",
            index=models.Index(
                condition=models.Q(("error_code", ""), _negated=True),
                fields=["error_code", "-start_time"],
                name="load_history_by_error",
            ),
        ),
        migrations.AddIndex(
            model_name="loadhistory",
            index=models.Index(fields=["correlation_id"], name="load_history_by_correlation"),
        ),
    ]
