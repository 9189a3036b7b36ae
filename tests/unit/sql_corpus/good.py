"""Statements that must pass."""

from __future__ import annotations

from tests.unit.sql_corpus.case import MYSQL, POSTGRESQL, Case, good, loader, segments

_MINUTE = "DATE_FORMAT(created_at, '%Y-%m-%d %H:%i')"
_WRAPPED = (
    "SELECT t.LOAD_TIME_STAMP, t.SEGMENT_1, t.SEGMENT_2, t.SEGMENT_3, t.SEGMENT_4, t.SEGMENT_5, "
    "t.SEGMENT_6, t.SEGMENT_7, t.SEGMENT_8, t.SEGMENT_9, t.SEGMENT_10, t.REC_COUNT, t.SUM_VAL, "
    "t.AVG_VAL, t.MAX_VAL, t.MIN_VAL FROM "
)

_BOTH = (
    ("ordinary loader", loader()),
    ("closing semicolon", loader() + ";"),
    ("closing semicolon and comments", loader() + " ; -- done\n /* really */ "),
    ("leading comment", "-- hourly orders\n/* by region */ " + loader()),
    ("lower-case output names", loader().replace(" AS LOAD_TIME_STAMP", " AS load_time_stamp")),
    ("quoted placeholders", loader(where="created_at >= ':fromTime' AND created_at < ':toTime'")),
    ("VALUE_COUNT at the end", loader(more=", COUNT(amount) AS VALUE_COUNT")),
    ("both braces around placeholders", loader(where="(t>=(:fromTime))AND(t<(:toTime))")),
    ("UNION ALL of two good branches", loader() + " UNION ALL " + loader(source="refunds")),
    ("UNION of bracketed branches", f"({loader()}) UNION ({loader(source='refunds')})"),
    ("CTE that only reads", loader(before="WITH o AS (SELECT * FROM orders) ", source="o")),
    (
        "two CTEs with column lists",
        loader(
            before="WITH a (x, y) AS (SELECT 1, 2), b (z) AS (SELECT 3) ", source="orders, a, b"
        ),
    ),
    (
        "recursive CTE",
        loader(
            before="WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) ",
            source="orders JOIN n ON n.i = orders.i",
        ),
    ),
    ("grouped derived table", _WRAPPED + f"({loader()}) AS t"),
    ("grouped CTE", f"WITH t AS ({loader()}) {_WRAPPED} t"),
    ("joins", loader(source="orders o JOIN region r ON r.id = o.region_id LEFT JOIN x USING (id)")),
    (
        "subquery in WHERE",
        loader(
            where="t >= :fromTime AND t < :toTime AND id IN (SELECT id FROM paid) "
            "AND EXISTS (SELECT 1 FROM y)"
        ),
    ),
    (
        "CASE expressions",
        loader(
            total="SUM(CASE WHEN a > 1 AND NOT b < 2 THEN amount ELSE 0 END)",
            segment="CASE region WHEN 'n' THEN 'north' END",
        ),
    ),
    ("window over an aggregate", loader(more="", average="AVG(SUM(amount)) OVER ()")),
    ("HAVING", loader(after=" HAVING COUNT(*) > 1")),
    ("Arabic text", loader(segment="'\u0627\u0644\u0631\u064a\u0627\u0636'")),
    ("Arabic identifiers", loader(source="\u0627\u0644\u0637\u0644\u0628\u0627\u062a")),
    ("emoji in a string", loader(segment="'\U0001f600'")),
    ("doubled quotes", loader(segment="'it''s; DROP TABLE x -- /*'")),
    ("words in strings", loader(segment="'INTO FOR UPDATE ; pg_sleep(1) @x /*! */'")),
    ("COALESCE and rounding", loader(total="ROUND(COALESCE(SUM(amount), 0), 2)")),
    ("COUNT(DISTINCT)", loader(total="COUNT(DISTINCT customer)")),
    ("CAST", loader(total="CAST(SUM(amount) AS DECIMAL(18, 2))")),
    (
        "LIKE with percent",
        loader(
            where="t >= :fromTime AND t < :toTime AND name LIKE '%a%' AND b NOT LIKE 'x' ESCAPE '!'"
        ),
    ),
    ("arithmetic and modulo", loader(total="SUM(amount % 7 + 1 - -2 * 3 / 4)")),
    ("plan hint", loader().replace("SELECT ", "SELECT /*+ INDEX(orders ix_created) */ ", 1)),
    ("string functions", loader(segment="UPPER(TRIM(SUBSTRING(region FROM 1 FOR 3)))")),
    (
        "NULL and boolean tests",
        loader(where="t >= :fromTime AND t < :toTime AND a IS NOT NULL AND b IS TRUE"),
    ),
    ("EXTRACT", loader(segment="EXTRACT(HOUR FROM created_at)")),
    (
        "INTERVAL with a unit",
        loader(where="t >= :fromTime AND t < :toTime AND u > t - INTERVAL '1' DAY"),
    ),
    ("alias named like a function", loader(source="orders AS sleep")),
    ("schema-qualified table", loader(source="shop.orders")),
    ("Windows line ends", loader().replace(" FROM", "\r\nFROM")),
    ("thirty levels of brackets", loader(total="SUM(" + "(" * 29 + "amount" + ")" * 29 + ")")),
)

GOOD: tuple[Case, ...] = (
    *(good(name, db_type, sql) for name, sql in _BOTH for db_type in (MYSQL, POSTGRESQL)),
    good("DATE_FORMAT with percents", MYSQL, loader(stamp=_MINUTE, group=f"GROUP BY {_MINUTE}")),
    good(
        "STR_TO_DATE",
        MYSQL,
        loader(
            where="t >= STR_TO_DATE(:fromTime, '%Y-%m-%d %H:%i') AND "
            "t < STR_TO_DATE(:toTime, '%Y-%m-%d %H:%i')"
        ),
    ),
    good(
        "epoch bounds",
        MYSQL,
        loader(
            stamp="FROM_UNIXTIME(ts - ts MOD 60)",
            where="ts >= UNIX_TIMESTAMP(:fromTime) AND ts < UNIX_TIMESTAMP(:toTime)",
        ),
    ),
    good("double-quoted placeholders", MYSQL, loader(where='t >= ":fromTime" AND t < ":toTime"')),
    good("string as alias", MYSQL, loader().replace("AS SUM_VAL", "AS 'SUM_VAL'")),
    good("backquoted names", MYSQL, loader(source="`shop`.`my orders`", segment="`re``gion`")),
    good("hash comment", MYSQL, "# hourly; DROP TABLE x\n" + loader()),
    good(
        "IF, IFNULL, REPLACE, TRUNCATE, LEFT",
        MYSQL,
        loader(
            total="IFNULL(TRUNCATE(SUM(IF(a, b, 0)), 2), 0)",
            segment="LEFT(REPLACE(r, 'a', 'b'), 3)",
        ),
    ),
    good("backslash escapes", MYSQL, loader(segment=r"'it\'s; DELETE FROM x'")),
    good(
        "CONVERT_TZ and DATE_ADD",
        MYSQL,
        loader(stamp="DATE_ADD(CONVERT_TZ(t, '+00:00', '+03:00'), INTERVAL 1 HOUR)"),
    ),
    good("TIMESTAMPDIFF", MYSQL, loader(total="SUM(TIMESTAMPDIFF(SECOND, a, b))")),
    good(
        "GROUP_CONCAT in a segment",
        MYSQL,
        loader(segment="GROUP_CONCAT(DISTINCT a ORDER BY b SEPARATOR ',')", group="GROUP BY 1"),
    ),
    good("index hints in FROM", MYSQL, loader(source="orders FORCE INDEX (ix) IGNORE KEY (k)")),
    good("partition of a table", MYSQL, loader(source="orders PARTITION (p0)")),
    good("JSON path", MYSQL, loader(segment="doc->>'$.region'", total="SUM(doc->'$.n')")),
    good("JSON_EXTRACT", MYSQL, loader(segment="JSON_UNQUOTE(JSON_EXTRACT(doc, '$.a[0].b'))")),
    good(
        "character set introducer and collation",
        MYSQL,
        loader(segment="_utf8mb4'x' COLLATE utf8mb4_bin"),
    ),
    good(
        "REGEXP and DIV",
        MYSQL,
        loader(where="t >= :fromTime AND t < :toTime AND a REGEXP '^x' AND a DIV 2 = 1"),
    ),
    good(
        "STRAIGHT_JOIN and SQL_NO_CACHE",
        MYSQL,
        loader().replace("SELECT ", "SELECT SQL_NO_CACHE ", 1),
    ),
    good("JSON aggregate", MYSQL, loader(segment="JSON_ARRAYAGG(a)", group="GROUP BY 1")),
    good(
        "Arabic backquoted", MYSQL, loader(segment="`\u0627\u0644\u0645\u0646\u0637\u0642\u0629`")
    ),
    good(
        "date_trunc and casts",
        POSTGRESQL,
        loader(
            stamp="date_trunc('hour', created_at)::timestamptz", total="sum(amount)::numeric(18, 2)"
        ),
    ),
    good("time zones", POSTGRESQL, loader(stamp="created_at AT TIME ZONE 'Asia/Riyadh'")),
    good("FILTER", POSTGRESQL, loader(total="SUM(amount) FILTER (WHERE paid)")),
    good(
        "percentile",
        POSTGRESQL,
        loader(average="percentile_cont(0.5) WITHIN GROUP (ORDER BY amount)"),
    ),
    good(
        "quoted identifiers",
        POSTGRESQL,
        loader(source='"Shop"."my ""orders"""').replace("AS SUM_VAL", 'AS "SUM_VAL"'),
    ),
    good("pg_catalog-qualified function", POSTGRESQL, loader(total="pg_catalog.sum(amount)")),
    good("quoted built-in", POSTGRESQL, loader(total='"sum"(amount)')),
    good(
        "typed literal placeholders",
        POSTGRESQL,
        loader(where="t >= timestamp ':fromTime' AND t < CAST(:toTime AS timestamp)"),
    ),
    good(
        "placeholder then cast",
        POSTGRESQL,
        loader(where="t >= :fromTime::timestamptz AND t < :toTime::timestamptz"),
    ),
    good(
        "epoch bounds",
        POSTGRESQL,
        loader(
            stamp="to_timestamp(ts)",
            where="ts >= extract(epoch FROM :fromTime::timestamp) "
            "AND ts < extract(epoch FROM :toTime::timestamp)",
        ),
    ),
    good("to_char", POSTGRESQL, loader(stamp="to_char(created_at, 'YYYY-MM-DD\"T\"HH24:MI')")),
    good(
        "JSON operators",
        POSTGRESQL,
        loader(
            segment="doc->>'region'",
            where="t >= :fromTime AND t < :toTime AND doc @> '{\"a\": 1}' "
            "AND doc ? 'b' AND doc #>> '{a,b}' = 'x'",
        ),
    ),
    good(
        "regular expressions and ILIKE",
        POSTGRESQL,
        loader(where="t >= :fromTime AND t < :toTime AND a ~* '^x' AND b ILIKE '%y%'"),
    ),
    good(
        "arrays",
        POSTGRESQL,
        loader(where="t >= :fromTime AND t < :toTime AND a = ANY(ARRAY[1, 2]) AND b[1] = 2"),
    ),
    good("generate_series", POSTGRESQL, loader(source="orders, generate_series(1, 3) AS g(n)")),
    good("LATERAL", POSTGRESQL, loader(source="orders JOIN LATERAL (SELECT 1) AS l ON TRUE")),
    good("VALUES list", POSTGRESQL, loader(source="orders, (VALUES (1, 'a')) AS v(i, n)")),
    good(
        "MATERIALIZED CTEs",
        POSTGRESQL,
        loader(before="WITH a AS MATERIALIZED (SELECT 1), b (x) AS NOT MATERIALIZED (SELECT 2) "),
    ),
    good("escape string", POSTGRESQL, loader(segment=r"E'it\'s; DELETE FROM x'")),
    good("dollar-quoted string", POSTGRESQL, loader(segment="$q$ ; DROP TABLE x; -- ' $q$")),
    good("nested comment", POSTGRESQL, "/* a /* b */ ; DROP TABLE x */ " + loader()),
    good("MySQL's executable comment is a comment", POSTGRESQL, "/*! INTO x */ " + loader()),
    good("interval words", POSTGRESQL, loader(stamp="created_at - interval '1 hour'")),
    good("columns named like verbs", POSTGRESQL, loader(segment="t.update")),
    good(
        "bool_and, string_agg",
        POSTGRESQL,
        loader(
            total="bool_and(a)::int", segment="string_agg(b, ',' ORDER BY b)", group="GROUP BY 1"
        ),
    ),
    good(
        "placeholder in a comment",
        POSTGRESQL,
        "-- from :fromTime\n" + loader(),
        "SQL_PLACEHOLDER_IN_COMMENT",
    ),
    good(
        "placeholder in a string",
        MYSQL,
        loader(segment="'since :fromTime'"),
        "SQL_PLACEHOLDER_IN_STRING",
    ),
    good(
        "BETWEEN includes the end",
        MYSQL,
        loader(where="t BETWEEN :fromTime AND :toTime"),
        "SQL_END_INCLUSIVE",
    ),
    good(
        "<= includes the end",
        POSTGRESQL,
        loader(where="t >= :fromTime AND t <= :toTime"),
        "SQL_END_INCLUSIVE",
    ),
    good(
        "end inside a function",
        MYSQL,
        loader(where="t >= :fromTime AND STR_TO_DATE(:toTime, '%Y') >= t"),
        "SQL_END_INCLUSIVE",
    ),
    good(
        "grouping sets",
        POSTGRESQL,
        loader(group="GROUP BY GROUPING SETS ((1, 2), (1))"),
        "SQL_ROLLUP",
    ),
    good("ROLLUP of keys", POSTGRESQL, loader(group="GROUP BY ROLLUP (1, 2)"), "SQL_ROLLUP"),
    good(
        "character sets",
        MYSQL,
        loader(segment="CONCAT(CONVERT(a USING latin1), CAST(b AS CHAR CHARACTER SET utf8mb4))"),
    ),
    good(
        "OVERLAPS",
        POSTGRESQL,
        loader(where="(a, b) OVERLAPS (:fromTime::timestamp, :toTime::timestamp)"),
    ),
    good("ORDER BY", MYSQL, loader(after=" ORDER BY 1"), "SQL_ORDER_BY_NEEDLESS"),
    good("LIMIT", POSTGRESQL, loader(after=" LIMIT 10"), "SQL_LIMIT"),
    good("ROLLUP", MYSQL, loader(after=" WITH ROLLUP"), "SQL_ROLLUP"),
    good(
        "the clock",
        MYSQL,
        loader(where="t >= :fromTime AND t < :toTime AND t < NOW()"),
        "SQL_CLOCK",
    ),
    good(
        "the clock as a keyword",
        POSTGRESQL,
        loader(where="t >= :fromTime AND t < :toTime AND t < CURRENT_TIMESTAMP"),
        "SQL_CLOCK",
    ),
    good("the catalogue", POSTGRESQL, loader(source="pg_catalog.pg_class"), "SQL_SYSTEM_CATALOG"),
    good(
        "placeholders that bound nothing",
        POSTGRESQL,
        loader(stamp=":fromTime", segment=":toTime", where="TRUE"),
        "SQL_PLACEHOLDER_NOT_IN_WHERE",
    ),
    good(
        "only one placeholder bounds",
        MYSQL,
        loader(segment=":toTime", where="t >= :fromTime"),
        "SQL_PLACEHOLDER_NOT_IN_WHERE",
    ),
    good("bound in a derived table", POSTGRESQL, _WRAPPED + f"({loader()}) t WHERE TRUE"),
    good(
        "all segments filled",
        MYSQL,
        loader().replace(segments("region"), segments(*(f"s{i}" for i in range(10)))),
    ),
)
