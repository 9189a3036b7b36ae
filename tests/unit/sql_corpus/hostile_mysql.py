"""Statements that must be refused on MySQL and MariaDB."""

from __future__ import annotations

from tests.unit.sql_corpus.case import MYSQL, Case, loader, refused

_FUNCTIONS = (
    "SLEEP(1)", "sleep (1)", "`sleep`(1)", "BENCHMARK(1000000, MD5('x'))",
    "LOAD_FILE('/etc/passwd')",
    "GET_LOCK('x', 10)", "RELEASE_LOCK('x')", "IS_FREE_LOCK('x')", "USER()", "CURRENT_USER()",
    "DATABASE()", "VERSION()", "CONNECTION_ID()", "LAST_INSERT_ID(5)", "ROW_COUNT()",
    "MASTER_POS_WAIT('x', 1)", "SOURCE_POS_WAIT('x', 1)", "EXTRACTVALUE(1, concat(0x7e, 1))",
    "UPDATEXML(1, 'x', 1)", "UUID()", "RAND()", "sys_exec('id')", "sys_eval('id')", "NEXTVAL(s)",
    "SETVAL(s, 1)", "LASTVAL(s)", "INSERT('a', 1, 1, 'b')", "DEFAULT(a)", "RANDOM_BYTES(9)",
    "REPEAT('x', 1000000000)", "SPACE(1000000000)", "WAIT_FOR_EXECUTED_GTID_SET('x')",
    "mysql.f(1)", "`app`.`f`(1)", "ENCRYPT('x')", "DES_DECRYPT('x')", "NAME_CONST('a', 1)",
    "WAIT_UNTIL_SQL_THREAD_AFTER_GTIDS('x')", "PG_SLEEP(1)", "PS_THREAD_ID(1)", "SLE\u00c9P(1)",
)  # fmt: skip

HOSTILE_MYSQL: tuple[Case, ...] = (
    *(refused(f, MYSQL, loader(segment=f), "FUNCTION_NOT_ALLOWED") for f in _FUNCTIONS),
    refused(
        "executable comment",
        MYSQL,
        loader(after=" /*! INTO OUTFILE '/tmp/x' */"),
        "EXECUTABLE_COMMENT",
    ),
    refused(
        "versioned executable comment",
        MYSQL,
        loader(segment="/*!50000 SLEEP(1) */"),
        "EXECUTABLE_COMMENT",
    ),
    refused(
        "MariaDB's executable comment",
        MYSQL,
        loader(segment="/*M!100000 SLEEP(1) */ 1"),
        "EXECUTABLE_COMMENT",
    ),
    refused(
        "executable comment splitting a word",
        MYSQL,
        loader(after=" FOR /*!UPDATE*/"),
        "EXECUTABLE_COMMENT",
    ),
    refused(
        "nothing but an executable comment", MYSQL, "/*!50000 DROP TABLE t */", "EXECUTABLE_COMMENT"
    ),
    refused(
        "executable comment after the semicolon",
        MYSQL,
        loader() + "; /*! DROP TABLE t */",
        "EXECUTABLE_COMMENT",
    ),
    refused(
        "comment opened in a backslash string",
        MYSQL,
        loader(segment=r"'\'/*', SLEEP(1) AS x, '*/'"),
        "FUNCTION_NOT_ALLOWED",
    ),
    refused(
        "function after two minus signs that are no comment",
        MYSQL,
        loader(segment="5--1, SLEEP(1)"),
        "SYNTAX",
        "FUNCTION_NOT_ALLOWED",
    ),
    refused(
        "statement after a hash in a string",
        MYSQL,
        loader(segment="'#'") + "; DROP TABLE t",
        "MULTIPLE_STATEMENTS",
    ),
    refused(
        "function after a quote in double quotes",
        MYSQL,
        loader(segment="\"'\", SLEEP(1) AS y, '\"'"),
        "FUNCTION_NOT_ALLOWED",
    ),
    refused("comments do not nest", MYSQL, "/* a /* b */ DELETE FROM t /* */ -- */", "NOT_SELECT"),
    refused("INTO OUTFILE", MYSQL, loader(after=" INTO OUTFILE '/tmp/x'"), "INTO"),
    refused("INTO DUMPFILE", MYSQL, loader(after=" INTO DUMPFILE '/tmp/x'"), "INTO"),
    refused("INTO a variable", MYSQL, loader(after=" INTO @a, @b"), "INTO", "VARIABLE"),
    refused("assignment", MYSQL, loader(segment="@x := 1"), "VARIABLE"),
    refused(
        "assignment in a subquery",
        MYSQL,
        loader(source="orders, (SELECT @n := 0) AS v"),
        "VARIABLE",
    ),
    refused("user variable", MYSQL, loader(segment="@x"), "VARIABLE"),
    refused("quoted user variable", MYSQL, loader(segment="@`x y`"), "VARIABLE"),
    refused("string user variable", MYSQL, loader(segment="@'x'"), "VARIABLE"),
    refused("system variable", MYSQL, loader(segment="@@version"), "VARIABLE"),
    refused("global variable", MYSQL, loader(segment="@@global.secure_file_priv"), "VARIABLE"),
    refused("LOCK IN SHARE MODE", MYSQL, loader(after=" LOCK IN SHARE MODE"), "LOCKING"),
    refused(
        "PROCEDURE ANALYSE", MYSQL, loader(after=" PROCEDURE ANALYSE()"), "CONSTRUCT_NOT_ALLOWED"
    ),
    refused("NEXT VALUE FOR", MYSQL, loader(segment="NEXT VALUE FOR s"), "WRITES"),
    refused("Oracle mode sequence", MYSQL, loader(segment="s.nextval"), "WRITES"),
    refused(
        "SET STATEMENT", MYSQL, "SET STATEMENT max_statement_time=0 FOR " + loader(), "NOT_SELECT"
    ),
    refused("HANDLER", MYSQL, "HANDLER t OPEN", "NOT_SELECT"),
    refused("LOAD DATA", MYSQL, "LOAD DATA INFILE 'x' INTO TABLE t", "NOT_SELECT"),
    refused("DO", MYSQL, "DO SLEEP(1)", "NOT_SELECT"),
    refused("PREPARE", MYSQL, "PREPARE s FROM 'DROP TABLE t'", "NOT_SELECT"),
    refused("REPLACE INTO", MYSQL, "REPLACE INTO t VALUES (1)", "NOT_SELECT"),
    refused("question mark parameter", MYSQL, loader(segment="?"), "PLACEHOLDER_UNKNOWN"),
    refused(
        "cast that is not MySQL's",
        MYSQL,
        loader(where="t >= :fromTime AND a = x::toTime"),
        "PLACEHOLDER_MISSING",
    ),
    refused(
        "placeholder only in backquotes",
        MYSQL,
        loader(where="t >= :fromTime AND `:toTime`=1"),
        "PLACEHOLDER_MISSING",
    ),
    refused(
        "AS OF",
        MYSQL,
        loader(source="orders FOR SYSTEM_TIME AS OF '2026-01-01'"),
        "CONSTRUCT_NOT_ALLOWED",
    ),
    refused(
        "JSON_TABLE",
        MYSQL,
        loader(source="orders, JSON_TABLE(d, '$[*]' COLUMNS (x INT PATH '$.x')) AS j"),
        "FUNCTION_NOT_ALLOWED",
    ),
    refused("current user", MYSQL, loader(segment="CURRENT_USER"), "FUNCTION_NOT_ALLOWED"),
)
