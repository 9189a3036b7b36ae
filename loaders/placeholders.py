"""Where `:fromTime` and `:toTime` stand in a loader's SQL, and how they are filled in (spec 4).

The lexer here follows the servers' own scanners, not a parser library's: it decides what is a
comment, a string or an identifier, and the SQL guard rests on it too. It assumes the session
settings that the connectors make: PostgreSQL `standard_conforming_strings = on`; MySQL without
`ANSI_QUOTES` and `NO_BACKSLASH_ESCAPES`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from loaders.dialects import DatabaseType

FROM_TIME: Final = "fromTime"
TO_TIME: Final = "toTime"
PLACEHOLDER_NAMES: Final = frozenset({FROM_TIME, TO_TIME})
_LOWER_NAMES: Final = frozenset(name.lower() for name in PLACEHOLDER_NAMES)


class TokenKind(Enum):
    """What a stretch of SQL text is to the server that reads it."""

    COMMENT = auto()
    STRING = auto()
    PREFIXED_STRING = auto()
    """A string with a letter before the quote (`E'..'`, `N'..'`, `X'..'`) or dollar-quoted."""
    QUOTED_IDENTIFIER = auto()
    UNICODE_IDENTIFIER = auto()
    """PostgreSQL `U&"..."`, whose name is not what it looks like."""
    WORD = auto()
    NUMBER = auto()
    PLACEHOLDER = auto()
    OPERATOR = auto()
    UNTERMINATED = auto()
    """An opened comment, string or quoted identifier that never closes; runs to the end."""


STRING_KINDS: Final = frozenset({TokenKind.STRING, TokenKind.PREFIXED_STRING})


@dataclass(frozen=True, slots=True)
class Token:
    """One token, `[start, end)` in the text. White space is not a token."""

    kind: TokenKind
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One placeholder in a text.

    `[start, end)` covers what `bind` replaces, quotes included when the statement says
    `':fromTime'`. `name` is without the colon, as written. Line and column count from 1.
    """

    name: str
    start: int
    end: int
    line: int
    column: int


class LineIndex:
    """Turns offsets in a text into lines and columns, both counted from 1."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def position(self, offset: int) -> tuple[int, int]:
        """Return (line, column) of an offset."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1


_HIGH = "\u0080-\U0010ffff"
_NUMBER = (
    r"(?P<NUMBER>0[xX][0-9a-fA-F]+|0[bB][01]+"
    r"|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
)
_OPERATOR = r"(?P<OPERATOR>::|:=|.)"

# Possessive quantifiers throughout: hostile text must not make the scanner backtrack.
_MYSQL = re.compile(
    rf"""
    (?P<SPACE>[ \t\r\n]++)
    | (?P<COMMENT>\#[^\n]*+ | --(?=[\x00-\x20\x7f]|\Z)[^\n]*+ | /\*(?:[^*]|\*(?!/))*+\*/)
    | (?P<PREFIXED_STRING>[nN]'(?:[^'\\]|\\.|'')*+' | [xX]'[0-9a-fA-F]*+' | [bB]'[01]*+')
    | (?P<STRING>'(?:[^'\\]|\\.|'')*+' | "(?:[^"\\]|\\.|"")*+")
    | (?P<QUOTED_IDENTIFIER>`(?:[^`]|``)*+`)
    | (?P<UNTERMINATED>(?:/\*|[nNxXbB]?'|"|`).*+)
    | {_NUMBER}
    | (?P<WORD>[A-Za-z_${_HIGH}][A-Za-z0-9_${_HIGH}]*+)
    | (?P<PLACEHOLDER>:[A-Za-z_{_HIGH}][A-Za-z0-9_${_HIGH}]*+)
    | {_OPERATOR}
    """,
    re.VERBOSE | re.DOTALL,
)
# Adjacent strings are one string, read in the first one's mode, when a line break lies between.
_CONTINUED = r"(?>(?:[ \t\f\v]++|--[^\n\r]*+)*+[\n\r](?:[ \t\n\r\f\v]++|--[^\n\r]*+(?=[\n\r]))*+')"
_PLAIN_BODY = r"(?:[^']|'')*+'"
_BIT_BODY = r"[^']*+'"  # No doubling of quotes here.
_ESCAPED_BODY = r"(?:[^'\\]|\\.|'')*+'"
_POSTGRESQL = re.compile(
    rf"""
    (?P<SPACE>[ \t\r\n]++)
    | (?P<COMMENT>--[^\n\r]*+)
    | (?P<PREFIXED_STRING>
        [eE]'{_ESCAPED_BODY}(?:{_CONTINUED}{_ESCAPED_BODY})*+
        | (?:[nN]|[uU]&)'{_PLAIN_BODY}(?:{_CONTINUED}{_PLAIN_BODY})*+
        | [bBxX]'{_BIT_BODY}(?:{_CONTINUED}{_BIT_BODY})*+
        | (?P<TAG>\$(?:[A-Za-z_{_HIGH}][A-Za-z0-9_{_HIGH}]*+)?\$)(?:(?!(?P=TAG)).)*+(?P=TAG))
    | (?P<STRING>'{_PLAIN_BODY}(?:{_CONTINUED}{_PLAIN_BODY})*+)
    | (?P<UNICODE_IDENTIFIER>[uU]&"(?:[^"]|"")*+")
    | (?P<QUOTED_IDENTIFIER>"(?:[^"]|"")*+")
    | (?P<UNTERMINATED>
        (?:(?:[eEnNbBxX]|[uU]&)?'|(?:[uU]&)?"|\$(?:[A-Za-z_{_HIGH}][A-Za-z0-9_{_HIGH}]*+)?\$).*+)
    | (?P<BLOCK>/\*)
    | {_NUMBER}
    | (?P<WORD>[A-Za-z_{_HIGH}][A-Za-z0-9_${_HIGH}]*+)
    | (?P<PLACEHOLDER>:[A-Za-z_{_HIGH}][A-Za-z0-9_${_HIGH}]*+)
    | {_OPERATOR}
    """,
    re.VERBOSE | re.DOTALL,
)
_BLOCK_EDGE = re.compile(r"/\*|\*/")


def tokenize(sql: str, db_type: DatabaseType) -> tuple[Token, ...]:
    """Split SQL into the tokens the server would see; never raises, linear in the text."""
    return tuple(_scan(sql, _MYSQL if db_type is DatabaseType.MYSQL else _POSTGRESQL))


def _scan(sql: str, pattern: re.Pattern[str]) -> Iterator[Token]:
    offset = 0
    while offset < len(sql):
        match = pattern.match(sql, offset)
        # OPERATOR takes any one character, so there is always a match.
        kind_name, end = (match.lastgroup, match.end()) if match else ("OPERATOR", offset + 1)
        if kind_name == "BLOCK":
            kind, end = _nested_comment(sql, offset)
        elif kind_name == "SPACE":
            offset = end
            continue
        else:
            kind = TokenKind[kind_name or "OPERATOR"]
        yield Token(kind, sql[offset:end], offset, end)
        offset = end


def _nested_comment(sql: str, start: int) -> tuple[TokenKind, int]:
    """Find the end of a PostgreSQL block comment, which nests."""
    depth = 0
    for edge in _BLOCK_EDGE.finditer(sql, start):
        depth += 1 if edge.group() == "/*" else -1
        if depth == 0:
            return TokenKind.COMMENT, edge.end()
    return TokenKind.UNTERMINATED, len(sql)


def placeholder_name(token: Token) -> str | None:
    """Name of the placeholder that a token stands for, or None.

    A plain string that is exactly a placeholder is meant as the placeholder; differing case
    counts here, so that the guard can say how the name is spelt.
    """
    if token.kind is TokenKind.PLACEHOLDER:
        return token.text[1:]
    if token.kind is TokenKind.STRING and token.text[1:2] == ":":
        name = token.text[2:-1]
        if name.lower() in _LOWER_NAMES:
            return name
    return None


def find_placeholders(sql: str, db_type: DatabaseType) -> tuple[Occurrence, ...]:
    """Return every placeholder in order, unknown names such as `:other` included.

    Comments, longer strings, quoted identifiers, casts (`x::fromTime`) and dollar-quoted
    bodies hold none. Names are case-sensitive (seed 000).
    """
    index = LineIndex(sql)
    return tuple(
        Occurrence(name, token.start, token.end, *index.position(token.start))
        for token in tokenize(sql, db_type)
        if (name := placeholder_name(token)) is not None
    )


_NEEDS_NO_SPACE: Final = frozenset(" \t\r\n(),=<>")
# In MySQL a space after two minus signs would make a comment of them.
_NEEDS_NO_SPACE_BEFORE: Final = {
    DatabaseType.MYSQL: _NEEDS_NO_SPACE | {"-"},
    DatabaseType.POSTGRESQL: _NEEDS_NO_SPACE,
}


def bind(sql: str, db_type: DatabaseType, *, from_literal: str, to_literal: str) -> str:
    """Put literals, already quoted by the driver, in the place of both placeholders.

    Nothing outside the occurrences changes. A space is put beside a literal that would else
    touch a neighbour and become part of it (`BETWEEN:fromTime`, `'a':toTime`). Names that
    `find_placeholders` reports and that are unknown stay; the guard refuses them.
    """
    literals = {FROM_TIME: from_literal, TO_TIME: to_literal}
    no_space_before = _NEEDS_NO_SPACE_BEFORE[db_type.grammar]
    parts: list[str] = []
    done = 0
    for occurrence in find_placeholders(sql, db_type):
        literal = literals.get(occurrence.name)
        if literal is None:
            continue
        before = sql[max(occurrence.start - 1, 0) : occurrence.start]
        after = sql[occurrence.end : occurrence.end + 1]
        parts.append(sql[done : occurrence.start])
        parts.append("" if not before or before in no_space_before else " ")
        parts.append(literal)
        parts.append("" if not after or after in _NEEDS_NO_SPACE else " ")
        done = occurrence.end
    parts.append(sql[done:])
    return "".join(parts)
