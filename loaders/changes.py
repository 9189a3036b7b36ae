"""What differs between two versions of a definition. Pure; the values are the canonical ones that
`loaders.definition` digests."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any

from loaders.models import Loader, SourceDatabase

_SQL = "loader_sql"
_SOURCE = "source_database"
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT")


@dataclass(frozen=True)
class Setting:
    """One governed setting: what was approved last, and what is asked for now."""

    label: str
    before: str
    now: str

    @property
    def changed(self) -> bool:
        """Whether the two differ."""
        return self.before != self.now


@dataclass(frozen=True)
class DiffLine:
    """One line of a unified diff, and whether it is added, removed, a place or unchanged."""

    text: str
    kind: str


def settings_of(definition: str, before: str | None, *, with_source: bool) -> list[Setting]:
    """All governed settings but the SQL, in the order of the form; of the source only its code, or
    how it is reached as well. Without an earlier version nothing counts as changed."""
    now = _flat(_values(definition, with_source=with_source))
    earlier = now if before is None else _flat(_values(before, with_source=with_source))
    return [
        Setting(label, earlier.get(label, ""), now.get(label, "")) for label in {**now, **earlier}
    ]


def governed_values(definition: str, *, with_sql: bool) -> dict[str, Any]:
    """The governed values of a version: all of them, or those that everybody may see, which is
    neither the SQL nor where the source is and who signs in there (spec 1)."""
    values = _values(definition, with_source=with_sql)
    return {name: value for name, value in values.items() if with_sql or name != _SQL}


def sql_of(definition: str) -> str:
    """The SQL of a version."""
    return str(json.loads(definition)[_SQL])


def sql_diff(before: str, now: str) -> list[DiffLine]:
    """A unified diff of two statements with some context; empty when they are equal."""
    lines = unified_diff(before.splitlines(), now.splitlines(), lineterm="", n=4)
    return [DiffLine(line, _kind(line)) for line in lines if not line.startswith(("---", "+++"))]


def _values(definition: str, *, with_source: bool) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(definition)
    if not with_source and _SOURCE in values:
        values[_SOURCE] = {"db_code": values[_SOURCE]["db_code"]}
    return values


def _kind(line: str) -> str:
    return {"+": "added", "-": "removed", "@": "place"}.get(line[:1], "same")


def _flat(values: Mapping[str, Any]) -> dict[str, str]:
    return dict(_labelled(values))


def _labelled(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    source = values.get(_SOURCE, {})
    for name in _in_order(source, ("db_code", *SourceDatabase.GOVERNED)):
        yield f"Source: {_label(SourceDatabase, name)}", _text(source[name])
    for name in _in_order(values, Loader.GOVERNED):
        if name not in {_SOURCE, _SQL}:
            yield _label(Loader, name), _text(values[name])


def _in_order(values: Mapping[str, Any], order: Sequence[str]) -> list[str]:
    """The names of the values, those of an older portal last."""
    return sorted(values, key=lambda name: order.index(name) if name in order else len(order))


def _label(model: type[Loader | SourceDatabase], name: str) -> str:
    label = str(getattr(model._meta.get_field(name), "verbose_name", name))  # noqa: SLF001
    return label[:1].upper() + label[1:]


def _text(value: Any) -> str:
    text = "" if value is None else str(value)
    if not _INSTANT.match(text):
        return text
    return f"{text.replace('T', ' ').removesuffix('+00:00')} UTC"
