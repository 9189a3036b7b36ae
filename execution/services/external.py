"""Another system posts signals of an EXTERNAL loader (spec 8).

One transaction holds all that makes the post count: the signals, what coverage says of their time,
an execution that names them, the event, and where the loader stands. It begins with the loader's
rows, so that posts of one loader come one after another, and whatever else asks whether the loader
may be written to comes before or after.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.db import transaction

from accounts.roles import Permission, User, person_of
from audit.models import LoaderEvent
from audit.services import emit, record
from core.clock import database_now
from core.correlation import correlation_id
from core.ids import uuid7
from core.window import Window
from execution.coverage import Outcome
from execution.exceptions import PostTooScatteredError
from execution.models import LoadHistory, RunStatus, Trigger
from execution.posting import watermark_after_post, windows_of
from execution.services.coverage import update_coverage
from execution.services.time_line import grain_of
from loaders.exceptions import LoaderNotApprovedError
from loaders.models import Loader, LoaderState, LoaderVersion, LoadStatus
from loaders.policies import REPLACE_KEYS, WatermarkPolicy
from loaders.services import approved_for_posts, require_on
from signals.partitions import months_of
from signals.posted import Calendar, PostedSignal, PostedSignals, read_signals
from signals.posting import prepare, replace
from signals.rollups import rebuild

CLOCKS_DIFFER = timedelta(minutes=5)
"""How far a signal's time may lie ahead of the portal's clock."""

MOST_WINDOWS = 100
MOST_MONTHS = 120


@dataclass(frozen=True)
class Posted:
    """What a post did: `replaced` of the signals stood there before, under the same keys."""

    loader_code: str
    executions: Sequence[LoadHistory]
    received: int
    replaced: int

    @property
    def inserted(self) -> int:
        """How many were not there before."""
        return self.received - self.replaced


@dataclass(frozen=True)
class _Part:
    """The signals of a post in one window."""

    window: Window
    signals: Sequence[PostedSignal]


def post_signals(*, user: User, loader: Loader, signals: Sequence[Any]) -> Posted:
    """Store the signals, which are as JSON gave them, all or none; those of the same time and
    segments are replaced. The same again leaves the same data.

    Raises PermissionDeniedError, LoaderNotFoundError, what `approved_for_posts` raises,
    ValidationFailedError (with the faulty signals' indexes), PostTooScatteredError,
    PartitionBusyError.
    """
    require_on(user, Permission.POST_SIGNALS, loader)
    version = approved_for_posts(loader)
    now = database_now()
    posted = read_signals(signals, _calendar_of(loader, now))
    parts = _parts(loader, posted)
    prepare(loader.loader_code, posted, [part.window for part in parts])
    with transaction.atomic():
        state = _locked_state(loader, version)
        executions = [_store(loader, version, part, person_of(user), now) for part in parts]
        replaced = sum(execution.records_purged or 0 for execution in executions)
        _move_on(state, loader, parts[-1])
        _tell(user, loader, executions)
    return Posted(loader.loader_code, executions, len(posted.signals), replaced)


def _calendar_of(loader: Loader, now: datetime) -> Calendar:
    """As runs have it: the grain of `start_at` belongs to the loader, and so does that of
    `end_at`."""
    grain = grain_of(loader)
    return Calendar(
        grain=grain,
        first=None if loader.start_at is None else grain.floor(loader.start_at),
        end=None if loader.end_at is None else grain.ceil(loader.end_at),
        latest=now + CLOCKS_DIFFER,
    )


def _parts(loader: Loader, posted: PostedSignals) -> list[_Part]:
    stamps = [signal.load_time_stamp for signal in posted.signals]
    longest = timedelta(seconds=loader.max_query_period_seconds)
    windows = windows_of(stamps, grain_of(loader), longest)
    months = {month for window, _ in windows for month in months_of(window)}
    if len(windows) > MOST_WINDOWS or len(months) > MOST_MONTHS:
        raise PostTooScatteredError(
            f"The signals lie in {len(windows)} stretches of time and {len(months)} months; one "
            f"request may reach over {MOST_WINDOWS} and {MOST_MONTHS}. Send them in several."
        )
    rest = iter(posted.signals)
    return [_Part(window, list(islice(rest, count))) for window, count in windows]


def _locked_state(loader: Loader, version: LoaderVersion) -> LoaderState:
    """The loader's rows, locked, once it was found to be what the signals were checked by."""
    locked = Loader.objects.select_for_update(no_key=True).get(pk=loader.pk)
    if approved_for_posts(locked) != version:
        raise LoaderNotApprovedError(
            f"Another version of {loader.loader_code} was approved meanwhile. Send the signals "
            "again."
        )
    return LoaderState.objects.select_for_update(no_key=True).get(pk=loader.pk)


def _store(
    loader: Loader, version: LoaderVersion, part: _Part, user: User | None, now: datetime
) -> LoadHistory:
    """The signals of one window, and the execution that they name as theirs."""
    key = uuid7()
    replaced = replace(
        loader_code=loader.loader_code,
        signals=part.signals,
        window=part.window,
        load_history_id=key,
    )
    rebuild(loader_code=loader.loader_code, window=part.window)
    update_coverage(
        loader_code=loader.loader_code,
        window=part.window,
        outcome=Outcome.ROWS,
        load_history_id=key,
        rec_count=len(part.signals),
        purged=replaced,
    )
    emit(
        kind=LoaderEvent.Kind.RUN_FINISHED,
        loader_code=loader.loader_code,
        execution_id=key,
        window=part.window,
        details={"recordsLoaded": len(part.signals), "recordsPurged": replaced},
    )
    return LoadHistory.objects.create(
        id=key,
        loader=loader,
        version=version,
        trigger=Trigger.API,
        status=RunStatus.SUCCESS,
        requested_by=user,
        purge_strategy=REPLACE_KEYS[0],
        start_time=now,
        claimed_at=now,
        end_time=database_now(),
        query_from_time=part.window.start,
        query_to_time=part.window.end,
        actual_from_time=part.signals[0].load_time_stamp,
        actual_to_time=part.signals[-1].load_time_stamp,
        records_read=len(part.signals),
        records_loaded=len(part.signals),
        records_skipped=0,
        records_purged=replaced,
        correlation_id=correlation_id(),
    )


def _move_on(state: LoaderState, loader: Loader, last: _Part) -> None:
    """Where the loader stands now. It is never due: nothing of it is run."""
    now = database_now()
    state.last_load_timestamp = watermark_after_post(
        WatermarkPolicy(loader.watermark_policy),
        state.last_load_timestamp,
        last.signals[-1].load_time_stamp,
        last.window.end,
    )
    state.load_status = LoadStatus.IDLE
    state.last_attempt_at = state.last_success_timestamp = now
    state.next_due_at = None
    state.consecutive_failures = 0
    state.data_version += 1
    state.save()


def _tell(user: User, loader: Loader, executions: Sequence[LoadHistory]) -> None:
    record(
        actor=user,
        action="signals.post",
        object_type="loader",
        object_id=loader.loader_code,
        after={
            "executionIds": [str(execution.pk) for execution in executions],
            "from": executions[0].query_from_time.isoformat(),
            "to": executions[-1].query_to_time.isoformat(),
            "signals": sum(execution.records_loaded or 0 for execution in executions),
            "replaced": sum(execution.records_purged or 0 for execution in executions),
        },
    )
