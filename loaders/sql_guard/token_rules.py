"""Rules on the token sequence: what the server would act on, whatever a parser makes of it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from loaders.placeholders import (
    PLACEHOLDER_NAMES,
    STRING_KINDS,
    Token,
    TokenKind,
    placeholder_name,
)
from loaders.sql_guard.source import Source, quoted
from loaders.sql_guard.verdict import Code, Finding

_LOCK_STRENGTHS: Final = frozenset({"UPDATE", "SHARE", "NO", "KEY"})
_WRITING_VERBS = (
    "INSERT UPDATE DELETE MERGE REPLACE TRUNCATE CREATE ALTER DROP GRANT REVOKE CALL COPY DO SET "
    "LOCK HANDLER LOAD PREPARE EXECUTE VACUUM REFRESH RENAME"
)
_WRITING: Final = frozenset(_WRITING_VERBS.split())
_MYSQL_SYMBOLS: Final = frozenset("(),.;+-*/<>=!~%^&|")
_POSTGRESQL_SYMBOLS: Final = frozenset("()[],.;+-*/<>=!~%^&|@#?:")
_JOINERS: Final = frozenset("\u200c\u200d")


def token_findings(source: Source) -> Iterator[Finding]:
    """Yield what the token sequence alone shows to be refused."""
    yield from _keyword_findings(source, None, source.tokens[0])
    for before, token in pairwise(source.tokens):
        yield from _keyword_findings(source, before, token)
        yield from _neighbour_findings(source, before, token)
    for token in source.tokens:
        yield from _character_findings(source, token)
    yield from _placeholder_findings(source)


def _character_findings(source: Source, token: Token) -> Iterator[Finding]:
    if token.kind is TokenKind.UNICODE_IDENTIFIER:
        yield source.finding(
            Code.CHARACTER, 'A name written as U&"..." is not allowed. Write it plainly.', token
        )
    elif token.kind is TokenKind.WORD and not token.text.isascii():
        odd = next((c for c in token.text if not _may_stand_in_name(c)), None)
        if odd:
            yield source.finding(
                Code.CHARACTER,
                f"The character U+{ord(odd):04X} may stand only in quotes. Remove or quote it.",
                token,
            )
    elif token.kind is TokenKind.QUOTED_IDENTIFIER:
        if any(_is_invisible(c) for c in token.text):
            yield source.finding(
                Code.CHARACTER, "This name holds an invisible character. Remove it.", token
            )
    elif token.kind is TokenKind.OPERATOR and token.text not in {"::", ":="}:
        yield from _symbol_findings(source, token)


def _symbol_findings(source: Source, token: Token) -> Iterator[Finding]:
    if source.is_mysql and token.text == "@":
        yield source.finding(
            Code.VARIABLE, "User and system variables (@name) are not allowed.", token
        )
    elif (token.text == "$" and not source.is_mysql) or (token.text == "?" and source.is_mysql):
        yield source.finding(
            Code.PLACEHOLDER_UNKNOWN,
            "Numbered and ? parameters are not allowed. Use :fromTime and :toTime.",
            token,
        )
    elif token.text not in (_MYSQL_SYMBOLS if source.is_mysql else _POSTGRESQL_SYMBOLS):
        yield source.finding(
            Code.CHARACTER, f"The character {quoted(token.text)} may stand only in quotes.", token
        )


def _may_stand_in_name(character: str) -> bool:
    return character in "_$" or character in _JOINERS or unicodedata.category(character)[0] in "LMN"


def _is_invisible(character: str) -> bool:
    return character not in _JOINERS and unicodedata.category(character) in {"Cf", "Co", "Cn"}


def _keyword_findings(source: Source, before: Token | None, token: Token) -> Iterator[Finding]:
    if token.text == ":=":
        yield source.finding(Code.VARIABLE, "Assigning with := is not allowed.", token)
    if token.kind is not TokenKind.WORD:
        return
    word = token.text.upper()
    previous = before.text.upper() if before and before.kind is TokenKind.WORD else ""
    if word == "INTO":
        yield source.finding(
            Code.INTO, "INTO is not allowed: a loader only reads. Remove the INTO clause.", token
        )
    elif (previous == "FOR" and word in _LOCK_STRENGTHS) or (previous, word) == ("LOCK", "IN"):
        yield source.finding(
            Code.LOCKING,
            "Locking rows is not allowed. Remove FOR UPDATE, FOR SHARE or LOCK.",
            token,
        )
    elif source.is_mysql and ((previous, word) == ("VALUE", "FOR") or word == "NEXTVAL"):
        yield source.finding(Code.WRITES, "Drawing from a sequence is not allowed.", token)
    elif source.is_mysql and word == "PROCEDURE":
        yield source.finding(Code.CONSTRUCT_NOT_ALLOWED, "PROCEDURE is not allowed.", token)
    elif word in _WRITING and before is not None and before.text in {"(", ")"}:
        yield from _write_findings(source, token)


def _write_findings(source: Source, token: Token) -> Iterator[Finding]:
    """A writing verb right after a parenthesis opens a statement, unless it is a call."""
    after = source.sql[token.end :].lstrip()[:1]
    if after not in {"(", ",", ")", "."} or (after == "(" and token.text.upper() == "INSERT"):
        yield source.finding(
            Code.WRITES, f"{token.text.upper()} is not allowed: a loader only reads.", token
        )


def _neighbour_findings(source: Source, before: Token, token: Token) -> Iterator[Finding]:
    """Where two tokens meet such that servers, versions or `bind` may read them as one."""
    touching = before.end == token.start
    if touching and before.kind is TokenKind.NUMBER and token.kind is TokenKind.WORD:
        yield source.finding(Code.SYNTAX, "Put a space between the number and the word.", token)
    elif touching and source.is_mysql and before.text == token.text == "-":
        yield source.finding(
            Code.SYNTAX, "Put a space after -- for a comment, or between the minus signs.", before
        )
    elif before.text == ")" and token.text == "." and not source.is_mysql:
        # PostgreSQL calls f(row) for (row).f when the row has no field of that name.
        yield source.finding(
            Code.FUNCTION_NOT_ALLOWED, "(row).name may call a function. Name the column.", token
        )
    elif before.kind in STRING_KINDS and token.kind in STRING_KINDS and not source.is_mysql:
        yield source.finding(Code.SYNTAX, "Two strings stand side by side. Join them.", token)
    elif _is_text(before) and _is_text(token) and _one_is_placeholder(before, token):
        yield source.finding(
            Code.SYNTAX, "A placeholder stands beside a string. Put an operator between.", token
        )


def _is_text(token: Token) -> bool:
    return token.kind in STRING_KINDS or token.kind is TokenKind.PLACEHOLDER


def _one_is_placeholder(before: Token, token: Token) -> bool:
    return placeholder_name(before) is not None or placeholder_name(token) is not None


def _placeholder_findings(source: Source) -> Iterator[Finding]:
    seen: set[str] = set()
    for token in source.tokens:
        name = placeholder_name(token)
        if name is None:
            continue
        seen.add(name)
        if name not in PLACEHOLDER_NAMES:
            yield source.finding(
                Code.PLACEHOLDER_UNKNOWN,
                f"The placeholder :{quoted(name)} is not known. Only :fromTime and :toTime are, "
                "in this spelling.",
                token,
            )
    for name in sorted(PLACEHOLDER_NAMES - seen):
        yield source.finding(
            Code.PLACEHOLDER_MISSING,
            f"The placeholder :{name} is missing. Use it in WHERE to bound the time window.",
        )
