"""Rules on the bare text: what makes it unsafe or pointless to look any further."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from loaders.placeholders import Token, TokenKind
from loaders.sql_guard.source import Source
from loaders.sql_guard.verdict import Code, Finding
from loaders.sql_guard.vocabulary import HINTS

MAX_BYTES: Final = 200_000
MAX_TOKENS: Final = 20_000
MAX_DEPTH: Final = 32

# Control characters, halves of surrogate pairs, line separators an editor may show as a line
# break, a carriage return that is no line break to MySQL, and the marks that make text look
# other than it is ("trojan source"). Arabic letters and their plain direction marks are fine.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u2028-\u202e\u2066-\u2069\ufeff]|\r(?!\n)"
)
_HINT_SHAPE = re.compile(r"[\w\s`\"@.,()#*+-]*\Z")
_HINT_NAME = re.compile(r"(\w+)\s*\(")
_WHAT_OPENED: Final = {"'": "string", '"': "quoted text", "`": "quoted name", "/": "comment"}


def size_finding(sql: str) -> Finding | None:
    """Refuse a text over 200 KB (UTF-8) before anything reads it."""
    if len(sql) <= MAX_BYTES and len(sql.encode("utf-8", "surrogatepass")) <= MAX_BYTES:
        return None
    message = f"The SQL is larger than {MAX_BYTES // 1000} KB. Shorten it."
    return Finding(Code.TOO_LARGE.value, message, None, None)


def text_findings(source: Source) -> Iterator[Finding]:
    """Yield what forbids parsing the text at all."""
    hidden = _HIDDEN.search(source.sql)
    if hidden:
        yield source.finding(
            Code.CHARACTER,
            f"The character U+{ord(hidden.group()):04X} can hide what the SQL does. Remove it.",
            hidden.start(),
        )
    yield from _comment_findings(source)
    if source.tokens:
        yield from _statement_findings(source)
    else:
        yield source.finding(Code.EMPTY, "There is no SQL. Write one SELECT statement.")


def _comment_findings(source: Source) -> Iterator[Finding]:
    for comment in source.comments:
        if source.is_mysql and comment.text.lower().startswith(("/*!", "/*m!")):
            yield source.finding(
                Code.EXECUTABLE_COMMENT,
                "MySQL runs what stands in a /*! comment. Write it openly or remove it.",
                comment,
            )
        elif comment.text.startswith("/*+") and not _only_chooses_a_plan(comment.text):
            yield source.finding(
                Code.HINT,
                "This optimizer hint is not allowed: it may change settings or time limits. "
                "Remove it.",
                comment,
            )


def _only_chooses_a_plan(hint: str) -> bool:
    body = hint[3:-2]
    names = {name.lower() for name in _HINT_NAME.findall(body)}
    return bool(_HINT_SHAPE.match(body)) and names <= HINTS


def _statement_findings(source: Source) -> Iterator[Finding]:
    tokens = source.tokens
    last = tokens[-1]
    if last.kind is TokenKind.UNTERMINATED:
        what = _WHAT_OPENED.get(last.text.lstrip("eEnNbBxXuU&")[:1], "quoted text")
        yield source.finding(Code.SYNTAX, f"This {what} is opened and never closed.", last)
        return
    if len(tokens) > MAX_TOKENS:
        yield source.finding(Code.TOO_LARGE, f"The SQL has more than {MAX_TOKENS} words. Cut it.")
    too_deep = _first_too_deep(tokens)
    if too_deep:
        yield source.finding(
            Code.TOO_DEEP,
            f"The SQL is nested deeper than {MAX_DEPTH} levels. Flatten it.",
            too_deep,
        )
    semicolon = next((t for t in tokens if t.text == ";"), None)
    if semicolon:
        yield source.finding(
            Code.MULTIPLE_STATEMENTS,
            "A loader is one statement. Remove what follows the semicolon.",
            semicolon,
        )
    start = next((t for t in tokens if t.text != "("), last)
    if start.kind is not TokenKind.WORD or start.text.upper() not in {"SELECT", "WITH"}:
        yield source.finding(
            Code.NOT_SELECT, "A loader must start with SELECT (or WITH ... SELECT).", start
        )


def _first_too_deep(tokens: tuple[Token, ...]) -> Token | None:
    depth = 0
    for token in tokens:
        text = token.text
        if text in {"(", "["}:
            depth += 1
        elif text in {")", "]"}:
            depth -= 1
        elif token.kind is TokenKind.WORD and text.upper() in {"CASE", "END"}:
            depth += 1 if text.upper() == "CASE" else -1
        if depth > MAX_DEPTH:
            return token
    return None
