"""Answers about runs, coverage, outputs and trials. camelCase outside (see `core.api.json`)."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from core.api.answers import DataclassAnswer
from core.errors import PortalError
from execution.coverage import CoverageState
from execution.exceptions import (
    LoaderAtCapacityError,
    NothingToLoadError,
    WindowBeyondWatermarkError,
    WindowOffGrainError,
)
from execution.models import LoadHistory, RunStatus, TrialKind
from execution.models.trial import Stage
from loaders.exceptions import (
    DefinitionTamperedError,
    EnvironmentMismatchError,
    LoaderArchivedError,
    LoaderDisabledError,
    LoaderIsExternalError,
    LoaderNotApprovedError,
    LoaderNotFoundError,
    SourceNotReadOnlyError,
)
from loaders.models import EvidenceStatus
from loaders.trial_report import Finding, TrialReport
from signals.comparison import Comparison


class AcceptedAnswer(serializers.ModelSerializer[LoadHistory]):
    """An execution that was started; nobody waits for its end."""

    execution_id = serializers.UUIDField(source="id")

    class Meta:
        model = LoadHistory
        fields = ("execution_id", "status", "start_time")


class IntervalAnswer(serializers.Serializer[Any]):
    """One interval of coverage, `[fromTime, toTime)`, and the run that made it so."""

    from_time = serializers.DateTimeField(source="window.start")
    to_time = serializers.DateTimeField(source="window.end")
    state = serializers.ChoiceField(CoverageState.choices)
    rec_count = serializers.IntegerField(allow_null=True)
    execution_id = serializers.UUIDField(source="load_history_id", allow_null=True)


class CoverageAnswer(serializers.Serializer[Any]):
    """A loader's coverage. `isCondensed` tells that short intervals were told as one; both ends are
    null for a loader without a time line."""

    loader_code = serializers.CharField()
    watermark = serializers.DateTimeField(allow_null=True)
    from_time = serializers.DateTimeField(allow_null=True)
    to_time = serializers.DateTimeField(allow_null=True)
    is_condensed = serializers.BooleanField()
    intervals = IntervalAnswer(many=True)


class ComparisonAnswer(DataclassAnswer):
    """How many signals differ from those that stand now, and the first of them."""

    shows = Comparison


class TrialFindingAnswer(DataclassAnswer):
    """One thing that a reader should know; `code` is stable, `message` says what to do."""

    shows = Finding


class TrialReportAnswer(DataclassAnswer):
    """What a trial found. Plan, sample rows and the source's words are empty for those who may
    not see them."""

    shows = TrialReport


class TrialAnswer(serializers.Serializer[Any]):
    """How far a trial has come; `report` is null until it has ended."""

    execution_id = serializers.UUIDField()
    loader_code = serializers.CharField()
    kind = serializers.ChoiceField(TrialKind.choices)
    status = serializers.ChoiceField(RunStatus.choices)
    stage = serializers.ChoiceField(Stage.choices)
    rows_so_far = serializers.IntegerField()
    report = TrialReportAnswer(allow_null=True)


class EvidenceAnswer(serializers.Serializer[Any]):
    """The evidence about a version; `report` is null until it was gathered."""

    version = serializers.IntegerField()
    status = serializers.ChoiceField(EvidenceStatus.choices)
    note = serializers.CharField()
    gathered_at = serializers.DateTimeField(allow_null=True)
    report = TrialReportAnswer(allow_null=True)


RUN_ERRORS: tuple[type[PortalError], ...] = (
    LoaderNotFoundError,
    LoaderArchivedError,
    LoaderDisabledError,
    LoaderNotApprovedError,
    LoaderIsExternalError,
    DefinitionTamperedError,
    EnvironmentMismatchError,
    SourceNotReadOnlyError,
    LoaderAtCapacityError,
    NothingToLoadError,
)
"""What may keep a run from being started."""

WINDOW_ERRORS = (*RUN_ERRORS, WindowOffGrainError, WindowBeyondWatermarkError)
"""The same where the window was chosen."""
