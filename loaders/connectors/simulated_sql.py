"""Which statements a simulated source understands, and how SQLite is to compute them.

One SELECT over `simulated_events`, its window given by `at >= ...` and `at < ...`. Every part of
it must be known here: what SQLite would compute in another way than PostgreSQL is refused, not
guessed. Only about types it is less strict: it compares text with a number without complaint.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlglot import exp, parse
from sqlglot.errors import SqlglotError

from loaders.connectors.errors import SourceSqlError

TABLE = "simulated_events"
COLUMNS = {
    "at": "timestamp with time zone",
    "channel": "text",
    "region": "text",
    "result": "text",
    "amount": "double precision",
}
TRUNCATE = "simulated_trunc"
UNITS = ("second", "minute", "hour", "day")
MAX_WINDOW = timedelta(days=7)

_KNOWN = (
    *(exp.Select, exp.From, exp.Table, exp.TableAlias, exp.Column, exp.Identifier, exp.Alias),
    *(exp.Where, exp.Group, exp.Having, exp.Order, exp.Ordered, exp.Literal, exp.Null, exp.Star),
    *(exp.Boolean, exp.Paren, exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT),
    *(exp.LTE, exp.Is, exp.In, exp.Between, exp.Add, exp.Sub, exp.Mul, exp.Neg, exp.Case, exp.If),
    *(exp.Coalesce, exp.Nullif, exp.Abs, exp.Count, exp.Sum, exp.Avg, exp.Min, exp.Max),
    *(exp.Distinct, exp.Filter, exp.TimestampTrunc, exp.Var),
)
_INSTANT_TYPES = (exp.DataType.Type.TIMESTAMP, exp.DataType.Type.TIMESTAMPTZ)
# Where `at` may stand besides the bounds: there its text gives the same answer as a timestamp.
_TIME_MAY_STAND_IN = (
    *(exp.Alias, exp.Select, exp.Group, exp.Ordered),
    *(exp.TimestampTrunc, exp.Count, exp.Min, exp.Max),
)


@dataclass(frozen=True)
class Plan:
    """A statement for SQLite, and the half-open window [start, end) whose events it reads."""

    sqlite: str
    start: datetime
    end: datetime


def plan(statement: str) -> Plan:
    """Understand a statement in PostgreSQL's dialect, or raise SourceSqlError with the reason."""
    tree = _parse(statement)
    start, end = _take_bounds(tree)
    for node in tree.walk():
        if not isinstance(node, _KNOWN) or node.args.get("zone") or node.args.get("on"):
            what = "function" if isinstance(node, exp.Anonymous) else node.key.upper()
            raise _refused(f"does not know this {what}: docs/sources.md lists what it knows")
    tables = list(tree.find_all(exp.Table))
    if len(tables) != 1 or tables[0].name.lower() != TABLE or len(tables[0].parts) != 1:
        raise _refused(f"has one table, {TABLE}: a statement reads it exactly once")
    for column in tree.find_all(exp.Column):
        _check_column(column, tree)
    _check_groups(tree)
    if end - start > MAX_WINDOW:
        raise _refused("serves windows of 7 days at most")
    sqlite = tree.transform(_truncated).sql(dialect="sqlite", comments=False)
    return Plan(sqlite, start, end)


def _parse(statement: str) -> exp.Select:
    try:
        trees = parse(statement, dialect="postgres")
    except (SqlglotError, RecursionError):
        trees = []
    if len(trees) != 1 or not isinstance(trees[0], exp.Select):
        raise _refused("takes one plain SELECT")
    return trees[0]


def _take_bounds(tree: exp.Select) -> tuple[datetime, datetime]:
    """Cut both bounds out of WHERE: what they select is what will be there."""
    where = tree.args.get("where")
    found: dict[type[exp.Expression], datetime] = {}
    conjunction = where.this.unnest() if where else None
    for condition in list(conjunction.flatten()) if isinstance(conjunction, exp.And) else []:
        kind = type(condition)
        if kind in {exp.GTE, exp.LT} and _is_time(condition.this) and kind not in found:
            found[kind] = _instant(condition.expression)
            condition.replace(exp.true())
    if len(found) != 2:
        raise _refused("needs the window as WHERE at >= ... AND at < ..., with AND alone")
    return found[exp.GTE], found[exp.LT]


def _is_time(node: exp.Expression) -> bool:
    return isinstance(node, exp.Column) and node.name.lower() == "at"


def _instant(node: exp.Expression) -> datetime:
    """The time that a bound names: ISO text, also cast to a timestamp, or to_timestamp(n)."""
    is_local = False
    if isinstance(node, exp.Cast) and node.to.this in _INSTANT_TYPES and not node.to.expressions:
        is_local = node.to.this is not exp.DataType.Type.TIMESTAMPTZ
        node = node.this
    try:
        if isinstance(node, exp.UnixToTime) and isinstance(node.this, exp.Literal):
            return datetime.fromtimestamp(int(node.this.name), UTC)
        if isinstance(node, exp.Literal) and node.is_string:
            moment = datetime.fromisoformat(node.name)
            # A cast to a timestamp without zone drops the offset of the text.
            zone = UTC if is_local else moment.tzinfo or UTC
            return moment.replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        pass
    raise _refused("reads a bound as ISO 8601 text or as to_timestamp of whole seconds")


def _check_column(column: exp.Column, tree: exp.Select) -> None:
    name = column.name.lower()
    aliases = {alias.lower() for alias in tree.named_selects}
    if name not in COLUMNS and not (name in aliases and column.find_ancestor(exp.Group, exp.Order)):
        raise _refused(f"has the columns {', '.join(COLUMNS)} only")
    if name == "at" and not isinstance(column.parent, _TIME_MAY_STAND_IN):
        raise _refused("lets at stand in its two bounds, in date_trunc, count, min, max and alone")


def _check_groups(tree: exp.Select) -> None:
    """Refuse what PostgreSQL refuses and SQLite answers from any one row of the group."""
    for projection in tree.expressions:
        if projection.alias.lower() in COLUMNS and projection.alias != projection.this.name:
            raise _refused("lets no result be named like another column of the table")
    group = tree.args.get("group")
    if group is None and tree.find(exp.AggFunc) is None:
        return
    named = {item.alias_or_name.lower(): item.unalias() for item in tree.expressions}
    grouped = [_meant(term, tree, named) for term in (group.expressions if group else [])]
    for item in [*tree.expressions, *(tree.find_all(exp.Having, exp.Ordered))]:
        for column in item.find_all(exp.Column):
            if not _is_alias(column) and not _is_settled(column, grouped):
                raise _refused("wants each column of the result in GROUP BY or in an aggregate")


def _meant(
    term: exp.Expression, tree: exp.Select, named: dict[str, exp.Expression]
) -> exp.Expression:
    """What a term of GROUP BY groups by: a position and an alias stand for a result."""
    if isinstance(term, exp.Literal) and term.is_int:
        if not 1 <= int(term.name) <= len(tree.expressions):
            raise _refused("finds no such position of GROUP BY among the results")
        result: exp.Expression = tree.expressions[int(term.name) - 1].unalias()
        return result
    return named.get(term.name.lower(), term) if _is_alias(term) else term


def _is_alias(node: exp.Expression) -> bool:
    return isinstance(node, exp.Column) and node.name.lower() not in COLUMNS


def _is_settled(node: exp.Expr | None, grouped: list[exp.Expression]) -> bool:
    """Whether one value a group stands here: inside an aggregate or a term of GROUP BY."""
    while node is not None and not isinstance(node, exp.Select):
        if isinstance(node, exp.AggFunc | exp.Filter) or node in grouped:
            return True
        node = node.parent
    return False


def _truncated(node: exp.Expression) -> exp.Expression:
    if not isinstance(node, exp.TimestampTrunc):
        return node
    unit = str(node.args["unit"].name).lower()
    if unit not in UNITS or not _is_time(node.this):
        raise _refused(f"cuts at by date_trunc to {', '.join(UNITS)}")
    return exp.Anonymous(this=TRUNCATE, expressions=[exp.Literal.string(unit), node.this])


def _refused(reason: str) -> SourceSqlError:
    return SourceSqlError(f"A simulated source {reason}.")
