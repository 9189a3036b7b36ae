"""What the account of a MySQL or MariaDB source may write, read from SHOW GRANTS (spec 4).

The account's own grants and those of every role granted to it count, active or not: it could SET
ROLE. A grant is plain text and may hold the account's password hash, so nothing of it is quoted
but privileges, scope and account.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from loaders.connectors.base import SourceConnection, text_rows
from loaders.connectors.errors import SourcePermissionError, SourceSqlError
from loaders.connectors.privileges import Finding, PrivilegeReport, report_of

_MAX_ROLES = 50
_NEEDED = {
    "SELECT",
    "SHOW VIEW",
    "USAGE",
    "PROCESS",
    "SHOW DATABASES",
    "REPLICATION CLIENT",
    "BINLOG MONITOR",  # what MariaDB calls REPLICATION CLIENT
}
_NO_WRITES = {
    "CREATE TEMPORARY TABLES",
    "LOCK TABLES",
    "REPLICATION SLAVE",
    "REPLICATION REPLICA",
    "REPLICA MONITOR",
    "SLAVE MONITOR",
    "SHOW CREATE ROUTINE",
    "SHOW_ROUTINE",
}
_SPECIAL = {
    "FILE": "may read and write files on the server (FILE)",
    "SUPER": "may set read_only aside and change the server (SUPER)",
    "EXECUTE": "may call routines, which write with the rights of their definer (EXECUTE)",
    "GRANT OPTION": "may hand its privileges on to others (GRANT OPTION)",
    "PROXY": "may act as other accounts (PROXY)",
}
_NAME = r"(?:`(?:[^`]|``)*`|'[^']*'|\"[^\"]*\"|[^\s,@`'\"]+)"
_ACCOUNT = rf"{_NAME}(?:@{_NAME})?"
_GRANT = re.compile(
    rf"GRANT (?P<privileges>.+?) ON (?P<kind>(?:PROCEDURE|FUNCTION|PACKAGE(?: BODY)?|TABLE) )?"
    rf"(?P<scope>\*\.\*|{_ACCOUNT}|{_NAME}\.(?:{_NAME}|\*)) TO (?P<account>{_ACCOUNT})(?P<rest>.*)",
    re.DOTALL,
)
_ROLES = re.compile(
    rf"GRANT (?P<roles>{_ACCOUNT}(?:, ?{_ACCOUNT})*) TO (?P<account>{_ACCOUNT})(?: WITH .*)?"
)
_PRIVILEGE = re.compile(r"(?P<word>[A-Z_]+(?: [A-Z_]+)*)(?P<columns> ?\([^)]*\))?(?:, ?|$)")


@dataclass(frozen=True)
class Grant:
    """One line of SHOW GRANTS: what is granted where to whom, or which roles to whom."""

    account: str
    privileges: tuple[str, ...] = ()
    scope: str = ""
    roles: tuple[str, ...] = ()


def parse_grant(line: str) -> Grant | None:
    """Read one line; None for lines that grant nothing (SET DEFAULT ROLE, partial revokes).

    Raises ValueError for a grant it can't read, without quoting it.
    """
    if not line.startswith("GRANT "):
        return None
    if found := _GRANT.fullmatch(line):
        words = [
            match["word"] + (match["columns"] or "")
            for match in _PRIVILEGE.finditer(found["privileges"])
        ]
        if "GRANT OPTION" in found["rest"]:
            words.append("GRANT OPTION")
        return Grant(found["account"], tuple(words), (found["kind"] or "") + found["scope"])
    if found := _ROLES.fullmatch(line):
        return Grant(found["account"], roles=tuple(re.findall(_ACCOUNT, found["roles"])))
    raise ValueError("a line of SHOW GRANTS can't be read")


def inspect(connection: SourceConnection, run: Callable[[str], None]) -> PrivilegeReport:
    """See `SourceConnection.inspect_privileges`. `run` sends a statement without a result."""
    found: list[Finding] = []
    try:
        own = _grants(connection, "SHOW GRANTS FOR CURRENT_USER()")
        account = own[0].account
        for grant in own:
            found += findings_of(grant, account)
        roles = [role for grant in own for role in grant.roles][:_MAX_ROLES]
        is_mariadb = connection.server_facts().version.startswith("MariaDB")
        through = (
            _mariadb_roles(connection, run, roles)
            if is_mariadb
            else _mysql_roles(connection, own, roles)
        )
        for grant in through:
            found += findings_of(grant, account)
    except (SourcePermissionError, SourceSqlError) as error:
        return report_of(found, unknown=f"Not all grants could be read: {error.message}")
    except (ValueError, IndexError):
        return report_of(found, unknown="Not all grants could be read: SHOW GRANTS is unclear.")
    return report_of(found)


def _grants(connection: SourceConnection, statement: str) -> list[Grant]:
    grants = [parse_grant(row[0]) for row in text_rows(connection.stream(statement))]
    return [grant for grant in grants if grant is not None]


def _mariadb_roles(
    connection: SourceConnection, run: Callable[[str], None], roles: list[str]
) -> Iterator[Grant]:
    """Grants through PUBLIC and roles; MariaDB shows those of a role only while it is set."""
    ((active,),) = text_rows(connection.stream("SELECT COALESCE(CURRENT_ROLE(), '') AS r"))
    yield from _grants(connection, "SHOW GRANTS")
    for role in roles:
        run(f"SET ROLE {role}")
        yield from _grants(connection, "SHOW GRANTS")
    if roles:
        run("SET ROLE " + (f"`{active.replace('`', '``')}`" if active else "NONE"))


def _mysql_roles(
    connection: SourceConnection, own: list[Grant], roles: list[str]
) -> Iterator[Grant]:
    """Grants through roles: MySQL merges them with the account's own."""
    if roles:
        names = ", ".join(roles)
        for grant in _grants(connection, f"SHOW GRANTS FOR CURRENT_USER() USING {names}"):
            if grant not in own:
                yield replace(grant, account=names)


def findings_of(grant: Grant, account: str) -> Iterator[Finding]:
    """What a grant allows beyond reading, special privileges in a sentence of their own."""
    too_many = [word for word in grant.privileges if word.split(" (")[0] not in _NEEDED]
    plain = [word for word in too_many if word not in _SPECIAL]
    for word in too_many:
        if word in _SPECIAL:
            yield _finding(grant, account, word, _SPECIAL[word], writes=True)
    for writes in (True, False):
        words = ", ".join(word for word in plain if (word not in _NO_WRITES) == writes)
        if words:
            yield _finding(grant, account, words, f"may {words}", writes=writes)


def _finding(grant: Grant, account: str, words: str, may: str, *, writes: bool) -> Finding:
    revoke = f"REVOKE {words} ON {grant.scope} FROM {grant.account}."
    where = f"Account {account} {may} on {grant.scope}"
    if grant.account == account:
        return Finding(f"{where}: {revoke}", writes)
    holder = grant.account
    if holder == "PUBLIC":
        return Finding(f"{where} through PUBLIC: {revoke}", writes)
    return Finding(
        f"{where} through role {holder}: REVOKE {holder} FROM {account}, or {revoke}", writes
    )
