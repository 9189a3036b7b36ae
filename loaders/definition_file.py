"""A loader's definition as a YAML text for version control: writing and reading it.

Pure. One mapping of plain values a loader, its keys those of the API, always all of them in one
order, the SQL last as a literal block: so a change of one setting is a change of one line. What
was written reads back as it was. The format is documented in docs/loaders_in_git.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

FIELDS = (
    "loaderCode",
    "kind",
    "description",
    "domain",
    "tags",
    "isTest",
    "owningTeam",
    "contact",
    "sourceDatabase",
    "grainSeconds",
    "timeZone",
    "offsetHours",
    "timeFormat",
    "startAt",
    "endAt",
    "latenessSeconds",
    "watermarkPolicy",
    "purgeStrategy",
    "minIntervalSeconds",
    "maxQueryPeriodSeconds",
    "maxParallelExecutions",
    "executionTimeoutSeconds",
    "rowCap",
    "maxAttempts",
    "rawCapture",
    "freshnessTargetSeconds",
    "segmentMeanings",
    "logLevel",
    "loaderSql",
)
"""The keys, in the order of the file. Whether a loader is enabled or approved is not among them:
that is decided in each portal."""

LARGEST = 1_000_000
"""Characters of a text that is read at all."""

SEPARATOR = "---\n"
"""Between several definitions in one text."""

_DEEPEST = 4
_TIMESTAMP = "tag:yaml.org,2002:timestamp"
_CODE = "loaderCode"
_KEY = re.compile(r"[A-Za-z_]{1,40}")


@dataclass(frozen=True)
class Problem:
    """What is wrong, and where: a line counted from 1, and a key where one is at fault."""

    line: int
    field: str
    message: str


class MalformedFileError(ValueError):
    """The text is no list of definitions; `problem` says where."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@dataclass(frozen=True)
class WrittenDefinition:
    """One definition as it was read: plain values by key, and the line that each key stands in.
    Never printed: it holds SQL."""

    line: int
    values: Mapping[str, Any]
    lines: Mapping[str, int]

    def __repr__(self) -> str:
        return f"<definition of {self.code}>"

    @property
    def code(self) -> str:
        """The loader's code, empty where none is given."""
        code = self.values.get(_CODE)
        return code if isinstance(code, str) else ""

    def line_of(self, field: str) -> int:
        """Where the key stands, or where the definition begins if it is left out."""
        return self.lines.get(field, self.line)


def to_yaml(values: Mapping[str, Any]) -> str:
    """The text of one definition. Values are texts, whole numbers, floats, booleans, None, or lists
    of texts; ValueError for a key that no definition has."""
    if unknown := set(values) - set(FIELDS):
        raise ValueError(f"no key of a definition: {', '.join(sorted(unknown))}")
    return "".join(_entry(name, values[name]) for name in FIELDS if name in values)


def from_yaml(text: str) -> list[WrittenDefinition]:
    """The definitions in a text, with duplicate and unknown keys refused. Raises
    MalformedFileError."""
    if len(text) > LARGEST:
        raise MalformedFileError(Problem(1, "", f"It has more than {LARGEST:,} characters."))
    try:
        found = list(_documents(text))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        raise _malformed(line, f"It is not YAML: {error.problem or 'malformed'}.") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _malformed(line, "It holds a character that YAML does not allow.") from None
    if not found:
        raise _malformed(1, "It holds no definition.")
    return found


class _Reader(yaml.SafeLoader):
    """Plain data only: no tags beyond YAML's own, no anchors, no nesting that none would need. A
    time is a text, quoted or not, as it is in JSON."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuse what could make much of little."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise _malformed(event.start_mark.line + 1, "Anchors and aliases are not allowed.")
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _malformed(event.start_mark.line + 1, "It is nested too deeply.")
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


def _documents(text: str) -> Iterator[WrittenDefinition]:
    reader = _Reader(text)
    try:
        while reader.check_node():
            yield _definition(reader, reader.get_node())
    finally:
        reader.dispose()


def _definition(reader: _Reader, node: yaml.Node | None) -> WrittenDefinition:
    line = node.start_mark.line + 1 if node is not None else 1
    if not isinstance(node, yaml.MappingNode):
        raise _malformed(line, "A definition is a mapping of keys to values.")
    values: dict[str, Any] = {}
    lines: dict[str, int] = {}
    for key, value in node.value:
        at = key.start_mark.line + 1
        name = key.value if isinstance(key, yaml.ScalarNode) else ""
        if name not in FIELDS:
            # Quoted only if it looks like one: a broken block of SQL is read as keys, too.
            told = name if _KEY.fullmatch(name) else ""
            raise _malformed(at, "There is no such key. docs/loaders_in_git.md lists them.", told)
        if name in values:
            raise _malformed(at, "This key stands here a second time.", name)
        values[name] = _value(reader, name, value)
        lines[name] = at
    if not values.get(_CODE):
        raise _malformed(line, "Say which loader it is.", _CODE)
    return WrittenDefinition(line, values, lines)


def _value(reader: _Reader, name: str, node: yaml.Node) -> Any:
    try:
        return reader.construct_object(node, deep=True)
    except (ValueError, OverflowError):  # such as !!int many
        raise _malformed(node.start_mark.line + 1, "This value can't be read.", name) from None


def _malformed(line: int, message: str, field: str = "") -> MalformedFileError:
    return MalformedFileError(Problem(line, field, message))


def _entry(name: str, value: Any) -> str:
    if isinstance(value, list):
        if not value:
            return f"{name}: []\n"
        return f"{name}:\n" + "".join(f"  - {_scalar(item)}\n" for item in value)
    if isinstance(value, str) and (name == "loaderSql" or "\n" in value) and value:
        block = f"{name}: {_block(value)}"
        if _reads_back(block, name, value):
            return block
    return f"{name}: {_scalar(value)}\n"


def _block(text: str) -> str:
    """A literal block: the text as it is, each line two columns further right. What such a block
    can't say (a carriage return, an odd character) is found out by reading it back."""
    body = text.rstrip("\n")
    ends = len(text) - len(body)
    chomping = "-" if ends == 0 else "" if ends == 1 and body else "+"
    indicator = "2" if text.lstrip("\n").startswith(" ") else ""
    lines = [f"  {line}" if line else "" for line in body.split("\n")]
    return f"|{indicator}{chomping}\n" + "\n".join(lines) + "\n" * max(ends, 1)


def _reads_back(block: str, name: str, value: str) -> bool:
    try:
        read = yaml.safe_load(block + "end: 1\n")
    except yaml.YAMLError:
        return False
    return bool(read == {name: value, "end": 1})


def _scalar(value: Any) -> str:
    """A value on one line, quoted where it would be read as something else."""
    if value is None:
        return "null"
    style = '"' if isinstance(value, str) and not _is_plain(value) else None
    text = yaml.safe_dump(value, default_style=style, allow_unicode=True, width=float("inf"))
    return text.removesuffix("...\n").rstrip("\n")


def _is_plain(text: str) -> bool:
    """Whether the text can do without escapes."""
    return "\n" not in text and text.isprintable()
