"""Which functions and casts the text names, read from its tokens (spec 4: an allow list)."""

from __future__ import annotations

from collections.abc import Iterator

from loaders.dialects import DatabaseType
from loaders.placeholders import Token, TokenKind
from loaders.sql_guard.source import Source, quoted
from loaders.sql_guard.verdict import Code, Finding
from loaders.sql_guard.vocabulary import BEFORE_PARENTHESIS, FUNCTIONS, TYPES

_NAME_KINDS = frozenset({TokenKind.WORD, TokenKind.QUOTED_IDENTIFIER, TokenKind.UNICODE_IDENTIFIER})


def call_findings(source: Source) -> Iterator[Finding]:
    """Yield every name before a parenthesis, and every cast, that is not allowed."""
    tokens = source.tokens
    for i, token in enumerate(tokens):
        if token.text == "::" and not source.is_mysql:
            yield from _cast_findings(source, i)
        opens = i + 1 < len(tokens) and tokens[i + 1].text == "("
        if opens and token.kind in _NAME_KINDS and not _may_open_parenthesis(source, i):
            yield source.finding(
                Code.FUNCTION_NOT_ALLOWED,
                f"The function {quoted(_unquote(token))} is not allowed in a loader. (If it is "
                "an alias, write AS before it.)",
                token,
            )


def _may_open_parenthesis(source: Source, i: int) -> bool:
    tokens, db_type = source.tokens, source.db_type
    token = tokens[i]
    before = tokens[i - 1] if i else None
    name = function_name(token, db_type)
    if before is not None and before.text == ".":
        return _is_system_qualified(source, i) and name in FUNCTIONS[db_type] | TYPES[db_type]
    if name in FUNCTIONS[db_type]:
        return True
    if token.kind is TokenKind.WORD and name in BEFORE_PARENTHESIS[db_type] | TYPES[db_type]:
        return True
    return _follows_word(before, {"AS", "WITH", "RECURSIVE"}) or _is_cte_head(tokens, i)


def function_name(token: Token, db_type: DatabaseType) -> str:
    """Spell a name as the allow list does; one that would match no built-in is returned as is."""
    name = _unquote(token)
    if not name.isascii():
        return name
    keeps_case = token.kind is not TokenKind.WORD and db_type is DatabaseType.POSTGRESQL
    return name if keeps_case else name.lower()


def _unquote(token: Token) -> str:
    return token.text[1:-1] if token.kind is TokenKind.QUOTED_IDENTIFIER else token.text


def _is_system_qualified(source: Source, i: int) -> bool:
    """Whether the name at `i` is qualified by `pg_catalog` and by nothing more."""
    tokens = source.tokens
    if source.is_mysql or i < 2:
        return False
    schema = function_name(tokens[i - 2], source.db_type)
    return schema == "pg_catalog" and (i < 3 or tokens[i - 3].text != ".")


def _follows_word(before: Token | None, words: set[str]) -> bool:
    return before is not None and before.kind is TokenKind.WORD and before.text.upper() in words


def _is_cte_head(tokens: tuple[Token, ...], i: int) -> bool:
    """Whether `, name (a, b) AS [NOT MATERIALIZED] (SELECT` starts here.

    A function in FROM may look alike, `, dblink(x) AS (a text)`; a column list there cannot
    start with the reserved words asked for here.
    """
    if not i or tokens[i - 1].text != ",":
        return False
    position = i + 2
    while position + 1 < len(tokens) and tokens[position].kind in _NAME_KINDS:
        position += 1
        if tokens[position].text != ",":
            break
        position += 1
    words = [t.text.upper() for t in tokens[position : position + 7]]
    if words[:2] != [")", "AS"]:
        return False
    body = [word for word in words[2:] if word not in {"NOT", "MATERIALIZED"}]
    return body[:2] in (["(", "SELECT"], ["(", "WITH"]) or body[:3] == ["(", "VALUES", "("]


def _cast_findings(source: Source, i: int) -> Iterator[Finding]:
    tokens = source.tokens
    rest = tokens[i + 1 : i + 4]
    if len(rest) == 3 and rest[1].text == "." and rest[0].text.lower() == "pg_catalog":
        rest = rest[2:]
    target = rest[0] if rest else tokens[i]
    if target.kind is not TokenKind.WORD or target.text.lower() not in TYPES[source.db_type]:
        yield source.finding(
            Code.TYPE_NOT_ALLOWED,
            f"A cast to {quoted(_unquote(target))} is not allowed. Cast to a plain type.",
            target,
        )
