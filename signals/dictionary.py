"""The segments dictionary: what people call a segment combination (spec 2).

A combination belongs to no loader: its code comes from its content, so two loaders that bring the
same values share it, and its name. Who reaches a loader that has brought it sees it, and may name
it if their role lets them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery

from accounts.object_access import reachable
from accounts.roles import Permission, User, require
from audit.services import record
from loaders.exceptions import ValidationFailedError
from signals.exceptions import SegmentNotFoundError
from signals.models import (
    SEGMENT_COUNT,
    LoaderSegment,
    SegmentCombination,
    SegmentDescription,
)

LONGEST = 200
MOST_WORDS = 8
_OF_CODE = SegmentDescription.objects.filter(segment_code=OuterRef("segment_code"))


@dataclass(frozen=True)
class Change:
    """What somebody called a combination; empty where they took its name away."""

    at: datetime
    by: str
    description: str


def named_segments(user: User) -> QuerySet[SegmentCombination]:
    """The combinations that the user reaches, with `description` and `described_at`; null where
    they have no name."""
    return with_names(reachable(user, SegmentCombination.objects.all()))


def with_names(segments: QuerySet[SegmentCombination]) -> QuerySet[SegmentCombination]:
    """The same with `description` and `described_at`."""
    return segments.annotate(
        description=Subquery(_OF_CODE.values("description")),
        described_at=Subquery(_OF_CODE.values("updated_at")),
    )


def of_loader(
    segments: QuerySet[SegmentCombination], loader_code: str
) -> QuerySet[SegmentCombination]:
    """Those that the loader has brought."""
    brought = LoaderSegment.objects.filter(loader_code=loader_code)
    return segments.filter(segment_code__in=brought.values("segment_code"))


def search_segments(segments: QuerySet[SegmentCombination], text: str) -> QuerySet[Any]:
    """Those that have each word of the text in their name or one of their segments, whatever its
    case. Reads them all, or all of a loader's."""
    for word in text.split()[:MOST_WORDS]:
        names = SegmentDescription.objects.filter(description__icontains=word)
        values = (
            Q(**{f"segment_{number}__icontains": word}) for number in range(1, SEGMENT_COUNT + 1)
        )
        named = Q(segment_code__in=names.values("segment_code"))
        segments = segments.filter(reduce(or_, values, named))
    return segments


def get_segment(segment_code: UUID, *, user: User) -> SegmentCombination:
    """The combination with its name, for somebody who reaches it. Raises SegmentNotFoundError."""
    found = named_segments(user).filter(segment_code=segment_code).first()
    if found is None:
        raise SegmentNotFoundError(f"There are no segments of code {segment_code}.")
    return found


@transaction.atomic
def describe_segment(*, user: User, segment_code: UUID, description: str) -> SegmentCombination:
    """Call the combination by this name, or by none if it is empty. The same name again changes
    nothing. Raises PermissionDeniedError, SegmentNotFoundError, ValidationFailedError."""
    require(user, Permission.DESCRIBE_SEGMENTS)
    get_segment(segment_code, user=user)
    name = description.strip()
    _check(name)
    # Its row lock lets one name it at a time; a loader that brings it again does not wait for that.
    SegmentCombination.objects.select_for_update(no_key=True).get(segment_code=segment_code)
    entry = SegmentDescription.objects.filter(segment_code=segment_code).first()
    before = "" if entry is None else entry.description
    if name != before:
        _write(entry, segment_code, name)
        record(
            actor=user,
            action="segment.describe",
            object_type="segment",
            object_id=str(segment_code),
            before={"description": before},
            after={"description": name},
        )
    return get_segment(segment_code, user=user)


def changes_of(segment_code: UUID, most: int) -> list[Change]:
    """How the combination was called, the latest first."""
    rows = SegmentDescription.history.filter(segment_code=segment_code)
    return [
        Change(
            row.history_date,
            row.history_user.get_username() if row.history_user else "system",
            "" if row.history_type == "-" else row.description,
        )
        for row in rows.select_related("history_user").order_by("-history_id")[:most]
    ]


def _write(entry: SegmentDescription | None, segment_code: UUID, name: str) -> None:
    if entry is None:
        SegmentDescription.objects.create(segment_code=segment_code, description=name)
    elif name:
        entry.description = name
        entry.save()
    else:
        entry.delete()


def _check(name: str) -> None:
    message = ""
    if len(name) > LONGEST:
        message = f"A name has at most {LONGEST} characters."
    elif not name.isprintable():
        message = "A name is one line of printable characters."
    if message:
        raise ValidationFailedError(message, details={"errors": {"description": [message]}})
