"""No secret is shown: all that the portal stored, printed or answered in a day's work, searched
for source passwords and for marks in loader SQL (issue 3).

Passwords are nowhere. Marks of SQL are only where somebody who may see SQL asked for it, and there
they must be: a search that finds nothing anywhere would prove nothing.
"""

from __future__ import annotations

import base64
import html
import json
import subprocess
import sys
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django_q.models import OrmQ
from django_q.tasks import async_task

from accounts.roles import Role
from audit.models import LoaderEvent
from execution.models import LoaderExecutionLock
from tests.portal_database import ROOT, PortalDatabase
from tests.servers import SourceServer
from tests.support.commands import manage
from tests.support.every_page import api_acts, api_addresses, console_addresses
from tests.support.leaks import Leak, Secret, Text, find
from tests.support.marked_sources import (
    DATUM,
    MARIADB,
    PASSWORDS,
    POSTGRESQL,
    SQL_MARKS,
    prepare_source,
)
from tests.support.marked_work import MarkedWork
from tests.support.portal import portal_environment
from tests.support.replica import ReplicaProcess
from tests.support.stored import arguments_of, keep_every_row, stored
from tests.support.web import Answer, Caller, web_server

ENTITLED = frozenset(Role) - {Role.VIEWER}
WRITERS = frozenset({Role.OPERATOR, Role.ADMIN})
OPERATOR = frozenset({Role.OPERATOR})
APPROVERS = frozenset({Role.APPROVER, Role.ADMIN})

SQL_IS_SHOWN: dict[str, frozenset[Role]] = {
    "GET LoaderDetail": ENTITLED,
    "GET SeedLoader": ENTITLED,
    "GET VersionDetail": ENTITLED,
    "GET VersionDiff": ENTITLED,
    "GET VersionEvidence": ENTITLED,  # plan, and what the source said
    "GET ExecutionTrial": ENTITLED,
    "GET ExecutionDetail": ENTITLED,  # what the source said
    "GET admin:loaders_loader_change": ENTITLED,
    "GET admin:loaders_loader_add": WRITERS,  # a copy to begin with
    "GET admin:loaders_loaderversion_change": ENTITLED,
    "GET admin:loaders_loaderversion_compare": ENTITLED,
    "GET admin:execution_loadhistory_change": ENTITLED,  # what the source said
    "GET admin:execution_loadhistory_live": ENTITLED,
    # Only the operator sends wrong SQL, and reads in the answer what is wrong with it.
    "POST SqlValidate": OPERATOR,
    "POST LoaderSubmit": OPERATOR,
    "POST admin:loaders_loader_do": OPERATOR,  # the notice for the next page, in a cookie
    "POST admin:loaders_loader_add": OPERATOR,
}
"""Where SQL is shown, and to whom; there is no other place."""

DATA_IS_SHOWN = {
    "GET VersionEvidence": APPROVERS,
    "GET ExecutionTrial": APPROVERS,
    "GET admin:loaders_loaderversion_change": APPROVERS,
    "GET ExecutionDetail": ENTITLED,
    "GET admin:execution_loadhistory_change": ENTITLED,
    "GET admin:execution_loadhistory_live": ENTITLED,
}
"""Where the source's own words are shown, which may quote its data."""

TOKEN_IS_SHOWN = {"POST TokenList": OPERATOR, "POST admin:accounts_apitoken_add": OPERATOR}
"""Where an API token is shown: when it is made, to who makes it."""

COMMANDS = (
    ("loader", "list"),
    ("loader", "list", "--json"),
    ("loader", "show", "GOOD_MARIA"),
    ("loader", "show", "GOOD_MARIA", "--json"),
    ("loader", "enable", "GOOD_MARIA", "--json"),
    ("loader", "run", "COPIED"),
    ("loader", "run", "COPIED", "--json"),
    ("governance",),
    ("governance", "--json"),
    ("check_sources",),
    ("check_sources", "--json"),
    ("token", "list"),
    ("token", "list", "--json"),
)
"""Commands that show no SQL: nobody asked for it by --sql."""

EVERYTHING = (*PASSWORDS, *SQL_MARKS, DATUM)
DEBUG = {"LOADERPORTAL_LOG_LEVEL": "DEBUG"}


def look_at_everything(caller: Caller, api: list[str], console: list[str]) -> None:
    """Read every endpoint and every page, whether one may or not."""
    for address in api:
        caller.api("GET", address)
    for address in console:
        caller.open(address)


def try_every_act(work: MarkedWork) -> None:
    """Everybody does at the API whatever it knows, with nothing said; who may least comes first."""
    for method, address in api_acts():
        for caller in (work.nobody, *work.callers.values()):
            caller.api(method, address, {})


def work_a_day(database: PortalDatabase, work: MarkedWork) -> None:
    """Everybody works; much of it fails."""
    work.meet_defects(database)
    work.make_tokens()
    work.register_sources()
    work.try_bad_sources()
    work.write_loaders()
    work.try_bad_loaders()
    work.run_loaders()
    work.rework_loaders()
    work.change_a_password()
    work.tamper(database)
    work.lose_a_column(database)


@contextmanager
def worker(database: PortalDatabase, log: Path) -> Iterator[ReplicaProcess]:
    """A replica that tells its log all it has to tell."""
    with log.open("a") as output:
        replica = ReplicaProcess(database, "r1", output, **DEBUG)
        try:
            yield replica
        finally:
            replica.end()


def look_around(work: MarkedWork) -> None:
    """Everybody looks at everything, all at the same time."""
    api, console = api_addresses(), console_addresses()
    with ThreadPoolExecutor(len(work.everybody)) as threads:
        for looked in [
            threads.submit(look_at_everything, caller, api, console) for caller in work.everybody
        ]:
            looked.result()


def printed_by(database: PortalDatabase, *arguments: str) -> Text:
    """What a command of manage.py prints."""
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=portal_environment(database, **DEBUG),
        capture_output=True,
        text=True,
        check=True,
    )
    return Text(f"manage.py {arguments[0]}", done.stdout + done.stderr)


def printed_by_ours(*arguments: str) -> Text:
    """What one of the portal's own commands prints, whatever becomes of it."""
    outcome = manage(*arguments)
    return Text(f"manage.py {' '.join(arguments)}", outcome.out + outcome.err)


def texts_of(answers: Iterable[Answer]) -> list[Text]:
    """Answers as places that a finding can name."""
    return [Text(f"{answer.role}: {answer.place}", answer.text) for answer in answers]


def places(shown: dict[str, frozenset[Role]]) -> set[str]:
    """Roles and places as findings name them."""
    return {f"{role.value}: {place}" for place, roles in shown.items() for role in roles}


def the_search_is_not_blind(unseen: list[Text]) -> None:
    """What was collected is what was meant to be: each part holds what it surely says."""
    lock = str(LoaderExecutionLock.objects.earliest("acquired_at").pk)
    for place, said in (
        ("table django_q_ormq.payload", lock),
        ("table django_session.session_data", "_auth_user_hash"),
        ("table load_history.error_code", "SOURCE_AUTH_FAILED"),
        ("table loader_definition_history.loader_sql", "lp1:"),
        ("table source_databases_history.pass_word", "lp1:"),
        ("table audit_event.action", "loader.view_sql"),
        ("web.log", "Internal Server Error: /api/v1/loaders"),
        ("web.log", "POST /api/v1/admin/res/db-sources"),
        ("worker.log", "run.failed"),
        ("process list", "gunicorn loaderportal.wsgi"),
        ("process list", "runportal --cluster exec"),
        ("manage.py dumpdata", "GOOD_MARIA"),
        ("manage.py loader show GOOD_MARIA", "EXECUTION  "),
        ("manage.py loader run COPIED", "COPIED"),
        ("manage.py check_sources", "WRONG_MARIA"),
    ):
        assert Leak(said, place) in find([Secret(said, said)], unseen), (place, said)


@pytest.fixture
def marked_mariadb(mariadb_source: SourceServer) -> SourceServer:
    return prepare_source(mariadb_source, MARIADB)


@pytest.fixture
def marked_postgres(postgres_source: SourceServer) -> SourceServer:
    return prepare_source(postgres_source, POSTGRESQL)


def test_no_secret_is_stored_printed_or_answered_but_where_an_entitled_person_asked(
    committed_db: PortalDatabase,
    marked_mariadb: SourceServer,
    marked_postgres: SourceServer,
    tmp_path: Path,
) -> None:
    logs = {name: tmp_path / name for name in ("web.log", "worker.log")}
    keep_every_row(committed_db)
    with (
        worker(committed_db, logs["worker.log"]) as replica,
        web_server(committed_db, logs["web.log"], **DEBUG) as server,
    ):
        work = MarkedWork(server, marked_mariadb, marked_postgres)
        work_a_day(committed_db, work)
        look_around(work)
        try_every_act(work)
        processes = arguments_of(server.pid, replica.pid)
        assert replica.stop() == 0
    callers = (*work.everybody, work.machine)
    answers = [answer for caller in callers for answer in caller.answers]
    unseen = [
        *stored(committed_db),
        *processes,
        *(Text(name, log.read_text(encoding="utf-8")) for name, log in logs.items()),
        printed_by(committed_db, "dumpdata", "--indent", "1"),
        *(printed_by_ours(*words) for words in COMMANDS),
    ]
    the_search_is_not_blind(unseen)
    assert find(EVERYTHING, unseen) == []
    asked_for = printed_by_ours("loader", "show", "GOOD_MARIA", "--sql", "--runs", "50")
    assert find([*PASSWORDS, DATUM], [asked_for]) == []
    assert find(SQL_MARKS, [asked_for]) != []
    assert find(work.tokens, unseen) == []
    assert {leak.place for leak in find(work.tokens, texts_of(answers))} == places(TOKEN_IS_SHOWN)
    assert find(PASSWORDS, texts_of(answers)) == []
    assert {leak.place for leak in find(SQL_MARKS, texts_of(answers))} == places(SQL_IS_SHOWN)
    assert {leak.place for leak in find([DATUM], texts_of(answers))} == places(DATA_IS_SHOWN)


SECRET = Secret("planted", "zqPlantedSecret \"'%&<\\> é")
RAW = SECRET.text.encode()
WRITTEN_DOWN = {
    "as it is": f"before {SECRET.text} after",
    "in capitals": SECRET.text.upper(),
    "in JSON": json.dumps({"a": [SECRET.text]}),
    "in JSON within JSON": json.dumps(json.dumps({"a": SECRET.text})),
    "in an address": f"?q={quote(SECRET.text)}",
    "in HTML": html.escape(SECRET.text),
    "in a traceback": repr({"password": SECRET.text}),
    "as bytes": repr(RAW),
    "in hexadecimal": RAW.hex(),
    "in base64": base64.b64encode(RAW).decode(),
    "in base64, one off": base64.b64encode(b"x" + RAW).decode(),
    "in base64, two off": base64.b64encode(b"xy" + RAW).decode(),
    "in base64, after a word": "password/" + base64.b64encode(RAW).decode(),
    "in base64 for addresses": base64.urlsafe_b64encode(b"{" + RAW).decode(),
    "packed": "." + base64.urlsafe_b64encode(zlib.compress(RAW)).decode().rstrip("="),
    "packed twice": base64.b64encode(base64.b64encode(zlib.compress(RAW))).decode(),
    "cut off": SECRET.text[:15],
}


@pytest.mark.parametrize("how", WRITTEN_DOWN)
def test_a_secret_is_found_however_it_is_written_down(how: str) -> None:
    assert find([SECRET], [Text("there", WRITTEN_DOWN[how])]) == [Leak("planted", "there")]


def test_what_is_no_secret_is_not_found() -> None:
    ciphertext = base64.urlsafe_b64encode(bytes(range(256))).decode()
    harmless = f"zqPlanted Secret, zqPlantedSecre, zqPlanteSecret: lp1:2adbbfb6:{ciphertext}"
    assert find([SECRET], [Text("there", harmless)]) == []
    assert find(EVERYTHING, [Text("there", " ".join(WRITTEN_DOWN.values()))]) == []


def test_secrets_that_are_planted_where_the_portal_writes_are_found(
    committed_db: PortalDatabase,
) -> None:
    keep_every_row(committed_db)
    assert find([SECRET], stored(committed_db)) == []
    LoaderEvent.objects.create(kind="RUN_FAILED", loader_code="X", details={"why": [SECRET.text]})
    async_task("execution.tasks.execute", {"password": SECRET.text}, cluster="exec")
    session = SessionStore()
    session["password"] = SECRET.text
    session.create()
    OrmQ.objects.all().delete()
    found = {leak.place for leak in find([SECRET], stored(committed_db))}
    assert found == {
        "table loader_event.details",
        "table django_q_ormq.payload",
        "table django_session.session_data",
    }
    assert arguments_with(SECRET) == [Leak("planted", "process list")]


def arguments_with(secret: Secret) -> list[Leak]:
    """What is found of a process that was given a secret as an argument."""
    talk = ("print(flush=True); input()", f"--password={secret.text}")
    with subprocess.Popen(
        [sys.executable, "-c", *talk], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = find([secret], arguments_of(process.pid))
        process.kill()
    return found
