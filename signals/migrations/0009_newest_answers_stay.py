"""Of too many answers to queries the newest stay, whenever their time is over."""

from django.db import migrations

ADD = """
ALTER TABLE signals.query_answer
    ADD COLUMN kept_at timestamptz NOT NULL DEFAULT statement_timestamp();
CREATE INDEX query_answer_by_age ON signals.query_answer (kept_at);
"""
REMOVE = "ALTER TABLE signals.query_answer DROP COLUMN kept_at;"


class Migration(migrations.Migration):
    dependencies = [("signals", "0008_rollups_by_index")]
    operations = [migrations.RunSQL(ADD, REMOVE)]
