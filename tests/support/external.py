"""An approved loader whose signals are posted, and bodies for it."""

from __future__ import annotations

from typing import Any

from loaders.models import Loader
from loaders.services import approve, create_loader, submit
from tests.support.people import People
from tests.support.scenes import START

EXTERNAL = {
    "loader_code": "POSTED",
    "kind": "EXTERNAL",
    "description": "Signals that another system posts.",
    "owning_team": "Shop",
    "contact": "shop@example.org",
    "enabled": True,
}
FIRST = int(START.timestamp())


def external_draft(people: People, **values: Any) -> Loader:
    """A draft of an EXTERNAL loader, made by an administrator."""
    return create_loader(user=people.admin, values={**EXTERNAL, **values})


def external_loader(people: People, **values: Any) -> Loader:
    """An approved and enabled EXTERNAL loader."""
    loader = external_draft(people, **values)
    submit(user=people.admin, loader=loader)
    approve(user=people.approver, loader=loader)
    return Loader.objects.get(pk=loader.pk)


def signal(minute: int, *segments: str | None, **values: Any) -> dict[str, Any]:
    """A signal so many minutes after START."""
    return {
        "loadTimeStamp": FIRST + 60 * minute,
        "segments": list(segments),
        "recCount": 3,
        "sumVal": 4.5,
        "avgVal": 1.5,
        "maxVal": 2.5,
        "minVal": -0.5,
        **values,
    }


def body_of(*signals: dict[str, Any], code: str = "POSTED") -> dict[str, Any]:
    """The body of a post."""
    return {"loaderCode": code, "signals": list(signals)}
