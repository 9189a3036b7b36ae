"""Bodies of loaders and sources. camelCase outside (see `core.api.json`)."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from core.api.serializers import Parameters, Strict
from loaders.dialects import DatabaseType
from loaders.models import Loader, LoaderVersion, LoadStatus, LogLevel, SourceDatabase
from loaders.services import get_source


class LoaderBody(Strict, serializers.ModelSerializer[Loader]):
    """What may be set of a loader. `sourceDatabase` is the source's code."""

    source_database = serializers.CharField(max_length=64, required=False, allow_null=True)
    loader_sql = serializers.CharField(trim_whitespace=False, required=False)
    tags = serializers.ListField(child=serializers.CharField(max_length=32), required=False)
    segment_meanings = serializers.ListField(
        child=serializers.CharField(max_length=64, allow_blank=True), required=False
    )

    class Meta:
        model = Loader
        fields: tuple[str, ...] = (
            "loader_code",
            "description",
            "domain",
            "tags",
            "is_test",
            "owning_team",
            "contact",
            "kind",
            "source_database",
            "loader_sql",
            "grain_seconds",
            "min_interval_seconds",
            "max_query_period_seconds",
            "max_parallel_executions",
            "purge_strategy",
            "watermark_policy",
            "lateness_seconds",
            "start_at",
            "end_at",
            "time_zone",
            "offset_hours",
            "time_format",
            "execution_timeout_seconds",
            "row_cap",
            "max_attempts",
            "raw_capture",
            "freshness_target_seconds",
            "segment_meanings",
            "enabled",
        )

    def validate_source_database(self, db_code: str | None) -> SourceDatabase | None:
        """The source itself. Raises SourceNotFoundError."""
        user = self.context["request"].user
        return None if db_code is None else get_source(db_code, user=user)


class LoaderChangeBody(LoaderBody):
    """What may be changed of a loader. Its code and kind are given once; it is switched on and off
    by `enable` and `disable`."""

    class Meta(LoaderBody.Meta):
        fields = tuple(
            name
            for name in LoaderBody.Meta.fields
            if name not in {"loader_code", "kind", "enabled"}
        )


class LoaderAnswer(LoaderBody):
    """A loader as it is shown in lists and after an act: without its SQL."""

    source_database = serializers.CharField(source="source_database.db_code", default=None)
    version = serializers.IntegerField(source="approved_version.number", default=None)
    load_status = serializers.ChoiceField(LoadStatus.choices, source="state.load_status")
    last_load_timestamp = serializers.DateTimeField(source="state.last_load_timestamp")
    last_success_timestamp = serializers.DateTimeField(source="state.last_success_timestamp")
    next_due_at = serializers.DateTimeField(source="state.next_due_at")
    consecutive_failures = serializers.IntegerField(source="state.consecutive_failures")

    class Meta(LoaderBody.Meta):
        fields = (
            "id",
            *(name for name in LoaderBody.Meta.fields if name != "loader_sql"),
            "approval_status",
            "version",
            "load_status",
            "last_load_timestamp",
            "last_success_timestamp",
            "next_due_at",
            "consecutive_failures",
            "log_level",
            "archived_at",
            "created_at",
            "updated_at",
        )

    def get_field_names(self, declared_fields: Any, info: Any) -> list[str]:
        """As in Meta, though the SQL is declared above."""
        return list(self.Meta.fields)


class LoaderWithSql(LoaderAnswer):
    """A loader as it is shown to somebody who may see its SQL."""

    only_for_some = frozenset({"loader_sql"})

    class Meta(LoaderAnswer.Meta):
        fields = (*LoaderAnswer.Meta.fields, "loader_sql")


class CopyBody(Strict):
    """Body of copy: the new code, and another source or domain if wanted."""

    loader_code = serializers.CharField(max_length=64)
    source_database = serializers.CharField(max_length=64, required=False)
    domain = serializers.CharField(max_length=64, required=False, allow_blank=True)


class WatermarkBody(Strict):
    """Body of watermark; null goes back to the loader's start."""

    watermark = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField(max_length=1000)


class TeamsBody(Strict):
    """Body of teams: the names of all that reach it from now on."""

    teams = serializers.ListField(child=serializers.CharField(max_length=150), max_length=1000)


class LogLevelBody(Strict):
    """Body of log-level; an empty level is the portal's own."""

    level = serializers.ChoiceField(choices=LogLevel.choices, allow_blank=True)


class VersionAnswer(serializers.ModelSerializer[LoaderVersion]):
    """A submitted version and what was decided about it, without the definition itself."""

    loader_code = serializers.CharField(source="loader.loader_code")
    submitted_by = serializers.CharField(source="submitted_by.username")
    decided_by = serializers.CharField(source="decided_by.username", default=None)

    class Meta:
        model = LoaderVersion
        fields: tuple[str, ...] = (
            "loader_code",
            "number",
            "decision",
            "submitted_by",
            "submitted_at",
            "note",
            "decided_by",
            "decided_at",
            "comment",
        )


class SourceBody(Strict, serializers.ModelSerializer[SourceDatabase]):
    """What may be set of a source. The password goes in and never comes out. The seeds' names are
    accepted: `ip`, `passWord`, and of their pool `maxPoolSize` and `connectionTimeoutSeconds`."""

    NAMES_OF_SEEDS = {
        "ip": "host",
        "pass_word": "password",
        "max_pool_size": "max_connections",
        "connection_timeout_seconds": "connect_timeout_seconds",
    }
    WITHOUT_EFFECT = frozenset(
        {"min_pool_size", "idle_timeout_seconds", "leak_detection_threshold_seconds"}
    )
    """Fields of the seeds' pool that say nothing here: a worker opens a connection for a run and
    closes it after."""

    password = serializers.CharField(
        write_only=True, trim_whitespace=False, max_length=1024, required=False
    )

    class Meta:
        model = SourceDatabase
        fields = (
            "db_code",
            "db_type",
            "host",
            "port",
            "db_name",
            "user_name",
            "password",
            "environment",
            "tls_mode",
            "tls_ca",
            "connect_timeout_seconds",
            "idle_read_timeout_seconds",
            "max_connections",
            "time_zone",
            "blackout_hours",
            "retention_days",
            "allow_test_queries",
            "read_only_verdict",
            "read_only_checked_at",
            "read_only_findings",
        )
        read_only_fields = ("read_only_verdict", "read_only_checked_at", "read_only_findings")

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            data = {
                self.NAMES_OF_SEEDS.get(name, name): value
                for name, value in data.items()
                if name not in self.WITHOUT_EFFECT
            }
        return super().to_internal_value(data)


class ValidateBody(Strict):
    """Body of `sql/validate`."""

    sql = serializers.CharField(trim_whitespace=False, allow_blank=True)
    db_type = serializers.ChoiceField(choices=DatabaseType.choices)


class DiffParameters(Parameters):
    """Parameters of a diff: two version numbers."""

    to = serializers.IntegerField(min_value=1)

    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of the language."""
        return {"from": serializers.IntegerField(min_value=1), **super().get_fields()}


class SubmitBody(Strict):
    """Body of submit. `note` is what the approver should know; `comment` is an older name of it."""

    note = serializers.CharField(allow_blank=True, default="", max_length=4000)
    comment = serializers.CharField(allow_blank=True, default="", max_length=4000)


class DecisionBody(Strict):
    """Body of approve and reject. `version` is the number that was looked at; if another one
    waits by now, nothing is decided."""

    comment = serializers.CharField(allow_blank=True, default="", max_length=4000)
    version = serializers.IntegerField(min_value=1, allow_null=True, default=None)
