"""Where answers to queries are kept for a while when there is no Redis."""

from django.db import migrations

# Unlogged: nothing is lost with a cache, and it must not fill the write-ahead log. The answers are
# compressed already.
TABLE = """
CREATE UNLOGGED TABLE signals.query_answer (
    cache_key text PRIMARY KEY,
    body bytea NOT NULL,
    expires_at timestamptz NOT NULL
);
ALTER TABLE signals.query_answer ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX query_answer_by_expiry ON signals.query_answer (expires_at);
"""


class Migration(migrations.Migration):
    dependencies = [("signals", "0006_drop_month")]
    operations = [migrations.RunSQL(TABLE, "DROP TABLE signals.query_answer;")]
