"""Rules over several fields of a loader, one function each; each returns its sentences by field.

Pure. They are asked of values that may have failed the rules of their own field, and pass over
what they can't judge then.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import available_timezones

from loaders import blackout
from loaders.dialects import DatabaseType
from loaders.grain import Grain
from loaders.policies import LoaderKind, WatermarkPolicy
from loaders.source_time import SourceZone, TimeFormat, precision, resolve_format

Errors = dict[str, str]

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
"""Between them every grain of every zone can be computed, and every format written."""

MOST_TAGS = 32
SEGMENTS = 10
SHORTEST_DESCRIPTION = 10
SECONDS_A_DAY = 86_400
_TAG = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


def zone_errors(time_zone: str, offset_hours: Decimal | None) -> Errors:
    """The clock on the source's wall: a zone, an offset, or neither."""
    errors: Errors = {}
    if offset_hours is not None:
        try:
            SourceZone.offset(offset_hours)
        except ValueError:
            errors["offset_hours"] = "Give hours that make whole minutes, such as 5.5 or -3.75."
    if time_zone and offset_hours is not None:
        errors["offset_hours"] = "Give a time zone or an offset, not both."
    if time_zone and not _is_zone(time_zone):
        errors["time_zone"] = "Use an IANA name such as Asia/Riyadh."
    return errors


def _is_zone(name: str) -> bool:
    try:
        SourceZone.named(name)
    except ValueError:
        return False
    return name in available_timezones()


def span_errors(start_at: datetime | None, end_at: datetime | None) -> Errors:
    """From when to when the loader loads: instants that grains can be computed for, in order."""
    errors: Errors = {}
    for name, instant in (("start_at", start_at), ("end_at", end_at)):
        if isinstance(instant, datetime):
            errors |= _instant_errors(name, instant)
    if errors or not isinstance(start_at, datetime) or not isinstance(end_at, datetime):
        return errors
    if end_at <= start_at:
        errors["end_at"] = "The end must be after the start."
    return errors


def _instant_errors(name: str, instant: datetime) -> Errors:
    if instant.tzinfo is None:
        return {name: "Give an instant with its offset from UTC, such as 2026-01-31T10:00:00Z."}
    if EARLIEST <= instant <= LATEST:
        return {}
    hint = " For no end, leave it empty." if name == "end_at" else ""
    return {name: f"Give an instant from 1970-01-01 to 2200-01-01 (UTC).{hint}"}


def grain_errors(grain_seconds: int | None, time_format: str, sql: str) -> Errors:
    """The grain divides a day, and the source can be asked for each of its boundaries."""
    if not grain_seconds or grain_seconds < 0 or time_format not in TimeFormat.values:
        return {}
    if SECONDS_A_DAY % grain_seconds:
        return {"grain_seconds": "The grain must divide a day evenly."}
    fmt = resolve_format(TimeFormat(time_format), sql)
    if Grain(grain_seconds, SourceZone.offset(0)).is_multiple_of(precision(fmt)):
        return {}
    found = " (found in the SQL)" if time_format == TimeFormat.AUTO else ""
    step = int(precision(fmt).total_seconds())
    return {"grain_seconds": f"{fmt.value}{found} tells minutes: use a multiple of {step}."}


def watermark_errors(watermark_policy: str, lateness_seconds: int | None) -> Errors:
    """A watermark at the window's end never looks back, so that late rows need their lateness."""
    if watermark_policy == WatermarkPolicy.WINDOW_END and not lateness_seconds:
        return {"lateness_seconds": "WINDOW_END needs a lateness above 0."}
    return {}


def tag_errors(tags: object) -> Errors:
    """Tags are a short list of plain words."""
    if isinstance(tags, list) and len(tags) <= MOST_TAGS and all(map(_is_tag, tags)):
        return {}
    return {"tags": "Give a list of words of small letters, digits, - and _, 32 at most."}


def _is_tag(tag: object) -> bool:
    return isinstance(tag, str) and _TAG.fullmatch(tag) is not None


def segment_errors(meanings: object) -> Errors:
    """What SEGMENT_1, SEGMENT_2, ... stand for, in order: short texts."""
    if (
        isinstance(meanings, list)
        and len(meanings) <= SEGMENTS
        and all(isinstance(name, str) and len(name) <= 64 for name in meanings)
    ):
        return {}
    return {"segment_meanings": f"Give {SEGMENTS} texts at most, each of 64 characters at most."}


def kind_errors(kind: str, *, has_source: bool, has_sql: bool, captures: bool) -> Errors:
    """An SQL loader has a source and a statement; an EXTERNAL one has neither."""
    if kind == LoaderKind.SQL:
        missing = {"source_database": has_source, "loader_sql": has_sql}
        return {name: "An SQL loader needs this." for name, given in missing.items() if not given}
    if kind == LoaderKind.EXTERNAL:
        given = {"source_database": has_source, "loader_sql": has_sql, "raw_capture": captures}
        return {name: "An EXTERNAL loader reads no source." for name, set_ in given.items() if set_}
    return {}


def address_errors(
    db_type: str, host: str, port: int | None, db_name: str, user_name: str
) -> Errors:
    """Where a source is; a simulated one is nowhere and has only a name for its data."""
    if db_type not in DatabaseType.values:
        return {}
    if db_type == DatabaseType.SIMULATED:
        return {} if db_name else {"db_name": "Name the data to simulate: shop, for example."}
    given = {"host": host, "port": port, "db_name": db_name, "user_name": user_name}
    return {name: "This field is required." for name, value in given.items() if not value}


def blackout_errors(text: str) -> Errors:
    """Hours of the day in which a source is left alone."""
    try:
        blackout.parse(text)
    except ValueError as error:
        return {"blackout_hours": str(error)}
    return {}


def capture_errors(*, captures: bool, has_place: bool) -> Errors:
    """Raw rows are kept only where the portal has a place for them."""
    if not captures or has_place:
        return {}
    return {
        "raw_capture": "This portal has no place for raw rows: its operators must set "
        "LOADERPORTAL_RAW_CAPTURE_URL first."
    }


def documentation_errors(description: str, owning_team: str, contact: str) -> Errors:
    """What a definition says of itself before anybody is asked to approve it (seed 000, phase 8:
    ownership, documentation standards)."""
    errors = {}
    if len(description.strip()) < SHORTEST_DESCRIPTION:
        errors["description"] = "Say in a sentence what the loader measures."
    if not owning_team.strip():
        errors["owning_team"] = "Name the team that answers for the loader."
    if not contact.strip():
        errors["contact"] = "Say how to reach whoever answers for the loader."
    return errors
