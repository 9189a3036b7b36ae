"""The signals tables, and the function that makes their monthly partitions."""

from django.db import migrations, models

TABLES = """
CREATE TABLE signals.segment_combination (
    segment_code uuid PRIMARY KEY,
    segment_1 text NOT NULL, segment_2 text NOT NULL, segment_3 text NOT NULL,
    segment_4 text NOT NULL, segment_5 text NOT NULL, segment_6 text NOT NULL,
    segment_7 text NOT NULL, segment_8 text NOT NULL, segment_9 text NOT NULL,
    segment_10 text NOT NULL
);
CREATE TABLE signals.signals_history (
    loader_code text NOT NULL,
    load_time_stamp timestamptz NOT NULL,
    segment_code uuid NOT NULL,
    rec_count bigint,
    value_count bigint,
    sum_val double precision,
    avg_val double precision,
    max_val double precision,
    min_val double precision,
    load_history_id uuid NOT NULL,
    PRIMARY KEY (loader_code, load_time_stamp, segment_code)
) PARTITION BY RANGE (load_time_stamp);
"""

# Runs as the owner of the tables, so that the application's role needs no right to alter them.
# LIKE + ATTACH locks the parent only against other DDL; lock_timeout bounds even that wait.
ENSURE_PARTITION = """
CREATE FUNCTION signals.ensure_partition(instant timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' SET timezone = 'UTC' AS $$
DECLARE
    first_day timestamptz := date_trunc('month', instant);
    next_month timestamptz := date_trunc('month', instant) + interval '1 month';
    part text := 'signals_history_y' || to_char(first_day, 'YYYY"m"MM');
BEGIN
    IF to_regclass('signals.' || part) IS NOT NULL THEN
        RETURN false;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('signals.ensure_partition'));
    IF to_regclass('signals.' || part) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE signals.%I (LIKE signals.signals_history INCLUDING ALL)', part);
    EXECUTE format(
        'ALTER TABLE signals.signals_history ATTACH PARTITION signals.%I FOR VALUES FROM (%L) TO (%L)',
        part, first_day, next_month);
    RETURN true;
END
$$;
"""

MODELS = [
    migrations.CreateModel(
        name="SegmentCombination",
        fields=[
            ("segment_code", models.UUIDField(primary_key=True, serialize=False)),
            *((f"segment_{n}", models.TextField()) for n in range(1, 11)),
        ],
        options={"db_table": "segment_combination", "managed": False},
    ),
    migrations.CreateModel(
        name="SignalsHistory",
        fields=[
            (
                "pk",
                models.CompositePrimaryKey(
                    "loader_code",
                    "load_time_stamp",
                    "segment_code",
                    blank=True,
                    editable=False,
                    primary_key=True,
                    serialize=False,
                ),
            ),
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
        options={"db_table": "signals_history", "managed": False},
    ),
]


class Migration(migrations.Migration):
    initial = True
    dependencies = [("core", "0001_schemas")]
    operations = [
        migrations.RunSQL(
            TABLES, "DROP TABLE signals.signals_history; DROP TABLE signals.segment_combination;"
        ),
        migrations.RunSQL(ENSURE_PARTITION, "DROP FUNCTION signals.ensure_partition(timestamptz);"),
        *MODELS,
    ]
