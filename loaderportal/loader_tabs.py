"""The tabs of a loader's page. Each is an address of its own (`?tab=runs`), so that it can be
linked to and needs no script; only what the chosen one shows is asked for. SQL and settings are
parts of one form, which saves both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

OVERVIEW = "overview"
SQL = "sql"
SETTINGS = "settings"
FORM_TABS = frozenset({SQL, SETTINGS})

_LABELS = {
    OVERVIEW: "Overview",
    SQL: "SQL",
    "versions": "Versions",
    "runs": "Executions",
    "coverage": "Coverage",
    "signals": "Signals",
    SETTINGS: "Settings",
}
_OF_SQL = frozenset({"loader_code", "kind", "source_database", "loader_sql"})
"""Fields of the form that stand on the SQL tab."""


@dataclass(frozen=True)
class Tab:
    """One tab as the template draws it. `errors` counts the form's errors on it."""

    name: str
    label: str
    is_chosen: bool
    errors: int = 0

    @property
    def address(self) -> str:
        """Relative to the page."""
        return f"?tab={self.name}"


def chosen_tab(asked: str | None, errors: Mapping[str, Any], *, is_posted: bool) -> str:
    """The tab to show: what the address asks for, the overview for anything else. A form that was
    refused shows where its first error is, by field; errors of no field leave the tab as it is."""
    if not is_posted:
        return asked if asked in _LABELS else OVERVIEW
    kept = asked if asked in FORM_TABS else SETTINGS
    wrong = {_tab_of(field) for field in errors if field != "__all__"}
    if not wrong or kept in wrong:
        return str(kept)
    return SQL if SQL in wrong else SETTINGS


def tabs(chosen: str, errors: Mapping[str, Any], *, sees_sql: bool) -> Iterable[Tab]:
    """All tabs in their order. Who may not see SQL sees there what it is read from."""
    for name, label in _LABELS.items():
        wrong = [field for field in errors if field != "__all__" and _tab_of(field) == name]
        shown = "Source" if name == SQL and not sees_sql else label
        yield Tab(name, shown, name == chosen, len(wrong))


def _tab_of(field: str) -> str:
    return SQL if field in _OF_SQL else SETTINGS
