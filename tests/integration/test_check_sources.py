"""`manage.py check_sources`: every source tried, and an exit code that says whether all is well."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import LazySettings

from audit.models import AuditEvent
from loaders.connectors import connection_test
from loaders.connectors.connection_test import ConnectionReport
from loaders.models import SourceDatabase
from loaders.services import create_source
from tests.servers import SourceServer
from tests.support.commands import Outcome, manage
from tests.support.people import People
from tests.support.scenes import make_source

pytestmark = pytest.mark.django_db

SIMULATED = {"db_type": "SIMULATED", "host": "-", "port": 1, "db_name": "e", "user_name": "-"}


@pytest.fixture
def people() -> People:
    return People()


def check(*words: str, as_user: Any = None) -> Outcome:
    return manage("check_sources", *words, as_user=as_user)


def add_writer(source: SourceServer, people: People) -> None:
    values = {"db_code": "WRITER", "user_name": source.writer, "password": source.writer_password}
    make_source(source, people, **values)


def add_silent(people: People, code: str = "SILENT", **values: Any) -> None:
    """A source where nothing listens."""
    given = {"db_type": "POSTGRESQL", "host": "127.0.0.1", "port": 1, "db_name": "x"}
    given |= {"db_code": code, "user_name": "reader", "password": "hush-hush", **values}
    create_source(user=people.admin, values=given)


@pytest.mark.parametrize("kind", ["postgres_source", "mariadb_source"])
def test_readers_pass_and_writers_only_where_they_are_allowed(
    people: People, kind: str, request: pytest.FixtureRequest
) -> None:
    source: SourceServer = request.getfixturevalue(kind)
    make_source(source, people)
    passed = check()
    assert passed.code == 0, passed
    assert "read-only" in passed.out
    add_writer(source, people)
    failed = check("--json")
    assert failed.code == 1
    document = failed.document()
    assert document["ok"] is False
    verdicts = {row["dbCode"]: row for row in document["results"]}
    assert {code: row["passed"] for code, row in verdicts.items()} == {
        "SHOP": True,
        "WRITER": False,
    }
    assert verdicts["WRITER"]["privileges"]["canWrite"] is True
    assert verdicts["SHOP"]["clockSkewSeconds"] is not None
    assert check("SHOP").code == 0
    assert check("--allow-writers").code == 0


def test_a_source_that_does_not_answer_fails_and_hides_no_other(people: People) -> None:
    add_silent(people)
    create_source(user=people.admin, values={"db_code": "MADE_UP", **SIMULATED})
    outcome = check()
    assert outcome.code == 1
    lines = outcome.out.splitlines()
    assert lines[1].split()[:2] == ["MADE_UP", "yes"]
    assert lines[2].split()[:2] == ["SILENT", "SOURCE_UNREACHABLE"]
    assert lines[2].endswith("FAILED")
    assert "Nothing listens at 127.0.0.1:1" in outcome.out
    assert [line.partition("] ")[2] for line in outcome.err.splitlines()] == [
        "0% of 2 sources: MADE_UP",
        "50% of 2 sources: SILENT",
    ]


def test_no_password_is_in_any_output(people: People) -> None:
    add_silent(people)
    for outcome in (check(), check("--json")):
        assert "hush-hush" not in outcome.out + outcome.err


def test_a_password_that_cannot_be_decrypted_is_a_failed_source_and_no_end(
    people: People,
) -> None:
    add_silent(people)
    add_silent(people, "ANOTHER")
    rows = SourceDatabase.objects
    stolen = rows.filter(db_code="ANOTHER").values_list("password", flat=True)[0]
    rows.filter(db_code="SILENT").update(password=stolen)
    create_source(user=people.admin, values={"db_code": "MADE_UP", **SIMULATED})
    document = check("SILENT", "MADE_UP", "--json").document()
    assert [row["code"] for row in document["results"]] == ["DECRYPTION_FAILED", ""]


def test_an_unknown_source_is_not_found_and_nothing_is_tried(people: People) -> None:
    create_source(user=people.admin, values={"db_code": "MADE_UP", **SIMULATED})
    outcome = check("MADE_UP", "NOWHERE")
    assert (outcome.code, outcome.out) == (4, "")
    assert not AuditEvent.objects.filter(action="source.test").exists()


def test_without_a_source_there_is_nothing_to_fail() -> None:
    assert check("--json").document() == {"ok": True, "results": []}


def test_an_account_of_unknown_rights_fails_where_readers_are_demanded(
    people: People, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = ConnectionReport("MADE_UP", ok=True)
    monkeypatch.setattr(connection_test, "test_connection", lambda *_: report)
    create_source(user=people.admin, values={"db_code": "MADE_UP", **SIMULATED})
    assert check().code == 0
    settings.REQUIRE_READ_ONLY_SOURCES = True
    assert check().code == 1


def test_each_try_is_audited_as_the_persons(people: People) -> None:
    create_source(user=people.admin, values={"db_code": "MADE_UP", **SIMULATED})
    check(as_user=people.admin)
    [tried] = AuditEvent.objects.filter(action="source.test")
    assert (tried.actor, tried.object_id) == (people.admin, "MADE_UP")
