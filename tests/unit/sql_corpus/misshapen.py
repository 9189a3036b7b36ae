"""Pure reads that don't have the shape of a loader."""

from __future__ import annotations

from tests.unit.sql_corpus.case import MYSQL, POSTGRESQL, Case, loader, refused

_BOUNDS = "WHERE t >= :fromTime AND t < :toTime"
_NO_AGGREGATE = (
    loader(total="amount", average="amount")
    .replace("COUNT(*)", "1")
    .replace("MAX(amount)", "amount")
    .replace("MIN(amount)", "amount")
)
_WINDOWED = (
    loader(total="SUM(amount) OVER ()", average="AVG(amount) OVER (PARTITION BY region)")
    .replace("COUNT(*)", "COUNT(*) OVER (ORDER BY t)")
    .replace("MAX(amount)", "MAX(amount) OVER w")
    .replace("MIN(amount)", "FIRST_VALUE(amount) OVER (ORDER BY t)")
)

_BOTH: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("star", f"SELECT * FROM orders {_BOUNDS} GROUP BY 1", ("COLUMNS", "AGGREGATE_MISSING")),
    ("star of a table", f"SELECT o.* FROM orders o {_BOUNDS} GROUP BY 1", ("COLUMNS",)),
    ("one column", f"SELECT COUNT(*) AS n FROM orders {_BOUNDS} GROUP BY 1", ("COLUMNS",)),
    ("column missing", loader().replace(", MIN(amount) AS MIN_VAL", ""), ("COLUMNS",)),
    ("column without a name", loader().replace(" AS SUM_VAL", ""), ("COLUMNS",)),
    (
        "columns in another order",
        loader().replace("SUM_VAL", "x").replace("AVG_VAL", "SUM_VAL").replace("x", "AVG_VAL"),
        ("COLUMNS",),
    ),
    ("column too many", loader(more=", 1 AS extra"), ("COLUMNS",)),
    ("two columns too many", loader(more=", 1 AS VALUE_COUNT, 2 AS extra"), ("COLUMNS",)),
    (
        "VALUE_COUNT at the wrong place",
        loader().replace("COUNT(*) AS REC_COUNT", "COUNT(*) AS REC_COUNT, 1 AS VALUE_COUNT"),
        ("COLUMNS",),
    ),
    ("no GROUP BY", loader(group=""), ("GROUP_BY_MISSING",)),
    (
        "GROUP BY only in an unrelated subquery",
        loader(group="AND a IN (SELECT MAX(a) FROM b GROUP BY c)"),
        ("GROUP_BY_MISSING",),
    ),
    ("no aggregate", _NO_AGGREGATE, ("AGGREGATE_MISSING",)),
    ("window functions posing as aggregates", _WINDOWED, ("AGGREGATE_MISSING",)),
    (
        "aggregate only in a scalar subquery",
        _NO_AGGREGATE.replace("1 AS REC_COUNT", "(SELECT COUNT(*) FROM x) AS REC_COUNT"),
        ("AGGREGATE_MISSING",),
    ),
    ("aggregate only in HAVING", _NO_AGGREGATE + " HAVING COUNT(*) > 1", ("AGGREGATE_MISSING",)),
    ("UNION of two shapes", loader() + " UNION ALL SELECT 1, 2", ("COLUMNS",)),
    (
        "UNION with a branch not grouped",
        loader() + " UNION ALL " + loader(group=""),
        ("GROUP_BY_MISSING",),
    ),
    (
        "UNION with VALUE_COUNT in one branch",
        loader(more=", 1 AS VALUE_COUNT") + " UNION ALL " + loader(),
        ("COLUMNS",),
    ),
    (
        "UNION with names in the first branch only",
        loader() + " UNION ALL " + loader().replace(" AS SEGMENT_2", ""),
        ("COLUMNS",),
    ),
    (
        "derived table that isn't grouped",
        f"SELECT * FROM ({loader(group='')}) AS t",
        ("COLUMNS", "GROUP_BY_MISSING"),
    ),
)

MISSHAPEN: tuple[Case, ...] = (
    *(
        refused(name, db_type, sql, *codes)
        for name, sql, codes in _BOTH
        for db_type in (MYSQL, POSTGRESQL)
    ),
    refused("empty GROUP BY", POSTGRESQL, loader(group="GROUP BY ()"), "GROUP_BY_MISSING"),
    refused(
        "filtered window",
        POSTGRESQL,
        _NO_AGGREGATE.replace("1 AS REC_COUNT", "COUNT(*) FILTER (WHERE a) OVER () AS REC_COUNT"),
        "AGGREGATE_MISSING",
    ),
    refused(
        "name in full-width letters",
        POSTGRESQL,
        loader().replace("AS SUM_VAL", "AS \uff33UM_VAL"),
        "COLUMNS",
    ),
)
