"""The SQL in docs/sources.md makes an account that can read what it should and nothing else."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from loaders.connectors import connection_test
from loaders.connectors.privileges import PrivilegeReport
from loaders.dialects import DatabaseType
from tests.integration.connectors.sources import Source
from tests.servers import new_name, new_password

DOCS = Path(__file__).resolve().parents[3] / "docs" / "sources.md"
FIRST_WORDS = {DatabaseType.POSTGRESQL: "CREATE ROLE", DatabaseType.MYSQL: "CREATE USER"}


def statements(kind: DatabaseType) -> list[str]:
    """The statements of the docs that make an account at this kind of source."""
    blocks = re.findall(r"```sql\n(.*?)```", DOCS.read_text(), re.S)
    (block,) = (block for block in blocks if block.startswith(FIRST_WORDS[kind]))
    uncommented = re.sub(r"--.*", "", block)
    return [statement.strip() for statement in uncommented.split(";") if statement.strip()]


def test_the_account_of_the_docs_reads_and_is_clean(source: Source) -> None:
    account, password = new_name("account"), new_password()
    for table in ("orders", "payments"):
        source.server.execute(f"CREATE TABLE {table} (n int)")
    try:
        for statement in statements(source.kind):
            text = statement.replace("'...'", f"'{password}'").replace("loaderportal", account)
            text = re.sub(r"\bshop\b", source.server.db_name, text)
            # The servers of the tests have no certificate.
            text = text.replace("10.0.8.%", "%").replace("REQUIRE SSL ", "")
            source.server.execute(text)
        profile = replace(source.profile, user_name=account)
        report = connection_test.test_connection(profile, password)
        assert report.privileges == PrivilegeReport(can_write=False)
        assert report.ok
    finally:
        if source.kind is DatabaseType.POSTGRESQL:
            source.server.execute(f"DROP OWNED BY {account}")
            source.server.execute(f"DROP ROLE {account}")
        else:
            source.server.execute(f"DROP USER `{account}`@`%`")
