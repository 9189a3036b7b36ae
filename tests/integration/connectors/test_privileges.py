"""The inspector finds what an account may write, and says which REVOKE takes it away."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from loaders.connectors.mysql_privileges import parse_grant
from loaders.connectors.privileges import Finding, PrivilegeReport, report_of
from loaders.dialects import DatabaseType
from tests.integration.connectors.sources import Source
from tests.servers import new_name

Role = Callable[[], str]


def inspected(source: Source) -> PrivilegeReport:
    with source.connect() as connection:
        return connection.inspect_privileges()


@pytest.fixture
def role(source: Source) -> Iterator[Role]:
    """Makes roles, which live beside the source database and go with the test."""
    made: list[str] = []

    def make() -> str:
        made.append(new_name("role"))
        source.server.execute(f"CREATE ROLE {made[-1]}")
        return made[-1]

    yield make
    for name in made:
        if source.kind is DatabaseType.POSTGRESQL:
            source.server.execute(f"DROP OWNED BY {name} CASCADE")
        source.server.execute(f"DROP ROLE {name}")


def quoted_reader(source: Source) -> str:
    reader = source.server.reader
    return reader if source.kind is DatabaseType.POSTGRESQL else f"`{reader}`@`%`"


def test_an_account_that_may_only_read_is_clean(source: Source) -> None:
    source.server.execute("CREATE TABLE orders (n int)")
    assert inspected(source) == PrivilegeReport(can_write=False, findings=())


def test_the_session_goes_on_after_the_inspection(source: Source, role: Role) -> None:
    source.server.execute(f"GRANT {role()} TO {quoted_reader(source)}")
    with source.connect() as connection:
        connection.inspect_privileges()
        assert connection.usable
        assert connection.server_clock()


def test_a_writer_is_found(source: Source) -> None:
    source.server.execute("CREATE TABLE orders (n int)")
    with source.connect_writer() as connection:
        report = connection.inspect_privileges()
    assert report.can_write
    said = "\n".join(report.findings)
    if source.kind is DatabaseType.POSTGRESQL:
        writer = source.server.writer
        assert f"REVOKE CREATE ON SCHEMA public FROM {writer}." in said
        assert f"REVOKE CREATE ON DATABASE {source.server.db_name} FROM {writer}." in said
        assert "DELETE, INSERT" in said
    else:
        assert "may ALL PRIVILEGES on" in said


def test_a_granted_privilege_is_told_with_its_own_revoke_and_that_helps(source: Source) -> None:
    source.server.execute("CREATE TABLE orders (n int)")
    source.server.execute(f"GRANT INSERT, UPDATE ON orders TO {quoted_reader(source)}")
    report = inspected(source)
    assert report.can_write
    (sentence,) = report.findings
    assert "may INSERT, UPDATE on" in sentence
    source.server.execute(sentence.partition(": ")[2].rstrip("."))
    assert inspected(source) == PrivilegeReport(can_write=False)


def test_a_privilege_on_a_column_is_found(source: Source) -> None:
    source.server.execute("CREATE TABLE orders (n int, m int)")
    source.server.execute(f"GRANT UPDATE (m) ON orders TO {quoted_reader(source)}")
    report = inspected(source)
    assert report.can_write
    (sentence,) = report.findings
    assert "REVOKE UPDATE (" in sentence
    source.server.execute(sentence.partition(": ")[2].rstrip("."))
    assert inspected(source).findings == ()


def test_a_privilege_through_roles_is_found_though_none_is_set(source: Source, role: Role) -> None:
    source.server.execute("CREATE TABLE orders (n int)")
    inner, outer = role(), role()
    source.server.execute(f"GRANT {inner} TO {outer}")
    source.server.execute(f"GRANT DELETE ON orders TO {inner}")
    source.server.execute(f"GRANT {outer} TO {quoted_reader(source)}")
    report = inspected(source)
    assert report.can_write
    (sentence,) = report.findings
    assert "may DELETE on" in sentence
    assert f"through role {inner}" in sentence.replace("`", "")


def test_a_privilege_of_everybody_is_found(source: Source) -> None:
    source.server.execute("CREATE TABLE orders (n int)")
    source.server.execute("GRANT INSERT ON orders TO PUBLIC")
    try:
        report = inspected(source)
    finally:
        source.server.execute("REVOKE INSERT ON orders FROM PUBLIC")
    assert report.can_write
    (sentence,) = report.findings
    assert sentence.endswith("FROM PUBLIC.")


def test_many_findings_are_cut_and_counted(source: Source) -> None:
    for number in range(25):
        source.server.execute(f"CREATE TABLE orders_{number} (n int)")
        source.server.execute(f"GRANT INSERT ON orders_{number} TO {quoted_reader(source)}")
    findings = inspected(source).findings
    assert len(findings) == 21
    assert findings[-1] == "and 5 more."


# --- PostgreSQL ---------------------------------------------------------------------------------


def test_owners_are_found(postgres: Source) -> None:
    reader = postgres.server.reader
    postgres.server.execute("CREATE TABLE orders (n int)")
    postgres.server.execute("CREATE SCHEMA mine")
    postgres.server.execute(f"ALTER TABLE orders OWNER TO {reader}")
    postgres.server.execute(f"ALTER SCHEMA mine OWNER TO {reader}")
    postgres.server.execute(f"ALTER DATABASE {postgres.server.db_name} OWNER TO {reader}")
    report = inspected(postgres)
    assert report.can_write
    assert report.findings == (
        f"Role {reader} owns database {postgres.server.db_name} and may change or drop it: "
        f"ALTER DATABASE {postgres.server.db_name} OWNER TO another role.",
        f"Role {reader} owns schema mine and may change or drop it: "
        "ALTER SCHEMA mine OWNER TO another role.",
        f"Role {reader} owns table public.orders and may change or drop it: "
        "ALTER TABLE public.orders OWNER TO another role.",
    )


def test_a_sequence_that_may_be_moved_is_found(postgres: Source) -> None:
    postgres.server.execute('CREATE SEQUENCE "Odd name"')
    postgres.server.execute(f'GRANT USAGE ON SEQUENCE "Odd name" TO {postgres.server.reader}')
    (sentence,) = inspected(postgres).findings
    assert f'REVOKE USAGE ON SEQUENCE public."Odd name" FROM {postgres.server.reader}.' in sentence


def test_everybodys_right_to_create_in_public_is_found(postgres: Source) -> None:
    postgres.server.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")
    (sentence,) = inspected(postgres).findings
    assert sentence.endswith("through PUBLIC: REVOKE CREATE ON SCHEMA public FROM PUBLIC.")


def test_temporary_tables_are_no_matter(postgres: Source) -> None:
    name = postgres.server.db_name
    postgres.server.execute(f"GRANT TEMPORARY ON DATABASE {name} TO {postgres.server.reader}")
    assert inspected(postgres).findings == ()


def test_a_superuser_is_told_so_and_no_more(postgres: Source) -> None:
    reader = postgres.server.reader
    postgres.server.execute("CREATE TABLE orders (n int)")
    postgres.server.execute(f"ALTER ROLE {reader} SUPERUSER")
    report = inspected(postgres)
    assert report.can_write
    assert report.findings == (
        f"Role {reader} is a superuser and may do anything: ALTER ROLE {reader} NOSUPERUSER.",
    )


def test_a_member_of_a_superuser_is_told_so(postgres: Source) -> None:
    reader, admin = postgres.server.reader, new_name("admin")
    postgres.server.execute(f"CREATE ROLE {admin} SUPERUSER")
    try:
        postgres.server.execute(f"GRANT {admin} TO {reader}")
        report = inspected(postgres)
    finally:
        postgres.server.execute(f"DROP ROLE {admin}")
    assert report.can_write
    assert f"through role {admin}: REVOKE {admin} FROM {reader}" in report.findings[0]


def test_powers_of_the_server_are_found(postgres: Source) -> None:
    reader = postgres.server.reader
    postgres.server.execute(f"ALTER ROLE {reader} CREATEDB CREATEROLE REPLICATION")
    postgres.server.execute(f"GRANT pg_write_all_data, pg_execute_server_program TO {reader}")
    said = "\n".join(inspected(postgres).findings)
    for power in ("NOCREATEDB", "NOCREATEROLE", "NOREPLICATION"):
        assert f"ALTER ROLE {reader} {power}." in said
    assert f"REVOKE pg_write_all_data FROM {reader}." in said
    assert f"REVOKE pg_execute_server_program FROM {reader}." in said


def test_reading_files_of_the_server_is_a_finding_and_no_write(postgres: Source) -> None:
    postgres.server.execute(f"GRANT pg_read_server_files TO {postgres.server.reader}")
    report = inspected(postgres)
    assert report.can_write is False
    assert len(report.findings) == 1


# --- MySQL and MariaDB --------------------------------------------------------------------------


def test_global_powers_are_named_each(mariadb: Source) -> None:
    reader = quoted_reader(mariadb)
    mariadb.server.execute(f"GRANT FILE, SUPER, PROCESS, REPLICATION CLIENT ON *.* TO {reader}")
    mariadb.server.execute(
        f"GRANT EXECUTE ON {mariadb.server.db_name}.* TO {reader} WITH GRANT OPTION"
    )
    report = inspected(mariadb)
    assert report.can_write
    said = "\n".join(report.findings)
    for power in ("FILE", "SUPER"):
        assert f"REVOKE {power} ON *.* FROM {reader}." in said
    assert "(EXECUTE)" in said
    assert f"REVOKE GRANT OPTION ON `{mariadb.server.db_name}`.* FROM {reader}." in said
    assert len(report.findings) == 4
    assert "PASSWORD" not in said


def test_waiting_is_a_finding_and_no_write(mariadb: Source) -> None:
    name = mariadb.server.db_name
    grant = f"GRANT LOCK TABLES, CREATE TEMPORARY TABLES ON {name}.* TO {quoted_reader(mariadb)}"
    mariadb.server.execute(grant)
    report = inspected(mariadb)
    assert report.can_write is False
    (sentence,) = report.findings
    assert "LOCK TABLES" in sentence


def test_the_role_that_was_set_is_set_again(mariadb: Source) -> None:
    first = new_name("role")
    mariadb.server.execute(f"CREATE ROLE {first}")
    try:
        mariadb.server.execute(f"GRANT {first} TO {quoted_reader(mariadb)}")
        mariadb.server.execute(f"SET DEFAULT ROLE {first} FOR {quoted_reader(mariadb)}")
        with mariadb.connect() as connection:
            connection.inspect_privileges()
            ((row,),) = connection.stream("SELECT CURRENT_ROLE() AS r")
        assert row == (first.encode(),)
    finally:
        mariadb.server.execute(f"DROP ROLE {first}")


@pytest.mark.parametrize(
    ("line", "account", "privileges", "scope", "roles"),
    [
        ("GRANT USAGE ON *.* TO `r`@`%`", "`r`@`%`", ("USAGE",), "*.*", ()),
        (
            "GRANT SELECT, INSERT (`a`, `b`) ON `d`.`t` TO `r`@`%` WITH GRANT OPTION",
            "`r`@`%`",
            ("SELECT", "INSERT (`a`, `b`)", "GRANT OPTION"),
            "`d`.`t`",
            (),
        ),
        (
            "GRANT BACKUP_ADMIN,XA_RECOVER_ADMIN ON *.* TO `r`@`%`",
            "`r`@`%`",
            ("BACKUP_ADMIN", "XA_RECOVER_ADMIN"),
            "*.*",
            (),
        ),
        (
            "GRANT EXECUTE ON PROCEDURE `d`.`p` TO 'r'@'%' REQUIRE SSL",
            "'r'@'%'",
            ("EXECUTE",),
            "PROCEDURE `d`.`p`",
            (),
        ),
        ("GRANT PROXY ON ''@'%' TO 'r'@'%'", "'r'@'%'", ("PROXY",), "''@'%'", ()),
        ("GRANT `a`@`%`,`b`@`%` TO `r`@`%`", "`r`@`%`", (), "", ("`a`@`%`", "`b`@`%`")),
        ("GRANT `a` TO `r`@`%` WITH ADMIN OPTION", "`r`@`%`", (), "", ("`a`",)),
        ("GRANT SELECT ON `x``y`.* TO `r`@`%`", "`r`@`%`", ("SELECT",), "`x``y`.*", ()),
    ],
)
def test_grants_of_both_servers_are_read(
    line: str,
    account: str,
    privileges: tuple[str, ...],
    scope: str,
    roles: tuple[str, ...],
) -> None:
    grant = parse_grant(line)
    assert grant is not None
    assert (grant.account, grant.privileges, grant.scope, grant.roles) == (
        account,
        privileges,
        scope,
        roles,
    )


def test_a_grant_that_cannot_be_read_is_an_error_and_not_quoted() -> None:
    assert parse_grant("SET DEFAULT ROLE `a` FOR `r`@`%`") is None
    with pytest.raises(ValueError, match="can't be read") as caught:
        parse_grant("GRANT secret OF something")
    assert "secret" not in str(caught.value)


def test_what_could_not_be_seen_leaves_the_verdict_open_unless_a_write_was() -> None:
    assert report_of([], unknown="No.") == PrivilegeReport(None, ("No.",))
    assert report_of([Finding("a")], unknown="No.") == PrivilegeReport(True, ("a", "No."))
    assert report_of([Finding("b\n", writes=False), Finding("a")]).findings == ("a", "b?")
