"""Statements that must be refused on either server."""

from __future__ import annotations

from tests.unit.sql_corpus.case import MYSQL, POSTGRESQL, Case, loader, refused

_DEEP_ARRAY = "ARRAY[" * 25 + "1" + "]" * 25

_BOTH: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("nothing", "", ("EMPTY",)),
    ("blanks", " \n\t ", ("EMPTY",)),
    ("only a comment", "/* SELECT 1 */ -- x", ("EMPTY",)),
    ("only a semicolon", ";", ("EMPTY",)),
    ("INSERT", "INSERT INTO t VALUES (1)", ("NOT_SELECT",)),
    ("UPDATE", "UPDATE t SET a = 1", ("NOT_SELECT",)),
    ("DELETE", "DELETE FROM t", ("NOT_SELECT",)),
    ("DROP", "DROP TABLE t", ("NOT_SELECT",)),
    ("TRUNCATE", "TRUNCATE TABLE t", ("NOT_SELECT",)),
    ("CREATE TABLE AS", "CREATE TABLE x AS " + loader(), ("NOT_SELECT",)),
    ("SET", "SET x = 1", ("NOT_SELECT",)),
    ("CALL", "CALL p()", ("NOT_SELECT",)),
    ("EXPLAIN ANALYZE", "EXPLAIN ANALYZE " + loader(), ("NOT_SELECT",)),
    ("SHOW", "SHOW TABLES", ("NOT_SELECT",)),
    ("VALUES", "VALUES (1)", ("NOT_SELECT",)),
    ("TABLE", "TABLE t", ("NOT_SELECT",)),
    ("GRANT", "GRANT ALL ON x TO y", ("NOT_SELECT",)),
    ("plain words", "hello world", ("NOT_SELECT",)),
    ("a comment, then DELETE", "/* SELECT */ -- SELECT\n DELETE FROM t", ("NOT_SELECT",)),
    ("bracketed DELETE", "(DELETE FROM t)", ("NOT_SELECT",)),
    ("stacked statements", loader() + "; DROP TABLE t", ("MULTIPLE_STATEMENTS",)),
    (
        "stacked after a comment",
        loader() + " /* x */ ; -- y\n DELETE FROM t",
        ("MULTIPLE_STATEMENTS",),
    ),
    ("stacked SELECT", loader() + ";" + loader(), ("MULTIPLE_STATEMENTS",)),
    ("two semicolons", loader() + ";;", ("MULTIPLE_STATEMENTS",)),
    ("leading semicolon", ";" + loader(), ("MULTIPLE_STATEMENTS",)),
    (
        "stacked behind a string that looks open",
        loader(segment="'--'") + "; DELETE FROM t",
        ("MULTIPLE_STATEMENTS",),
    ),
    ("SELECT INTO", loader().replace(" FROM orders", " INTO copy FROM orders"), ("INTO",)),
    ("INTO at the end", loader(after=" INTO x"), ("INTO",)),
    (
        "INTO behind a comment",
        loader().replace(" FROM orders", " /**/iNtO/**/copy FROM orders"),
        ("INTO",),
    ),
    ("INTO in a CTE", loader(before="WITH o AS (SELECT 1 INTO y) "), ("INTO",)),
    ("FOR UPDATE", loader(after=" FOR UPDATE"), ("LOCKING",)),
    ("FOR SHARE", loader(after=" FOR SHARE SKIP LOCKED"), ("LOCKING",)),
    (
        "FOR UPDATE in a subquery",
        loader(source="(SELECT * FROM orders FOR UPDATE) AS o"),
        ("LOCKING",),
    ),
    ("FOR UPDATE broken by a comment", loader(after=" FOR /* x */ -- y\n UPDATE"), ("LOCKING",)),
    ("FOR UPDATE in a CTE", loader(before="WITH o AS (SELECT 1 FROM x FOR UPDATE) "), ("LOCKING",)),
    ("DELETE after a CTE", "WITH x AS (SELECT 1) DELETE FROM t", ("WRITES",)),
    ("INSERT after a CTE", "WITH x AS (SELECT 1) INSERT INTO t SELECT 1", ("WRITES",)),
    ("UPDATE after a CTE", "WITH x AS (SELECT 1)/**/UPDATE t SET a = 1", ("WRITES",)),
    ("user function", loader(total="SUM(my_function(amount))"), ("FUNCTION_NOT_ALLOWED",)),
    (
        "user function in a schema",
        loader(total="SUM(app.my_function(amount))"),
        ("FUNCTION_NOT_ALLOWED",),
    ),
    ("allowed name in a user's schema", loader(total="app.sum(amount)"), ("FUNCTION_NOT_ALLOWED",)),
    ("keyword in a user's schema", loader(segment="app.values(1)"), ("FUNCTION_NOT_ALLOWED",)),
    ("function behind a comment", loader(segment="sleep/**/ (1)"), ("FUNCTION_NOT_ALLOWED",)),
    (
        "function in WHERE",
        loader(where="t >= :fromTime AND t < :toTime AND version() = 'x'"),
        ("FUNCTION_NOT_ALLOWED",),
    ),
    ("function in HAVING", loader(after=" HAVING my_function(1) = 1"), ("FUNCTION_NOT_ALLOWED",)),
    ("function in ORDER BY", loader(after=" ORDER BY my_function(1)"), ("FUNCTION_NOT_ALLOWED",)),
    (
        "function in a subquery",
        loader(source="(SELECT my_function(1)) AS x"),
        ("FUNCTION_NOT_ALLOWED",),
    ),
    (
        "function in the second branch",
        loader() + " UNION ALL " + loader(segment="evil(1)"),
        ("FUNCTION_NOT_ALLOWED",),
    ),
    ("look-alike function name", loader(total="SU\u041c(amount)"), ("FUNCTION_NOT_ALLOWED",)),
    ("function name that folds to ASCII", loader(total="chec\u212a(1)"), ("FUNCTION_NOT_ALLOWED",)),
    ("no-break space in a name", loader(segment="sleep\u00a0(1)"), ("CHARACTER",)),
    ("zero-width space", loader(segment="a\u200bb"), ("CHARACTER",)),
    ("byte order mark", "\ufeff" + loader(), ("CHARACTER",)),
    ("NUL byte", loader() + "\x00", ("CHARACTER",)),
    ("NUL byte in a string", loader(segment="'a\x00b'"), ("CHARACTER",)),
    ("bidirectional override", loader(segment="'a\u202e b'"), ("CHARACTER",)),
    ("isolate in a comment", loader() + " /* \u2066 */", ("CHARACTER",)),
    ("half a surrogate pair", loader(segment="'\ud800'"), ("CHARACTER",)),
    ("lone carriage return", "-- x\r" + loader(), ("CHARACTER",)),
    ("form feed", loader() + "\x0c", ("CHARACTER",)),
    ("backslash command", "SELECT 1 \\! sh", ("CHARACTER",)),
    ("braces", loader(segment="{fn sleep(1)}"), ("CHARACTER",)),
    ("open string", loader(segment="'abc"), ("SYNTAX",)),
    ("open comment", loader() + " /* abc", ("SYNTAX",)),
    ("trailing comma", loader(segment="region,"), ("SYNTAX",)),
    ("open bracket", loader(total="SUM((amount)"), ("SYNTAX",)),
    ("number that runs into a word", loader(segment="1into"), ("SYNTAX",)),
    (
        "placeholder beside a string",
        loader(where="t >= 'a' :fromTime AND t < :toTime"),
        ("SYNTAX",),
    ),
    ("third placeholder", loader(segment=":other"), ("PLACEHOLDER_UNKNOWN",)),
    (
        "misspelt placeholder",
        loader(where="t >= :fromtime AND t < :toTime"),
        ("PLACEHOLDER_UNKNOWN", "PLACEHOLDER_MISSING"),
    ),
    (
        "misspelt quoted placeholder",
        loader(where="t >= ':FROMTIME' AND t < :toTime"),
        ("PLACEHOLDER_UNKNOWN",),
    ),
    (
        "longer placeholder",
        loader(where="t >= :fromTimeX AND t < :toTime"),
        ("PLACEHOLDER_UNKNOWN", "PLACEHOLDER_MISSING"),
    ),
    ("no placeholder", loader(where="1 = 1"), ("PLACEHOLDER_MISSING",)),
    ("no :toTime", loader(where="t >= :fromTime"), ("PLACEHOLDER_MISSING",)),
    (
        "placeholder only in a comment",
        loader(where="t >= :fromTime /* :toTime */"),
        ("PLACEHOLDER_MISSING",),
    ),
    (
        "placeholder only in a string",
        loader(where="t >= :fromTime AND a = 'x :toTime'"),
        ("PLACEHOLDER_MISSING",),
    ),
    (
        "forty levels of brackets",
        loader(total="SUM(" + "(" * 40 + "a" + ")" * 40 + ")"),
        ("TOO_DEEP",),
    ),
    ("a hundred thousand brackets", "SELECT " + "(" * 100_000, ("TOO_DEEP",)),
    (
        "forty levels of subqueries",
        loader(source="(SELECT * FROM " * 40 + "t" + ") AS x" * 40),
        ("TOO_DEEP",),
    ),
    (
        "forty levels of CASE",
        loader(segment="CASE WHEN a THEN " * 40 + "1" + " END" * 40),
        ("TOO_DEEP",),
    ),
    ("chain of NOT", loader(segment="NOT " * 5_000 + "a"), ("TOO_DEEP",)),
    ("chain of minus", loader(segment="- " * 5_000 + "a"), ("TOO_DEEP",)),
    ("a megabyte", loader(segment="'" + "x" * 1_000_000 + "'"), ("TOO_LARGE",)),
    ("a megabyte of comment", "/*" + "x" * 1_000_000 + "*/" + loader(), ("TOO_LARGE",)),
    ("200 KB only in UTF-8", loader(segment="'" + "\u0627" * 120_000 + "'"), ("TOO_LARGE",)),
    ("too many words", loader(segment="a+" * 30_000 + "a"), ("TOO_LARGE",)),
    (
        "hint that sets a variable",
        loader().replace("SELECT", "SELECT /*+ SET_VAR(max_execution_time=0) */", 1),
        ("HINT",),
    ),
    (
        "hint behind a harmless one",
        loader().replace("SELECT", "SELECT /*+ INDEX(a b) Set(statement_timeout 0) */", 1),
        ("HINT",),
    ),
    (
        "hint that lifts the time limit",
        loader().replace("SELECT", "SELECT /*+ MAX_EXECUTION_TIME(0) */", 1),
        ("HINT",),
    ),
)

HOSTILE_BOTH: tuple[Case, ...] = (
    *(
        refused(name, db_type, sql, *codes)
        for name, sql, codes in _BOTH
        for db_type in (MYSQL, POSTGRESQL)
    ),
    refused(
        "nested arrays that make a parser backtrack",
        POSTGRESQL,
        loader(segment=_DEEP_ARRAY),
        "TOO_DEEP",
    ),
)
