"""Statements that must be refused on PostgreSQL."""

from __future__ import annotations

from tests.unit.sql_corpus.case import POSTGRESQL, Case, loader, refused

_FUNCTIONS = (
    "pg_sleep(1)", "PG_SLEEP(1)", "pg_catalog.pg_sleep(1)", '"pg_sleep"(1)',
    '"pg_catalog"."pg_sleep"(1)', "pg_catalog . pg_sleep (1)", "pg_catalog/**/./**/pg_sleep/**/(1)",
    "pg_sleep_for('1 day')", "pg_read_file('/etc/passwd')", "pg_read_binary_file('x')",
    "pg_ls_dir('/')", "pg_stat_file('x')", "lo_import('/etc/passwd')", "lo_export(1, '/tmp/x')",
    "lo_get(1)", "lo_from_bytea(0, 'x')", "dblink('host=x', 'select 1')", "dblink_exec('x', 'y')",
    "query_to_xml('delete from t', true, true, '')", "table_to_xml('t', true, true, '')",
    "database_to_xml(true, true, '')", "cursor_to_xml('c', 1, true, true, '')", "setval('s', 1)",
    "nextval('s')", "currval('s')", "lastval()", "set_config('x', 'y', false)",
    "current_setting('x')", "pg_terminate_backend(1)", "pg_cancel_backend(1)", "pg_reload_conf()",
    "pg_advisory_lock(1)", "pg_try_advisory_lock(1)", "pg_notify('a', 'b')", "txid_current()",
    "pg_logical_emit_message(true, 'a', 'b')", "pg_rotate_logfile()", "pg_switch_wal()",
    "xpath('/', 'x')", "ts_stat('select 1')", "inet_server_addr()", "version()", "random()",
    "gen_random_uuid()", "repeat('x', 1000000000)", "pg_export_snapshot()", "sleep(1)",
    "pg_get_viewdef(1)", "has_table_privilege('t', 'select')", "to_regclass('x')",
    '"SUM"(amount)', '"Abs"(1)', "pg_temp.f(1)", "public.abs(1)", "db.pg_catalog.abs(1)",
    "pg_catalog.filter(1)", "pg_catalog.over(1)", "xmlelement(name foo)",
)  # fmt: skip

HOSTILE_POSTGRESQL: tuple[Case, ...] = (
    *(refused(f, POSTGRESQL, loader(segment=f), "FUNCTION_NOT_ALLOWED") for f in _FUNCTIONS),
    *(
        refused(
            f"CTE that writes: {verb}", POSTGRESQL, loader(before=f"WITH x AS ({verb}) "), "WRITES"
        )
        for verb in (
            "DELETE FROM t RETURNING *",
            "INSERT INTO t VALUES (1) RETURNING *",
            "UPDATE t SET a = 1 RETURNING *",
            "/* SELECT */ DELETE FROM t RETURNING *",
            "MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN DELETE",
            "WITH y AS (SELECT 1) DELETE FROM t RETURNING *",
        )
    ),
    refused(
        "table function in FROM",
        POSTGRESQL,
        loader(source="orders, dblink('x') AS (SELECT text)"),
        "FUNCTION_NOT_ALLOWED",
    ),
    refused(
        "table function with a column list",
        POSTGRESQL,
        loader(source="orders, evil(a) AS (values text)"),
        "FUNCTION_NOT_ALLOWED",
    ),
    refused(
        "table function with WITH ORDINALITY",
        POSTGRESQL,
        loader(source="orders, pg_ls_dir('/') WITH ORDINALITY AS f(a, b)"),
        "FUNCTION_NOT_ALLOWED",
    ),
    refused(
        "ROWS FROM",
        POSTGRESQL,
        loader(source="ROWS FROM (pg_ls_dir('/')) AS f"),
        "FUNCTION_NOT_ALLOWED",
    ),
    refused(
        "function behind DISTINCT ON",
        POSTGRESQL,
        loader().replace("SELECT ", "SELECT DISTINCT ON (a) pg_sleep(1), ", 1),
        "FUNCTION_NOT_ALLOWED",
    ),
    refused(
        "function behind DISTINCT ON, named like a keyword",
        POSTGRESQL,
        loader().replace("SELECT ", "SELECT DISTINCT ON (a) filter(1), ", 1),
        "SYNTAX",
    ),
    refused(
        "Unicode-escaped function name",
        POSTGRESQL,
        loader(segment=r'U&"pg\005fsleep"(1)'),
        "CHARACTER",
    ),
    refused("Unicode-escaped column", POSTGRESQL, loader(segment=r'U&"\0061"'), "CHARACTER"),
    refused(
        "OPERATOR()", POSTGRESQL, loader(segment="a OPERATOR(public.+) b"), "FUNCTION_NOT_ALLOWED"
    ),
    refused("cast to regclass", POSTGRESQL, loader(segment="'x'::regclass"), "TYPE_NOT_ALLOWED"),
    refused("cast to a user's type", POSTGRESQL, loader(segment="a::my_type"), "TYPE_NOT_ALLOWED"),
    refused(
        "cast to a type in a schema",
        POSTGRESQL,
        loader(segment="a::app.numeric"),
        "TYPE_NOT_ALLOWED",
    ),
    refused("cast to a quoted type", POSTGRESQL, loader(segment='a::"text"'), "TYPE_NOT_ALLOWED"),
    refused(
        "CAST to a user's type",
        POSTGRESQL,
        loader(segment="CAST(a AS my_type)"),
        "TYPE_NOT_ALLOWED",
    ),
    refused(
        "typed literal regclass", POSTGRESQL, loader(segment="regclass 'x'"), "TYPE_NOT_ALLOWED"
    ),
    refused("typed literal of a user's type", POSTGRESQL, loader(segment="my_type 'x'"), "SYNTAX"),
    refused("typed xml", POSTGRESQL, loader(segment="'<a/>'::xml"), "TYPE_NOT_ALLOWED"),
    refused("named argument", POSTGRESQL, loader(segment="make_interval(days := 1)"), "VARIABLE"),
    refused("numbered parameter", POSTGRESQL, loader(segment="$1"), "PLACEHOLDER_UNKNOWN"),
    refused(
        "placeholder as a cast",
        POSTGRESQL,
        loader(where="t >= :fromTime AND x::toTime"),
        "PLACEHOLDER_MISSING",
        "TYPE_NOT_ALLOWED",
    ),
    refused(
        "placeholder only as identifier",
        POSTGRESQL,
        loader(where='t >= :fromTime AND ":toTime" = 1'),
        "PLACEHOLDER_MISSING",
    ),
    refused(
        "placeholder only in dollar quotes",
        POSTGRESQL,
        loader(where="t >= :fromTime AND t < $$:toTime$$"),
        "PLACEHOLDER_MISSING",
    ),
    refused("FOR NO KEY UPDATE", POSTGRESQL, loader(after=" FOR NO KEY UPDATE"), "LOCKING"),
    refused("FOR KEY SHARE", POSTGRESQL, loader(after=" FOR KEY SHARE OF o NOWAIT"), "LOCKING"),
    refused("COPY", POSTGRESQL, "COPY (SELECT 1) TO PROGRAM 'sh'", "NOT_SELECT"),
    refused("DO block", POSTGRESQL, "DO $$ BEGIN DELETE FROM t; END $$", "NOT_SELECT"),
    refused("LISTEN", POSTGRESQL, "LISTEN x", "NOT_SELECT"),
    refused("DECLARE CURSOR", POSTGRESQL, "DECLARE c CURSOR FOR SELECT 1", "NOT_SELECT"),
    refused("EXECUTE", POSTGRESQL, "EXECUTE s", "NOT_SELECT"),
    refused(
        "stacked behind a continued escape string",
        POSTGRESQL,
        loader(after=" HAVING 'x' = E'a'\n'\\''") + "; DELETE FROM t --'",
        "MULTIPLE_STATEMENTS",
    ),
    refused(
        "stacked behind a backslash that escapes nothing",
        POSTGRESQL,
        loader(segment="'\\'") + "; DELETE FROM t; --'",
        "MULTIPLE_STATEMENTS",
    ),
    refused(
        "stacked behind dollar quotes of another tag",
        POSTGRESQL,
        loader(segment="$a$ $b$ $a$") + "; DELETE FROM t -- $b$",
        "MULTIPLE_STATEMENTS",
    ),
    refused(
        "function behind a comment that only seems to end",
        POSTGRESQL,
        loader(segment="/* /* */ */ pg_sleep(1)"),
        "FUNCTION_NOT_ALLOWED",
    ),
    refused(
        "stacked behind a hex string, which doubles no quotes",
        POSTGRESQL,
        loader(after=" HAVING 'a' = X'41''") + "; DELETE FROM t --'",
        "SYNTAX",
    ),
    refused(
        "function as a field of a row",
        POSTGRESQL,
        loader(segment="(o).evil"),
        "FUNCTION_NOT_ALLOWED",
    ),
    refused("open nested comment", POSTGRESQL, loader() + " /* /* */", "SYNTAX"),
    refused("open dollar quote", POSTGRESQL, loader(segment="$a$ x $b$"), "SYNTAX"),
    refused("strings side by side", POSTGRESQL, loader(segment="'a' 'b'"), "SYNTAX"),
    refused("backquotes", POSTGRESQL, loader(segment="`region`"), "CHARACTER"),
    refused(
        "TABLESAMPLE",
        POSTGRESQL,
        loader(source="orders TABLESAMPLE SYSTEM (1)"),
        "FUNCTION_NOT_ALLOWED",
    ),
    refused(
        "SELECT INTO TEMP",
        POSTGRESQL,
        loader().replace(" FROM orders", " INTO TEMP x FROM orders"),
        "INTO",
    ),
    refused("current user", POSTGRESQL, loader(segment="current_user"), "FUNCTION_NOT_ALLOWED"),
    refused("current role", POSTGRESQL, loader(segment="session_user"), "FUNCTION_NOT_ALLOWED"),
    refused(
        "record definition",
        POSTGRESQL,
        loader(source="json_to_record('{}') AS x(a int)"),
        "FUNCTION_NOT_ALLOWED",
    ),
)
