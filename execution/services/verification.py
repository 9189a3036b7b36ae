"""`coverage --verify`: recompute a loader's coverage from executions and signals, compare, and
repair (spec 9).

A part of the time line at a time, each in a short transaction that holds the loader's state row as
a commit does: a run that commits meanwhile comes before or after. Memory is bounded by
RUNS_A_PART, however long the line.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import transaction

from accounts.roles import Permission, User
from audit.services import record
from core.clock import database_now
from core.window import Window
from execution.comparison import Difference, Fault, differences, mended
from execution.coverage import CoverageState, Interval, merged, uncovered
from execution.models import CoverageInterval, GapWaiver, LoadHistory
from execution.provenance import claims
from execution.replay import Event, replay
from execution.services.count_check import miscounted
from execution.services.coverage import locked_coverage, replace_coverage
from execution.services.run_record import Reach, RunsAround
from execution.services.time_line import TimeLine, grain_of, time_line_of
from loaders.models import Loader, LoaderState
from loaders.services import require_on
from signals.counting import count_by_run, stamps_of_runs

RUNS_A_PART = 4000
"""Executions that are looked at while the loader's state row is held."""

MOST_STAMPS = 10_000
"""Times with signals of unknown origin that are told apart in a part; beyond, one stretch."""

_LOADED = CoverageState.LOADED


@dataclass(frozen=True)
class PartVerified:
    """A part of the line. `repaired` says that what is wrong in it was corrected."""

    stretch: Window
    differences: Sequence[Difference]
    repaired: bool = False


@dataclass
class Verification:
    """What is asked for, and what of the line is known to be wrong already."""

    user: User
    loader: Loader
    reach: Reach
    end: datetime
    repair: bool
    explained: list[Window] = field(default_factory=list)


def verify_coverage(
    *,
    user: User,
    loader: Loader,
    start: datetime | None = None,
    end: datetime | None = None,
    repair: bool = False,
    with_counts: bool = True,
) -> Iterator[PartVerified]:
    """Verify the loader's coverage between two instants (aware UTC; open ends reach as far as its
    time line), part by part, its counts last.

    With `repair`, what follows from the executions is stored where coverage says something else; a
    stretch whose signals are gone becomes a gap, which a backfill or the gap scanner loads again.
    Each part that is changed leaves an audit event. Without `with_counts`, the counts of loaded
    stretches, which may reach far beyond the range, are not looked at. Raises
    PermissionDeniedError and LoaderNotFoundError.
    """
    require_on(user, Permission.MEND_COVERAGE if repair else Permission.VIEW, loader)
    now = database_now()  # the line grows with the time, and this must come to an end
    until = now if end is None else min(end, now)
    asked = Verification(user, loader, Reach.of(loader, start), until, repair)
    at = start
    while (part := _verify_next(asked, at)) is not None:
        asked.explained += [one.window for one in part.differences if not part.repaired]
        yield part
        at = part.stretch.end
    if with_counts:
        yield from _verify_counts(asked, start)


@transaction.atomic
def _verify_next(asked: Verification, start: datetime | None) -> PartVerified | None:
    """The next part from `start`, under the loader's state row; None at the end."""
    loader = asked.loader
    state = LoaderState.objects.select_for_update(no_key=True).get(pk=loader.pk)
    line = time_line_of(loader, state, database_now())
    stretch = None if line is None else line.cut(start, asked.end)
    if line is None or stretch is None:
        return None
    stretch = _part_of(loader, stretch)
    stored, present = locked_coverage(loader.loader_code, stretch)
    found = _compare(asked, line, stretch, present)
    wrong = [one for one in found if one.fault.is_wrong and one.told is not one.found]
    if asked.repair and wrong:
        replace_coverage(loader.loader_code, stored, mended(present, wrong))
        _tell(asked, stretch, wrong)
    return PartVerified(stretch, found, repaired=asked.repair and bool(wrong))


def _part_of(loader: Loader, stretch: Window) -> Window:
    """The beginning of the stretch, with so many runs as may be looked at at once."""
    bounds = LoadHistory.objects.filter(
        loader_id=loader.loader_code,
        query_from_time__gt=stretch.start,
        query_from_time__lt=stretch.end,
    ).order_by("query_from_time")
    border = bounds.values_list("query_from_time", flat=True)[RUNS_A_PART : RUNS_A_PART + 1].first()
    return stretch if border is None else Window(stretch.start, border)


def _compare(
    asked: Verification, line: TimeLine, stretch: Window, present: Sequence[Interval]
) -> list[Difference]:
    runs = RunsAround(asked.loader.loader_code, stretch, asked.reach)
    return differences(
        stretch,
        stored=present,
        replayed=replay(_events(asked.loader.loader_code, stretch, runs), stretch),
        faulty=_faulty(asked, stretch, runs),
        settled_until=line.settled_until,
        history_since=asked.reach.since,
    )


def _events(loader_code: str, stretch: Window, runs: RunsAround) -> list[Event]:
    """All that changed coverage in the stretch."""
    events = [run.as_event() for run in runs.inside]
    waivers = GapWaiver.objects.filter(
        loader_id=loader_code, range_from__lt=stretch.end, range_to__gt=stretch.start
    )
    for waiver in waivers:
        events.append(Event(waiver.waived_at, waiver.window, None))
        if waiver.withdrawn_at is not None:
            events.append(Event(waiver.withdrawn_at, waiver.window, None, withdrawn=True))
    return events


def _faulty(asked: Verification, stretch: Window, runs: RunsAround) -> list[tuple[Window, Fault]]:
    """Stretches whose signals are not those that the executions left there."""
    loaded = [run for run in runs.around if run.has_loaded]
    standing = count_by_run(asked.loader.loader_code, runs.hull)
    expired = _expired(asked.loader.loader_code, runs.hull)
    lost: list[Window] = []
    for claim in claims(run.as_loaded() for run in loaded):
        stands = sum(standing.get(run, 0) for run in claim.runs)
        is_cut = any(piece.overlaps(gone) for piece in claim.stretches for gone in expired)
        if claim.rows is not None and stands != claim.rows and not is_cut:
            lost += [piece for piece in claim.stretches if piece.overlaps(stretch)]
    strangers = list(standing.keys() - {run.id for run in loaded})
    faults = [(window, Fault.SIGNALS_LOST) for window in merged(lost)]
    for window in _unknown(asked, stretch, strangers):
        faults += [(hole, Fault.SIGNALS_UNKNOWN) for hole in uncovered(window, lost)]
    return faults


def _expired(loader_code: str, window: Window) -> list[Window]:
    """What retention took: how many signals stand in the rest of a window that it cut is not
    known."""
    rows = CoverageInterval.objects.filter(
        loader_id=loader_code,
        state=CoverageState.EXPIRED,
        range_from__lt=window.end,
        range_to__gt=window.start,
    )
    return [Window(row.range_from, row.range_to) for row in rows]


def _unknown(asked: Verification, stretch: Window, runs: Sequence[UUID]) -> list[Window]:
    """Grains with signals that no execution of the loader loaded there. What stands before the
    oldest execution that is kept may stem from one that is not."""
    since = asked.reach.since
    first = stretch.start if since is None else max(stretch.start, since)
    if not runs or since is None or first >= stretch.end:
        return []
    code, after = asked.loader.loader_code, Window(first, stretch.end)
    stamps = stamps_of_runs(code, after, runs, MOST_STAMPS + 1)
    grain = grain_of(asked.loader)
    if len(stamps) > MOST_STAMPS:
        return [Window(grain.floor(stamps[0]), stretch.end)]
    return merged(Window(grain.floor(at), grain.following(at)) for at in stamps)


def _verify_counts(asked: Verification, start: datetime | None) -> Iterator[PartVerified]:
    """Counts of what is loaded, where nothing else is wrong; with `repair` those that are not
    known are counted, too."""
    explained = merged(asked.explained)
    for counted in miscounted(asked.loader.loader_code, start, asked.end):
        before = bisect_left(explained, counted.window.end, key=lambda window: window.start)
        if before and explained[before - 1].overlaps(counted.window):
            continue
        if asked.repair:
            counted.store()
        if counted.told is not None:
            one = Difference(
                counted.window, Fault.COUNT, _LOADED, _LOADED, counted.told, counted.signals
            )
            yield PartVerified(counted.window, [one], repaired=asked.repair)


def _tell(asked: Verification, stretch: Window, wrong: Sequence[Difference]) -> None:
    record(
        actor=asked.user,
        action="coverage.repair",
        object_type="loader",
        object_id=asked.loader.loader_code,
        after={
            "from": stretch.start.isoformat(),
            "to": stretch.end.isoformat(),
            "stretches": len(wrong),
            "first": [_text(one) for one in wrong[:20]],
        },
    )


def _text(one: Difference) -> dict[str, str]:
    return {
        "from": one.window.start.isoformat(),
        "to": one.window.end.isoformat(),
        "fault": one.fault,
        "was": one.told,
        "is": one.found,
    }
