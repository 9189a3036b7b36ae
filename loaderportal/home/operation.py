"""Sources and replicas on the home page, for those who may see them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, Count, IntegerField, Value, When

from accounts.object_access import reachable
from accounts.roles import Permission, User, may
from core.display import Tone, ago_text
from execution.admin import locks_address, replica_badge, replicas_address, slots_link
from execution.models import LoaderExecutionLock, Replica
from execution.source_standing import SourceStanding, with_standing
from loaderportal.home.cards import SHOWN
from loaderportal.source_page import sources_address, standing_badge
from loaders.models import ReadOnlyVerdict, SourceDatabase


@dataclass(frozen=True)
class Figure:
    """A number in a panel's head, and where it leads."""

    number: int
    text: str
    address: str
    tone: Tone = Tone.QUIET


_WORST_FIRST = Case(
    *(When(standing=one.value, then=Value(rank)) for rank, one in enumerate(SourceStanding)),
    output_field=IntegerField(),
)


def operation_context(user: User, now: datetime) -> dict[str, Any]:
    """Both panels; nothing for who may not see where data comes from (spec 1)."""
    if not may(user, Permission.VIEW_SQL):
        return {"sees_operation": False}
    replicas: list[Any] = list(Replica.objects.with_work())
    return {
        "sees_operation": True,
        "sources": [_source_row(source, now) for source in _sources(user)[:SHOWN]],
        "source_figures": list(_source_figures(user)),
        "replicas": [_replica_row(user, replica, now) for replica in replicas[:SHOWN]],
        "replica_figures": list(_replica_figures(user, replicas)),
    }


def _sources(user: User) -> Any:
    """Those in trouble first, then those whose account may write."""
    found = with_standing(reachable(user, SourceDatabase.objects.all()))
    return found.order_by(_WORST_FIRST, "read_only_verdict", "db_code")


def _source_row(source: Any, now: datetime) -> dict[str, Any]:
    return {
        "source": source,
        "standing": standing_badge(source),
        "can_write": source.read_only_verdict == ReadOnlyVerdict.CAN_WRITE,
        "error": source.last_error,
        "answered": ago_text(source.answered_at, now) if source.answered_at else "Never",
    }


def _source_figures(user: User) -> Iterable[Figure]:
    """How many sources are in which state, and how many accounts may write."""
    found = with_standing(reachable(user, SourceDatabase.objects.all())).order_by()
    counted: dict[tuple[str, str], int] = {
        (standing, verdict): number
        for standing, verdict, number in found.values_list(
            "standing", "read_only_verdict"
        ).annotate(number=Count("pk"))
    }
    for standing in reversed(SourceStanding):
        number = sum(n for (one, _), n in counted.items() if one == standing)
        if number:
            tone = _STANDING_TONES.get(standing, Tone.QUIET)
            text = str(standing.label).lower()
            yield Figure(number, text, sources_address(standing=standing.value), tone)
    writing = ReadOnlyVerdict.CAN_WRITE
    number = sum(n for (_, verdict), n in counted.items() if verdict == writing)
    if number:
        address = sources_address(read_only_verdict__exact=writing.value)
        yield Figure(number, "can write", address, Tone.BAD)


_STANDING_TONES = {SourceStanding.HELD: Tone.BAD, SourceStanding.FAILING: Tone.WAITING}


def _replica_row(user: User, replica: Any, now: datetime) -> dict[str, Any]:
    return {
        "replica": replica,
        "state": replica_badge(replica),
        "slots": slots_link(user, replica),
        "heartbeat": ago_text(replica.heartbeat_at, now),
    }


def _replica_figures(user: User, replicas: list[Any]) -> Iterable[Figure]:
    live = [one for one in replicas if one.is_heard_of and not one.draining]
    draining = sum(one.is_heard_of and one.draining for one in replicas)
    gone = sum(not one.is_heard_of for one in replicas)
    yield Figure(len(live), "live", replicas_address(state="live"))
    if draining:
        yield Figure(draining, "draining", replicas_address(state="draining"), Tone.WAITING)
    if gone:
        yield Figure(gone, "not heard of", replicas_address(state="gone"), Tone.BAD)
    locks = reachable(user, LoaderExecutionLock.objects.active()).count()
    slots = sum(one.slots for one in live)
    yield Figure(locks, f"runs on {slots} slots", locks_address(state="active"))
