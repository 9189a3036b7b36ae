"""Schemas `loader` and `signals`, made before any table (Django knows no schemas)."""

from django.db import migrations


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    run_before = [
        ("contenttypes", "0001_initial"),
        ("auth", "0001_initial"),
        ("sessions", "0001_initial"),
        ("django_q", "0001_initial"),
        ("token_blacklist", "0001_initial"),
    ]
    operations = [
        migrations.RunSQL(
            "CREATE SCHEMA IF NOT EXISTS loader; CREATE SCHEMA IF NOT EXISTS signals;",
            migrations.RunSQL.noop,
        )
    ]
