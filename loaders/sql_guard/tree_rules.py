"""Rules on every node of the syntax tree: an allow list, with reasons for the usual suspects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlglot import exp

from loaders.sql_guard.nodes import ALLOWED_NODES, ALLOWED_TYPES, REFUSED_NODES
from loaders.sql_guard.source import Source, quoted
from loaders.sql_guard.verdict import Code, Finding
from loaders.sql_guard.vocabulary import FUNCTIONS

# sqlglot reads these keywords before a parenthesis as calls of unknown functions.
_CALL_LIKE: Final = frozenset({"row", "any", "all", "some", "values"})


def tree_findings(source: Source, tree: exp.Expr) -> Iterator[Finding]:
    """Yield one finding for each code that a node of the tree calls for."""
    if not isinstance(tree, exp.Query):
        yield _refusal(source, tree, default=(Code.NOT_SELECT, "A loader must be one SELECT."))
        return
    seen: set[str] = set()
    for node in tree.walk():
        if _is_allowed(source, node):
            continue
        finding = _refusal(source, node)
        if finding.code not in seen:
            seen.add(finding.code)
            yield finding


def position(source: Source, node: exp.Expr) -> int | None:
    """Offset of the first name in a node, which is where to point at; None when unknown."""
    for part in node.find_all(exp.Identifier):
        start = part.meta.get("start")
        if isinstance(start, int) and start < len(source.sql):
            return start
    start = node.meta.get("start")
    return start if isinstance(start, int) and start < len(source.sql) else None


def _is_allowed(source: Source, node: exp.Expr) -> bool:
    if type(node) not in ALLOWED_NODES:
        return False
    if isinstance(node, exp.Anonymous | exp.AnonymousAggFunc):
        name = node.name
        known = FUNCTIONS[source.db_type] | _CALL_LIKE
        return name.isascii() and name.lower() in known
    if isinstance(node, exp.DataType):
        return node.this in ALLOWED_TYPES or isinstance(node.this, exp.Interval)
    return True


def _refusal(source: Source, node: exp.Expr, default: tuple[Code, str] | None = None) -> Finding:
    at = position(source, node)
    for kind, code, message in REFUSED_NODES:
        if isinstance(node, kind):
            return source.finding(code, message, at)
    if default:
        return source.finding(*default, at)
    if isinstance(node, exp.Func):
        name = node.name if isinstance(node, exp.Anonymous) else node.sql_name()
        message = f"The function {quoted(name)} is not allowed in a loader."
        return source.finding(Code.FUNCTION_NOT_ALLOWED, message, at)
    if isinstance(node, exp.DataType | exp.ObjectIdentifier):
        return source.finding(
            Code.TYPE_NOT_ALLOWED, "This type is not allowed. Cast to a plain type.", at
        )
    return source.finding(
        Code.CONSTRUCT_NOT_ALLOWED,
        f"This construct ({type(node).__name__}) is not allowed in a loader.",
        at,
    )
