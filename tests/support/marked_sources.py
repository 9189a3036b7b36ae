"""Sources, statements and rows that carry marks by which they are known wherever they turn up."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from loaderportal.demo.processes import HOST, free_port
from tests.portal_database import PASSWORD as DATABASE_PASSWORD
from tests.servers import SourceServer
from tests.support.leaks import Secret
from tests.support.people import PASSWORD as PERSON_PASSWORD
from tests.support.scenes import START, add_orders, make_orders, order_sql

MARIADB = Secret("password of the MariaDB source", "zqMariaPassword \"'%&<\\>+/=;")
POSTGRESQL = Secret("password of the PostgreSQL source", "zqPostgresPassword '\"%&<\\>+/=;")
WRONG = Secret("wrong password of a source", "zqWrongPassword \"'%&<\\>+/=; é كلمة_سر_خاطئة")
AWAY = Secret("password of a source that is away", "zqAwayPassword \"'%&<\\>")
REFUSED = Secret("password in a refused body", "zqRefusedPassword \"'%&<\\>")
NEW = Secret("new password of a source", "zqChangedPassword \"'%&<\\>")
PASSWORDS = (
    MARIADB,
    POSTGRESQL,
    WRONG,
    AWAY,
    REFUSED,
    NEW,
    Secret("password of the portal's database", DATABASE_PASSWORD),
    Secret("password of a person", PERSON_PASSWORD),
)
ALIAS = Secret("alias in loader SQL", "zq_alias_mark")
LITERAL = Secret("string in loader SQL", "zq_literal_mark it''s")
COMMENT = Secret("comment in loader SQL", "zq_comment_mark <b>&")
ARABIC = Secret("Arabic text in loader SQL", "علامة_عربية_مزروعة")
SQL_MARKS = (ALIAS, LITERAL, COMMENT, ARABIC)
DATUM = Secret("data that a source's error quotes", "zq_datum_mark")


def marked_sql(db_type: str) -> str:
    """A statement that runs well and holds every mark of loader SQL; one at its beginning, which
    is what logs show of a long text."""
    rows = (
        f"FROM (SELECT at, region, channel, amount, note, amount AS {ALIAS.text} FROM orders) AS o "
        f"/* {COMMENT.text} */ "
        f"WHERE region <> '{LITERAL.text}' AND channel <> '{ARABIC.text}' AND"
    )
    return f"/* {COMMENT.text} */" + order_sql(db_type).replace("FROM orders WHERE", rows)


def sql_with_missing_column(db_type: str) -> str:
    """The source refuses it, and quotes SQL in doing so."""
    return marked_sql(db_type).replace("MAX(amount)", f"MAX(o.{ALIAS.text}_gone)")


def sql_that_meets_bad_data(db_type: str) -> str:
    """The source stumbles over a row, and quotes it."""
    return marked_sql(db_type).replace("MAX(amount)", "MAX(CAST(note AS double precision))")


def invalid_sql(db_type: str) -> str:
    """The guard refuses it, and names what it refuses."""
    return marked_sql(db_type).replace("MAX(amount)", f"MAX({ALIAS.text}(amount))")


def hostile_statements() -> list[str]:
    """Statements that a parser likes to tell its log about."""
    return [
        f"CALL {ALIAS.text}('{LITERAL.text}')",
        f"WITH a AS (SHOW {ALIAS.text} x) SELECT '{LITERAL.text}' AS x",
        f"WITH a AS (SELECT 1) ALTER TABLE {ALIAS.text} NOTHING '{ARABIC.text}'",
        f"SELECT JSON_EXTRACT(a, '$.{LITERAL.text}[') /* {COMMENT.text} */ FROM t",
    ]


def prepare_source(server: SourceServer, password: Secret) -> SourceServer:
    """Its table with two rows, and the reader's marked password."""
    make_orders(server)
    server.execute("ALTER TABLE orders ADD note varchar(40)")
    first = START + timedelta(minutes=5)
    add_orders(
        server, (first, "Riyadh", "web", 10.0), (first + timedelta(hours=1), "جدة", "x", 2.5)
    )
    server.execute(f"UPDATE orders SET note = '{DATUM.text}'")
    if server.db_type == "MYSQL":
        server.execute(f"ALTER USER `{server.reader}`@`%%` IDENTIFIED BY %s", (password.text,))
    else:
        quoted = password.text.replace("'", "''")
        server.execute(f"ALTER ROLE {server.reader} PASSWORD '{quoted}'")
    return replace(server, reader_password=password.text)


def source_body(db_code: str, server: SourceServer, password: Secret) -> dict[str, Any]:
    """What a client posts to register the source."""
    return {
        "dbCode": db_code,
        "dbType": server.db_type,
        "host": server.host,
        "port": server.port,
        "dbName": server.db_name,
        "userName": server.reader,
        "password": password.text,
        "maxConnections": 10,
    }


def source_bodies(mariadb: SourceServer, postgres: SourceServer) -> list[dict[str, Any]]:
    """Sources that answer, refuse the login, and are away. One is told in the seed's names."""
    away = source_body("AWAY", replace(postgres, host=HOST, port=free_port()), AWAY)
    away["passWord"] = away.pop("password")
    away["ip"] = away.pop("host")
    return [
        source_body("MARIA", mariadb, MARIADB),
        source_body("POSTGRES", postgres, POSTGRESQL),
        source_body("WRONG_MARIA", mariadb, WRONG),
        source_body("WRONG_POSTGRES", postgres, WRONG),
        away,
    ]


def loader_body(loader_code: str, db_code: str, sql: str) -> dict[str, Any]:
    """What a client posts to write the loader; one run loads it all."""
    return {
        "loaderCode": loader_code,
        "sourceDatabase": db_code,
        "loaderSql": sql,
        "description": "Orders by region and channel.",
        "owningTeam": "Shop",
        "contact": "shop@example.com",
        "grainSeconds": 3600,
        "maxQueryPeriodSeconds": 6 * 3600,
        "minIntervalSeconds": 3600,
        "startAt": START.isoformat(),
        "endAt": (START + timedelta(hours=6)).isoformat(),
        "enabled": True,
    }
