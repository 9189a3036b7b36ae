"""What a version asks to change, in a sentence. Pure; the definitions are the canonical texts that
`loaders.definition` digests. The sentence names settings, never a value, and quotes no SQL."""

from __future__ import annotations

from collections.abc import Sequence

from loaders.changes import DiffLine, settings_of, sql_diff, sql_of

_NAMED = 3
"""Settings that are named; of more, only their number is told."""


def summarise(definition: str, before: str | None, *, with_source: bool) -> str:
    """The sentence. `before` is the definition that was approved last, if any; `with_source` says
    that the person may know how the source is reached."""
    if before is None:
        return "The first version: nothing was approved before."
    parts = []
    if lines := sql_diff(sql_of(before), sql_of(definition)):
        parts.append(f"the SQL ({_lines(lines)})")
    settings = settings_of(definition, before, with_source=with_source)
    changed = [setting.label for setting in settings if setting.changed]
    if len(changed) > _NAMED:
        parts.append(f"{len(changed)} settings")
    else:
        parts += changed
    return f"Changes {_and(parts)}." if parts else "Changes nothing of what was approved last."


def _lines(diff: Sequence[DiffLine]) -> str:
    added = sum(line.kind == "added" for line in diff)
    removed = sum(line.kind == "removed" for line in diff)
    told = [
        f"{number} {what}" for number, what in ((added, "added"), (removed, "removed")) if number
    ]
    return f"lines: {', '.join(told)}"


def _and(parts: Sequence[str]) -> str:
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last
