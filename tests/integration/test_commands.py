"""`manage.py loader`: what it prints, its exit codes, and what it leaves in the audit trail."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest
from django.core.management import load_command_class

from accounts.roles import SYSTEM, PermissionDeniedError
from audit.models import AuditEvent
from loaders import services
from loaders.models import Loader
from tests.portal_database import ROOT
from tests.support.api import Client
from tests.support.commands import manage, our_acts, our_commands
from tests.support.definitions import fresh, make_draft, make_source
from tests.support.people import People

pytestmark = pytest.mark.django_db

_EXAMPLE = re.compile(r"^(?:\S+=\S+ )?manage\.py (\w+)(.*)$")


@pytest.fixture
def people() -> People:
    return People()


@pytest.fixture
def loader(people: People) -> Loader:
    return make_draft(people, make_source(people))


def events(action: str) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(action=action))


# --- reading ------------------------------------------------------------------------------------


def test_the_list_is_that_of_the_api(people: People, loader: Loader) -> None:
    status, body = Client(people.viewer).get("loaders")
    assert status == 200
    assert manage("loader", "list", "--json", as_user=people.viewer).document() == {
        "results": body["results"]
    }


def test_the_list_is_filtered_by_status_and_hides_what_is_archived(
    people: People, loader: Loader
) -> None:
    copied = services.copy_loader(user=people.operator, loader=loader, loader_code="ORDERS_2")
    services.submit(user=people.operator, loader=loader)
    services.archive_loader(user=people.admin, loader=copied)
    for words, codes in {
        (): ["ORDERS"],
        ("--archived",): ["ORDERS_2"],
        ("--status", "pending_approval"): ["ORDERS"],
        ("--status", "IDLE"): ["ORDERS"],
        ("--status", "FAILED"): [],
    }.items():
        document = manage("loader", "list", "--json", *words).document()
        assert [row["loaderCode"] for row in document["results"]] == codes, words
    assert manage("loader", "list", "--status", "HUNGRY").code == 2


def test_a_list_for_people_has_a_line_a_loader_and_no_sql(people: People, loader: Loader) -> None:
    outcome = manage("loader", "list")
    head, line = outcome.out.splitlines()
    assert head.split()[:4] == ["CODE", "SOURCE", "ENABLED", "APPROVAL"]
    assert line.split() == ["ORDERS", "SHOP", "yes", "DRAFT", "IDLE", "–", "Never"]  # noqa: RUF001
    assert outcome.err == ""


def test_sql_is_shown_only_when_asked_for_and_to_whom_may_see_it(
    people: People, loader: Loader
) -> None:
    silent = [
        manage("loader", "list"),
        manage("loader", "list", "--json"),
        manage("loader", "show", "ORDERS"),
        manage("loader", "show", "ORDERS", "--json"),
        manage("loader", "enable", "ORDERS", "--json"),
        manage("loader", "submit", "ORDERS", "--json", as_user=people.operator),
    ]
    assert [outcome.code for outcome in silent] == [0] * len(silent)
    assert not any("SELECT" in outcome.out.upper() for outcome in silent)
    refused = manage("loader", "show", "ORDERS", "--sql", as_user=people.viewer)
    assert (refused.code, refused.out) == (3, "")
    assert events("loader.view_sql") == []
    shown = manage("loader", "show", "ORDERS", "--sql", as_user=people.approver)
    assert loader.loader_sql.strip() in shown.out
    as_json = manage("loader", "show", "ORDERS", "--sql", "--json")
    assert as_json.document()["loaderSql"] == loader.loader_sql
    assert [event.actor_name for event in events("loader.view_sql")] == [
        "system",
        "approver-person",
    ]


def test_what_is_shown_of_a_loader_is_what_the_api_shows(people: People, loader: Loader) -> None:
    _, body = Client(people.viewer).get("loaders/ORDERS")
    document = manage("loader", "show", "ORDERS", "--json", as_user=people.viewer).document()
    assert document == {**body, "executions": []}


def test_stored_text_cannot_steer_the_terminal(people: People, loader: Loader) -> None:
    services.update_loader(
        user=people.operator, loader=loader, values={"description": "[red]\x1b[2Jجدة"}
    )
    out = manage("loader", "show", "ORDERS").out
    assert "\x1b" not in out
    assert "[red]\N{REPLACEMENT CHARACTER}[2Jجدة" in out


# --- errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (("show", "NOWHERE"), 4, "LOADER_NOT_FOUND: There is no loader NOWHERE."),
        (("copy", "ORDERS", "NEW", "--source", "X"), 4, "SOURCE_NOT_FOUND: There is no source"),
        (("run", "ORDERS"), 5, "LOADER_NOT_APPROVED: "),
        (("copy", "ORDERS", "orders 2"), 6, "VALIDATION_FAILED: Please correct: loader_code. "),
    ],
)
def test_each_kind_of_error_has_a_line_and_an_exit_code(
    loader: Loader, words: tuple[str, ...], code: int, error: str
) -> None:
    outcome = manage("loader", *words)
    assert (outcome.code, outcome.out) == (code, "")
    assert outcome.err.startswith(error)
    assert outcome.err.count("\n") == 1
    problem = manage("loader", *words, "--json").problem()
    assert problem["code"] == error.partition(":")[0]
    assert {"status", "detail", "correlationId"} <= set(problem)


def test_a_disabled_and_an_archived_loader_say_so(people: People, loader: Loader) -> None:
    manage("loader", "disable", "ORDERS")
    disabled = manage("loader", "run", "ORDERS")
    assert (disabled.code, disabled.err.partition(":")[0]) == (5, "LOADER_DISABLED")
    assert manage("loader", "archive", "ORDERS").out == "ORDERS is archived.\n"
    for words in (("run", "ORDERS"), ("enable", "ORDERS"), ("archive", "ORDERS")):
        refused = manage("loader", *words)
        assert (refused.code, refused.err.partition(":")[0]) == (5, "LOADER_ARCHIVED"), words


def test_a_wrong_option_is_a_matter_of_usage(loader: Loader) -> None:
    assert manage("loader").code == 2
    assert manage("loader", "approve", "ORDERS").code == 2
    assert manage("loader", "show").code == 2


# --- acting -------------------------------------------------------------------------------------


def test_switching_tells_the_state_after_it(people: People, loader: Loader) -> None:
    assert manage("loader", "disable", "ORDERS").out == "ORDERS is disabled.\n"
    assert not fresh(loader).enabled
    document = manage("loader", "enable", "ORDERS", "--json", as_user=people.operator).document()
    assert document == Client(people.operator).post("loaders/ORDERS/enable")[1]
    assert fresh(loader).enabled


def test_a_copy_is_a_draft_over_the_source_that_was_named(people: People, loader: Loader) -> None:
    values = {"db_code": "MADE_UP", "db_type": "SIMULATED", "host": "-", "port": 1}
    values |= {"db_name": "events", "user_name": "-"}
    services.create_source(user=people.admin, values=values)
    words = ("--source", "MADE_UP", "--domain", "Sales", "--json")
    copied = manage("loader", "copy", "ORDERS", "ORDERS_2", *words, as_user=people.operator)
    document = copied.document()
    assert document["sourceDatabase"] == "MADE_UP"
    assert (document["domain"], document["approvalStatus"]) == ("Sales", "DRAFT")
    assert not document["enabled"]


def test_who_submits_must_be_a_person_and_is_kept_from_approving(
    people: People, loader: Loader
) -> None:
    refused = manage("loader", "submit", "ORDERS")
    assert (refused.code, refused.out) == (3, "")
    assert "name yourself by --as" in refused.err
    done = manage("loader", "submit", "ORDERS", "--comment", "new", as_user=people.admin)
    assert done.out == "ORDERS waits for approval as version 1.\n"
    version = services.get_version(loader, 1)
    assert (version.submitted_by, version.note) == (people.admin, "new")
    status, body = Client(people.admin).post("loaders/ORDERS/approve")
    assert (status, body["code"]) == (403, "SELF_APPROVAL")


def test_no_service_lets_the_system_submit_or_decide(people: People, loader: Loader) -> None:
    with pytest.raises(PermissionDeniedError):
        services.submit(user=SYSTEM, loader=loader)
    services.submit(user=people.operator, loader=loader)
    with pytest.raises(PermissionDeniedError):
        services.approve(user=SYSTEM, loader=loader)
    with pytest.raises(PermissionDeniedError):
        services.reject(user=SYSTEM, loader=loader, comment="no")
    assert fresh(loader).approval_status == "PENDING_APPROVAL"


def test_acts_are_audited_as_the_persons_or_the_systems(people: People, loader: Loader) -> None:
    manage("loader", "disable", "ORDERS")
    [switched] = events("loader.disable")
    assert (switched.actor, switched.actor_name) == (None, "system")
    manage("loader", "enable", "ORDERS", as_user=people.operator)
    [switched] = events("loader.enable")
    assert (switched.actor, switched.actor_name) == (people.operator, "operator-person")
    history: Any = Loader.history
    enabled, disabled = history.order_by("-history_date")[:2]
    assert (enabled.history_user, disabled.history_user) == (people.operator, None)


def test_the_audit_trail_tells_that_it_was_at_a_shell(people: People, loader: Loader) -> None:
    manage("loader", "enable", "ORDERS", as_user=people.operator)
    manage("loader", "disable", "ORDERS", as_user=people.operator)
    manage("loader", "list", as_user=people.operator)
    disabled, enabled = events("command.run")
    assert [e.object_id for e in (enabled, disabled)] == ["loader enable", "loader disable"]
    assert enabled.actor == people.operator
    assert enabled.after["account"]
    [act] = events("loader.disable")
    assert act.correlation_id == disabled.correlation_id != enabled.correlation_id


# --- help and docs ------------------------------------------------------------------------------


def parses(line: str) -> bool:
    """Whether an example is one that the command line takes."""
    found = _EXAMPLE.match(line.strip())
    assert found is not None, line
    name, words = found.group(1), shlex.split(found.group(2))
    apps = {
        known: type(command).__module__.split(".")[0] for known, command in our_commands().items()
    }
    parser = load_command_class(apps[name], name).create_parser("manage.py", name)
    parser.called_from_command_line = False
    return bool(parser.parse_args(words))


@pytest.mark.parametrize("name", [name for name, act in our_acts().items() if act is not None])
def test_every_help_has_an_example_that_works(name: str) -> None:
    act = our_acts()[name]
    assert act.example.startswith(f"manage.py {name} ")
    assert parses(act.example)


def test_every_example_of_the_docs_works_and_every_command_has_one() -> None:
    text = (ROOT / "docs/commands.md").read_text()
    lines = [line for line in text.splitlines() if _EXAMPLE.match(line.partition("  #")[0])]
    assert all(parses(line.partition("  #")[0]) for line in lines)
    for name in our_acts():
        assert name == "demo_seed" or any(f"manage.py {name}" in line for line in lines), name


def test_the_exit_codes_of_the_docs_are_those_of_the_help() -> None:
    text = (ROOT / "docs/commands.md").read_text()
    help_text = our_commands()["loader"].create_parser("manage.py", "loader").format_help()
    listed = dict(re.findall(r"^ +(\d+)  (.+)$", help_text, re.MULTILINE))
    assert dict(re.findall(r"^\| (\d+) \| (.+?) \|", text, re.MULTILINE)).keys() == listed.keys()
