"""Where reloads keep what they replaced, and the function that drops it again."""

import django.db.models.deletion
from django.db import migrations, models

import core.ids

TABLES = """
CREATE TABLE signals.output_version (
    id uuid PRIMARY KEY,
    loader_code text NOT NULL,
    window_from timestamptz NOT NULL,
    window_to timestamptz NOT NULL,
    replaced_at timestamptz NOT NULL,
    replaced_by uuid NOT NULL,
    rows bigint NOT NULL,
    expires_at timestamptz NOT NULL,
    CHECK (window_from < window_to),
    CHECK (rows > 0)
);
CREATE INDEX output_version_by_loader ON signals.output_version (loader_code, replaced_at DESC);
CREATE INDEX output_version_by_expiry ON signals.output_version (expires_at);
CREATE INDEX output_version_by_execution ON signals.output_version (replaced_by);
CREATE TABLE signals.output_row (
    version_id uuid NOT NULL,
    loader_code text NOT NULL,
    load_time_stamp timestamptz NOT NULL,
    segment_code uuid NOT NULL,
    rec_count bigint,
    value_count bigint,
    sum_val double precision,
    avg_val double precision,
    max_val double precision,
    min_val double precision,
    load_history_id uuid NOT NULL
);
CREATE INDEX output_row_by_version ON signals.output_row (version_id);
"""

# Runs as the owner of the tables: the application's role may not delete from them by itself. A
# version goes after its rows, so that none is left behind that no version names.
DROP_OUTPUT = """
CREATE FUNCTION signals.drop_output(version uuid, most bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    dropped bigint;
BEGIN
    IF EXISTS (SELECT FROM signals.output_version
               WHERE id = version AND expires_at > clock_timestamp()) THEN
        RAISE EXCEPTION 'the output version has not expired yet';
    END IF;
    IF most IS NULL THEN
        DELETE FROM signals.output_row WHERE version_id = version;
    ELSE
        DELETE FROM signals.output_row WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM signals.output_row WHERE version_id = version LIMIT most));
    END IF;
    GET DIAGNOSTICS dropped = ROW_COUNT;
    DELETE FROM signals.output_version WHERE id = version
        AND NOT EXISTS (SELECT FROM signals.output_row WHERE version_id = version);
    RETURN dropped;
END
$$;
REVOKE EXECUTE ON FUNCTION signals.drop_output(uuid, bigint) FROM PUBLIC;
"""

MODELS = [
    migrations.CreateModel(
        name="OutputVersion",
        fields=[
            (
                "id",
                models.UUIDField(
                    default=core.ids.uuid7, editable=False, primary_key=True, serialize=False
                ),
            ),
            (
                "loader",
                models.ForeignKey(
                    db_column="loader_code",
                    db_constraint=False,
                    on_delete=django.db.models.deletion.PROTECT,
                    related_name="+",
                    to="loaders.loader",
                    to_field="loader_code",
                ),
            ),
            ("window_from", models.DateTimeField()),
            ("window_to", models.DateTimeField()),
            ("replaced_at", models.DateTimeField()),
            ("replaced_by", models.UUIDField()),
            ("rows", models.BigIntegerField()),
            ("expires_at", models.DateTimeField()),
        ],
        options={"db_table": "output_version", "ordering": ("-id",), "managed": False},
    ),
    migrations.CreateModel(
        name="OutputRow",
        fields=[
            (
                "pk",
                models.CompositePrimaryKey(
                    "version_id",
                    "load_time_stamp",
                    "segment_code",
                    blank=True,
                    editable=False,
                    primary_key=True,
                    serialize=False,
                ),
            ),
            ("version_id", models.UUIDField()),
            ("loader_code", models.TextField()),
            ("load_time_stamp", models.DateTimeField()),
            ("segment_code", models.UUIDField()),
            ("rec_count", models.BigIntegerField(null=True)),
            ("value_count", models.BigIntegerField(null=True)),
            ("sum_val", models.FloatField(null=True)),
            ("avg_val", models.FloatField(null=True)),
            ("max_val", models.FloatField(null=True)),
            ("min_val", models.FloatField(null=True)),
            ("load_history_id", models.UUIDField()),
        ],
        options={"db_table": "output_row", "managed": False},
    ),
]


class Migration(migrations.Migration):
    dependencies = [
        ("signals", "0002_partition_rights"),
        ("loaders", "0003_every_field_of_a_definition"),
    ]
    operations = [
        migrations.RunSQL(
            TABLES, "DROP TABLE signals.output_row; DROP TABLE signals.output_version;"
        ),
        migrations.RunSQL(DROP_OUTPUT, "DROP FUNCTION signals.drop_output(uuid, bigint);"),
        *MODELS,
    ]
