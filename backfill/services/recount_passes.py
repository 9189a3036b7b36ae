"""Asking for re-counts: in passes over every loader's time, or by a person (spec 9)."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, Sum

from accounts.roles import SYSTEM, Permission, User, person_of
from audit.services import record
from backfill.late.places import Places
from backfill.late.plan import LONGEST_WAIT, Pass, next_recount
from backfill.models import RecountPass
from backfill.services.recounts import settle_found
from backfill.services.work import bounds_of
from core.clock import database_now
from core.correlation import set_correlation_id
from core.display import span_text
from core.errors import PortalError
from core.ids import uuid7
from core.window import Window
from execution.exceptions import PortalAtCapacityError
from execution.models import LoaderExecutionLock, LoadHistory, Replica, RunStatus, Trigger
from execution.services import dispatch_window
from execution.services.dispatch import require_planned
from execution.windows import NotDue
from loaders.exceptions import ValidationFailedError
from loaders.models import Loader
from loaders.policies import PurgeStrategy
from loaders.services import approved_definition, require_on

logger = structlog.get_logger(__name__)

_REST = timedelta(hours=1)
"""How long a pass rests after a re-count that failed; twice as long after each further one."""

_MOST_FAILURES = 5
"""Re-counts of one window that may fail, over 15 hours, before the pass goes on without it: what
lies behind it would never be looked at, and the source be asked in vain for ever."""

_FAILURES_COUNT = timedelta(days=3)
"""For so long, longer than the rests and the runs' own timeouts together."""


@transaction.atomic
def request_recount(*, user: User, loader: Loader, window: Window) -> LoadHistory:
    """Queue a re-count of a chosen window, without waiting for it.

    Raises PermissionDeniedError, LoaderNotFoundError, ValidationFailedError for a window that no
    run of the loader could read (longer than its longest, before its start, or past what the source
    keeps), and what `dispatch_window` raises: the window is on the loader's grain and below its
    watermark.
    """
    require_on(user, Permission.BACKFILL, loader)
    _check_readable(loader, window)
    planned = _dispatch(loader, window, user)
    history = require_planned(planned, loader)
    record(
        actor=user,
        action="recount.request",
        object_type="loader",
        object_id=loader.loader_code,
        after={"executionId": str(history.pk)},
    )
    return history


def _check_readable(loader: Loader, window: Window) -> None:
    _, definition = approved_definition(loader)
    bounds = bounds_of(loader, definition.settings(), database_now())
    errors = bounds.errors(window.start, window.end)
    if not errors and window.end > bounds.plan.longest_from(window.start):
        longest = span_text(bounds.plan.max_query_period)
        errors["to_time"] = f"The longest window that a run of the loader reads is {longest}."
    if errors:
        raise ValidationFailedError(
            " ".join(errors.values()), details={"errors": {n: [e] for n, e in errors.items()}}
        )


def recount_due() -> int:
    """The maintenance job: follow up what ended, and queue what passes ask next; returns how many
    were queued. One loader's fault keeps no other waiting."""
    settle_found()
    _begin_passes()
    queued = 0
    places = _places()
    for course_id, source, connections in _worth_a_look(database_now()):
        if source is not None and not places.is_free(source, connections):
            continue
        set_correlation_id(str(uuid7()))
        try:
            queued += _go_on(course_id, places)
        except PortalAtCapacityError:
            break
        except PortalError as error:
            logger.info("recount.not_queued", course=str(course_id), error_code=error.code)
    return queued


def _places() -> Places:
    under_way = LoaderExecutionLock.objects.active().filter(load_history__trigger=Trigger.RECOUNT)
    slots = Replica.objects.live().aggregate(Sum("slots"))["slots__sum"] or 0
    return Places(slots, under_way.values_list("loader__source_database", flat=True))


def _begin_passes() -> None:
    """Passes begin with what is old enough now: nobody asks for years at once."""
    now = database_now()
    for age in settings.RECOUNT_AGES:
        seconds = int(age.total_seconds())
        known = RecountPass.objects.filter(loader=OuterRef("loader_code"), age_seconds=seconds)
        codes = Loader.objects.runnable().exclude(Exists(known)).values_list("loader_code")
        RecountPass.objects.bulk_create(
            (
                RecountPass(loader_id=code, age_seconds=seconds, counted_until=now - age)
                for (code,) in codes
            ),
            ignore_conflicts=True,
        )


def _worth_a_look(now: datetime) -> list[tuple[UUID, UUID | None, int]]:
    """The passes that may have a window to ask for, with their sources and what those serve at
    once, and those whose re-count has ended, which need no place to be reckoned with; those that
    have waited longest first. A loader whose live run is due is left to it: both may want its only
    slot."""
    ages = [int(age.total_seconds()) for age in settings.RECOUNT_AGES]
    rows = (
        RecountPass.objects.filter(age_seconds__in=ages, loader__in=Loader.objects.runnable())
        .filter(loader__state__last_load_timestamp__isnull=False)
        .filter(Q(rests_until=None) | Q(rests_until__lte=now))
        .exclude(execution__status=RunStatus.RUNNING)
        .exclude(execution__isnull=True, loader__in=Loader.objects.due(now))
        .order_by("counted_until")
        .values_list(
            "pk",
            "age_seconds",
            "counted_until",
            "loader__max_query_period_seconds",
            "loader__state__last_load_timestamp",
            "execution",
            "loader__source_database",
            "loader__source_database__max_connections",
        )
    )
    found = []
    row: tuple[UUID, int, datetime, int, datetime, UUID | None, UUID, int]
    for row in rows:  # type: ignore[assignment]  # the stubs take a filter for no proof
        pk, age, counted_until, period, watermark, execution, source, connections = row
        limit = min(now - timedelta(seconds=age), watermark)
        enough = min(timedelta(seconds=period), LONGEST_WAIT)
        if execution is not None or limit - counted_until >= enough:
            found.append((pk, None if execution is not None else source, connections))
    return found


@transaction.atomic
def _go_on(course_id: UUID, places: Places) -> bool:
    """Take a pass one window further. Its row is locked, so that two jobs at once ask once. Its
    source and its loader's live run go first."""
    course = RecountPass.objects.select_for_update(no_key=True).get(pk=course_id)
    now = database_now()
    if not _is_free(course) or (course.rests_until is not None and course.rests_until > now):
        return False
    loader = Loader.objects.select_related("state", "source_database", "approved_version").get(
        loader_code=course.loader_id
    )
    _, definition = approved_definition(loader)
    source, due_at = loader.source, loader.state.next_due_at
    if not places.is_free(source.pk, source.max_connections) or (due_at and due_at <= now):
        return False
    bounds = bounds_of(loader, definition.settings(), now)
    if bounds.watermark is None:
        return False
    age = timedelta(seconds=course.age_seconds)
    asked = Pass(age, course.counted_until, bounds.watermark, bounds.oldest)
    window = next_recount(asked, bounds.plan, now)
    planned = None if window is None else _dispatch(loader, window, SYSTEM)
    if not isinstance(planned, LoadHistory):
        return False
    course.execution = planned
    course.save()
    places.take(source.pk)
    return True


def _is_free(course: RecountPass) -> bool:
    """Whether the pass has no re-count under way; one that ended is reckoned with."""
    history = course.execution
    if history is None:
        return True
    if history.status == RunStatus.RUNNING:
        return False
    if history.status == RunStatus.SUCCESS:
        course.counted_until = history.query_to_time
        course.rests_until = None
    else:
        _rest_or_go_on(course, history)
    course.execution = None
    course.save()
    return True


def _rest_or_go_on(course: RecountPass, history: LoadHistory) -> None:
    failed = LoadHistory.objects.filter(
        loader=history.loader,
        trigger=Trigger.RECOUNT,
        requested_by__isnull=True,
        status__in=(RunStatus.FAILED, RunStatus.CANCELLED),
        query_from_time=history.query_from_time,
        start_time__gt=history.start_time - _FAILURES_COUNT,
    ).count()
    if failed < _MOST_FAILURES:
        rest = _REST * 2 ** max(0, failed - 1)
        course.rests_until = (history.end_time or database_now()) + rest
        return
    logger.warning(
        "recount.window_left_out",
        loader_code=history.loader_id,
        window_from=history.query_from_time.isoformat(),
        error_code=history.error_code,
    )
    course.counted_until = history.query_to_time
    course.rests_until = None


def _dispatch(loader: Loader, window: Window, user: User) -> LoadHistory | NotDue:
    return dispatch_window(
        loader_id=loader.pk,
        window=window,
        trigger=Trigger.RECOUNT,
        purge_strategy=PurgeStrategy.FAIL_ON_DUPLICATE,
        requested_by=person_of(user),
    )
