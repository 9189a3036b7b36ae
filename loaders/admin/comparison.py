"""The page that shows two versions of a loader side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.template.response import TemplateResponse

from core.display import instant_text
from core.keyring import DecryptionError
from loaders.changes import settings_of, sql_of
from loaders.models import Decision, Loader, LoaderVersion
from loaders.services import get_version, show_both
from loaders.side_by_side import side_by_side


@dataclass(frozen=True)
class Choice:
    """One version that may be chosen."""

    number: int
    name: str


def comparison_page(
    request: HttpRequest, loader: Loader, context: Mapping[str, Any]
) -> TemplateResponse:
    """Two versions of a loader that the user reaches: `from` and `to` of the address, by default
    the newest and what was approved last before it. Who may not see the SQL sees the settings."""
    versions = list(
        loader.versions.order_by("-number").only("number", "decision", "submitted_at", "loader")
    )
    numbers, error = _asked(request, versions)
    shown: dict[str, Any] = {
        "title": f"{loader.loader_code}, two versions",
        "loader": loader,
        "choices": [Choice(version.number, _name_of(version)) for version in versions],
        "chosen": numbers,
        "error": error,
    }
    if numbers and not error:
        try:
            shown |= _differences(request, loader, *numbers)
        except DecryptionError as damaged:
            shown["error"] = damaged.message
    return TemplateResponse(request, "console/comparison.html", {**context, **shown})


def _asked(
    request: HttpRequest, versions: Sequence[LoaderVersion]
) -> tuple[tuple[int, int] | None, str]:
    """The two numbers, and what is wrong with them; no numbers where there are not two versions."""
    if len(versions) < 2:
        return None, ""
    usual = _usual_pair(versions)
    known = {str(version.number): version.number for version in versions}
    chosen = [known.get(request.GET.get(name, "")) for name in ("from", "to")]
    wrong = [
        name
        for name, number in zip(("from", "to"), chosen, strict=True)
        if number is None and request.GET.get(name)
    ]
    pair = (chosen[0] or usual[0], chosen[1] or usual[1])
    if wrong:
        return pair, "There is no such version of it. Choose two of the list."
    if chosen[0] is None and chosen[1] is not None:
        pair = (_before(versions, chosen[1]) or usual[0], chosen[1])
    return pair, ""


def _usual_pair(versions: Sequence[LoaderVersion]) -> tuple[int, int]:
    newest = versions[0].number
    return _before(versions, newest) or versions[1].number, newest


def _before(versions: Sequence[LoaderVersion], number: int) -> int | None:
    """What was approved last before a version, else the version before it; None for the first."""
    earlier = [version for version in versions if version.number < number]
    approved = [version for version in earlier if version.decision == Decision.APPROVED]
    return next((version.number for version in (*approved, *earlier)), None)


def _differences(request: HttpRequest, loader: Loader, before: int, now: int) -> dict[str, Any]:
    earlier, later = (get_version(loader, number).definition for number in (before, now))
    with_sql = show_both(user=request.user, loader=loader, numbers=(before, now))
    settings = settings_of(later, earlier, with_source=with_sql)
    found: dict[str, Any] = {
        "with_sql": with_sql,
        "changed": [setting for setting in settings if setting.changed],
        "headings": (f"Version {before}", f"Version {now}"),
    }
    if with_sql:
        found["diff"] = side_by_side(sql_of(earlier), sql_of(later))
    return found


def _name_of(version: LoaderVersion) -> str:
    decision = Decision(version.decision).label.lower()
    return f"{version.number}: {decision}, {instant_text(version.submitted_at)} UTC"
