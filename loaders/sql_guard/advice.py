"""Warnings: what may run, but probably doesn't do what its author means."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from sqlglot import exp

from loaders.placeholders import STRING_KINDS, TokenKind, placeholder_name
from loaders.sql_guard.shape import query_branches
from loaders.sql_guard.source import FROM_FILL, TO_FILL, Source
from loaders.sql_guard.verdict import Code, Finding
from loaders.sql_guard.vocabulary import CLOCK_FUNCTIONS

_MENTION = re.compile(r"(?<!:):(?:fromTime|toTime)\b")
_SYSTEM_SCHEMAS: Final = frozenset(
    {"information_schema", "pg_catalog", "mysql", "performance_schema", "sys"}
)
_CLOCK_KEYWORDS: Final = frozenset(
    name for name in CLOCK_FUNCTIONS if name.startswith(("current_", "local", "utc_"))
)


def token_advice(source: Source) -> Iterator[Finding]:
    """Warn of what the tokens show: placeholders that stay as they are, and the clock."""
    for comment in source.comments:
        if _MENTION.search(comment.text):
            yield source.finding(
                Code.PLACEHOLDER_IN_COMMENT,
                "A placeholder in a comment is not filled in.",
                comment,
            )
    for token in source.tokens:
        holds_text = token.kind in STRING_KINDS or token.kind is TokenKind.QUOTED_IDENTIFIER
        if holds_text and placeholder_name(token) is None and _MENTION.search(token.text):
            yield source.finding(
                Code.PLACEHOLDER_IN_STRING,
                "A placeholder inside a longer string or a name is not filled in.",
                token,
            )
    clock = _first_clock(source)
    if clock is not None:
        yield source.finding(
            Code.CLOCK,
            "The result depends on when it runs. Use :fromTime and :toTime instead of the clock.",
            clock,
        )


def _first_clock(source: Source) -> int | None:
    tokens = source.tokens
    for i, token in enumerate(tokens):
        name = token.text.lower()
        if token.kind is not TokenKind.WORD or name not in CLOCK_FUNCTIONS:
            continue
        is_called = i + 1 < len(tokens) and tokens[i + 1].text == "("
        is_field = i > 0 and tokens[i - 1].text == "."
        if is_called or (name in _CLOCK_KEYWORDS and not is_field):
            return token.start
    return None


def tree_advice(source: Source, tree: exp.Expr) -> Iterator[Finding]:
    """Warn of what the tree shows: where placeholders bound nothing, order, limits, rollups."""
    conditions = [
        clause.this if isinstance(clause, exp.Where) else clause.args.get("on")
        for clause in tree.find_all(exp.Where, exp.Join)
    ]
    bounding = [
        any(_mentions(condition, fill) for condition in conditions) for fill in (FROM_FILL, TO_FILL)
    ]
    if not all(bounding):
        yield source.finding(
            Code.PLACEHOLDER_NOT_IN_WHERE,
            "Bound the rows in WHERE: time >= :fromTime AND time < :toTime.",
        )
    if _includes_end(tree):
        yield source.finding(
            Code.END_INCLUSIVE,
            "The window ends before :toTime. Use < :toTime; BETWEEN and <= include the end.",
        )
    yield from _query_advice(source, tree)


def _query_advice(source: Source, tree: exp.Expr) -> Iterator[Finding]:
    if tree.args.get("order"):
        yield source.finding(Code.ORDER_BY_NEEDLESS, "ORDER BY only costs time here. Remove it.")
    if any(tree.args.get(clause) for clause in ("limit", "offset", "fetch")):
        yield source.finding(Code.LIMIT, "LIMIT drops rows of the window without a trace.")
    for branch in query_branches(tree):
        group = branch.args.get("group")
        if group is not None and group.find(exp.Rollup, exp.Cube, exp.GroupingSets):
            yield source.finding(
                Code.ROLLUP, "Subtotal rows have no LOAD_TIME_STAMP unless every set groups by it."
            )
    if any(_is_system_table(source, table) for table in tree.find_all(exp.Table)):
        yield source.finding(
            Code.SYSTEM_CATALOG, "This reads the server's own tables, not production data."
        )


def _mentions(node: exp.Expr | None, fill: str) -> bool:
    if not isinstance(node, exp.Expr):
        return False
    return any(literal.name.startswith(fill) for literal in node.find_all(exp.Literal))


def _includes_end(tree: exp.Expr) -> bool:
    for node in tree.find_all(exp.Between, exp.LTE, exp.GTE):
        end = {exp.Between: "high", exp.LTE: "expression", exp.GTE: "this"}[type(node)]
        if _mentions(node.args.get(end), TO_FILL):
            return True
    return False


def _is_system_table(source: Source, table: exp.Table) -> bool:
    schema, name = table.db.lower(), table.name.lower()
    if schema:
        return schema in _SYSTEM_SCHEMAS
    return not source.is_mysql and name.startswith("pg_")
