"""The shape a loader's output must have: named columns in order, grouped and aggregated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from loaders.sql_guard.nodes import AGGREGATE_NODES
from loaders.sql_guard.source import Source, quoted
from loaders.sql_guard.tree_rules import position
from loaders.sql_guard.verdict import Code, Finding
from loaders.sql_guard.vocabulary import AGGREGATES, OUTPUT_COLUMNS, VALUE_COUNT

_AROUND_CALL = (exp.Filter, exp.WithinGroup, exp.IgnoreNulls, exp.RespectNulls)


@dataclass(frozen=True)
class Shape:
    """Whether all branches end in VALUE_COUNT, and what is wrong with the first bad branch."""

    has_value_count: bool
    findings: tuple[Finding, ...]


def read_shape(source: Source, tree: exp.Expr) -> Shape:
    """Check every branch of a UNION (a plain SELECT is one branch) against spec 4."""
    branches = list(query_branches(tree))
    counted = {_ends_in_value_count(branch) for branch in branches}
    has_value_count = counted == {True}
    for branch in branches:
        findings = tuple(_branch_findings(source, tree, branch))
        if findings:
            return Shape(has_value_count, findings)
    if len(counted) > 1:
        message = "Either every branch of the UNION ends in VALUE_COUNT, or none does."
        return Shape(False, (source.finding(Code.COLUMNS, message),))
    return Shape(has_value_count, ())


def query_branches(query: exp.Expr | None) -> Iterator[exp.Expr]:
    """Yield the SELECTs that a query's rows come from, left to right.

    What is no SELECT (VALUES, a table in brackets) is yielded too, for the caller to refuse.
    """
    pending = [query]
    while pending:
        node = pending.pop()
        if isinstance(node, exp.SetOperation):
            pending += [node.args.get("expression"), node.this]
        elif isinstance(node, exp.Subquery):
            pending.append(node.this)
        elif node is not None:
            yield node


def _branch_findings(source: Source, tree: exp.Expr, branch: exp.Expr) -> Iterator[Finding]:
    if not isinstance(branch, exp.Select):
        yield source.finding(Code.NOT_SELECT, "Every branch must be a SELECT.")
        return
    column = _column_finding(source, branch)
    if column:
        yield column
    yield from _grouping_findings(source, tree, branch)


def _ends_in_value_count(branch: exp.Expr) -> bool:
    columns = branch.expressions if isinstance(branch, exp.Select) else []
    return len(columns) > len(OUTPUT_COLUMNS) and _output_name(columns[-1]) == VALUE_COUNT


def _column_finding(source: Source, select: exp.Select) -> Finding | None:
    columns = select.expressions
    expected = (*OUTPUT_COLUMNS, VALUE_COUNT)
    for number, column in enumerate(columns[: len(expected)], start=1):
        wanted = expected[number - 1]
        name = _output_name(column)
        at = position(source, column.args.get("alias") or column)
        if column.is_star:
            message = f"Column {number} is a star. Name every output column, {wanted} here."
        elif not name:
            message = f"Column {number} has no name. Write AS {wanted} after it."
        elif name != wanted:
            message = (
                f"Column {number} must be {wanted}, but is named {quoted(column.alias_or_name)}."
            )
        else:
            continue
        return source.finding(Code.COLUMNS, message, at)
    if len(columns) < len(OUTPUT_COLUMNS):
        message = f"Column {len(columns) + 1}, {OUTPUT_COLUMNS[len(columns)]}, is missing."
        return source.finding(Code.COLUMNS, message)
    if len(columns) > len(expected):
        message = f"There are {len(columns)} columns; {VALUE_COUNT} must be the last."
        return source.finding(Code.COLUMNS, message)
    return None


def _output_name(column: exp.Expr) -> str:
    """Name of an output column in upper case, "" when it has none of its own."""
    if isinstance(column, exp.Alias | exp.Column | exp.Subquery | exp.Dot):
        name: str = column.alias_or_name
        return name.upper() if name.isascii() else name
    return ""


def _grouping_findings(source: Source, tree: exp.Expr, branch: exp.Select) -> Iterator[Finding]:
    """A branch groups itself, or reads from a derived table or CTE that does."""
    selects = list(_reachable_selects(tree, branch))
    grouped = [select for select in selects if _has_group_by(select)]
    if any(_has_aggregate(source, select) for select in grouped):
        return
    if not grouped:
        yield source.finding(
            Code.GROUP_BY_MISSING,
            "GROUP BY is missing. Group by LOAD_TIME_STAMP and the segments.",
        )
    if grouped or not any(_has_aggregate(source, select) for select in selects):
        yield source.finding(
            Code.AGGREGATE_MISSING,
            "No output column is an aggregate such as COUNT, SUM, AVG, MAX or MIN of the group "
            "(a window function is none).",
        )


def _reachable_selects(tree: exp.Expr, branch: exp.Select) -> Iterator[exp.Select]:
    ctes = {cte.alias.lower(): cte.this for cte in tree.find_all(exp.CTE)}
    pending: list[exp.Expr] = [branch]
    visited: set[int] = set()
    while pending:
        query = pending.pop()
        if id(query) in visited:
            continue
        visited.add(id(query))
        for select in query_branches(query):
            if isinstance(select, exp.Select):
                yield select
                pending += _sources(select, ctes)


def _sources(select: exp.Select, ctes: dict[str, exp.Expr]) -> Iterator[exp.Expr]:
    clauses = [select.args.get("from_"), *(select.args.get("joins") or [])]
    for clause in clauses:
        node = clause.this if clause is not None else None
        if isinstance(node, exp.Lateral):
            node = node.this
        if isinstance(node, exp.Subquery):
            yield node
        elif isinstance(node, exp.Table) and not node.db and node.name.lower() in ctes:
            yield ctes[node.name.lower()]


def _has_group_by(select: exp.Select) -> bool:
    """Whether there is a key to group by; `GROUP BY ()` has none."""
    group = select.args.get("group")
    if group is None:
        return False
    empty = [e for e in group.expressions if isinstance(e, exp.Tuple) and not e.expressions]
    return len(group.expressions) > len(empty)


def _has_aggregate(source: Source, select: exp.Select) -> bool:
    """Whether an output column aggregates the select's own groups."""
    pending = [(column, False) for column in select.expressions]
    while pending:
        node, windowed = pending.pop()
        if isinstance(node, exp.Query):
            continue
        if not windowed and _is_aggregate(source, node):
            return True
        passes_on = isinstance(node, exp.Window) or (windowed and isinstance(node, _AROUND_CALL))
        pending += [(child, passes_on and child is node.this) for child in node.iter_expressions()]
    return False


def _is_aggregate(source: Source, node: exp.Expr) -> bool:
    if isinstance(node, exp.Anonymous | exp.AnonymousAggFunc):
        return node.name.lower() in AGGREGATES[source.db_type]
    return type(node) in AGGREGATE_NODES
