"""Every command, for every role and for the system: the table here says who may, and a new command
that is not in it fails the test."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.roles import NEVER_BY_SYSTEM, SYSTEM, Permission, Role, may, refusal
from loaders import services
from tests.support.commands import manage, our_acts
from tests.support.definitions import make_draft, make_source
from tests.support.people import People

pytestmark = pytest.mark.django_db

ALL = frozenset(Role)
EDITORS = frozenset({Role.OPERATOR, Role.ADMIN})
ADMINS = frozenset({Role.ADMIN})

NOWHERE = "00000000-0000-7000-8000-000000000000"

NO_FILE = ("--output", "/nowhere/evidence.zip")

ACTS: dict[str, tuple[tuple[str, ...], frozenset[Role]]] = {
    "loader list": ((), ALL),
    "loader show": (("ORDERS",), ALL),
    "loader run": (("ORDERS",), EDITORS),
    "loader enable": (("ORDERS",), EDITORS),
    "loader disable": (("ORDERS",), EDITORS),
    "loader archive": (("ORDERS",), ADMINS),
    "loader copy": (("ORDERS", "ORDERS_2"), EDITORS),
    "loader submit": (("ORDERS",), EDITORS),
    "loader export": (("ORDERS",), ALL - {Role.VIEWER}),
    "loader import": (("/nowhere",), EDITORS),
    "backfill preview": (("ORDERS", "2026-01-01", "2026-01-02"), EDITORS),
    "backfill submit": (("ORDERS", "2026-01-01", "2026-01-02"), EDITORS),
    "backfill list": ((), ALL),
    "backfill show": ((NOWHERE,), ALL),
    "backfill execute": ((NOWHERE,), EDITORS),
    "backfill pause": ((NOWHERE,), EDITORS),
    "backfill resume": ((NOWHERE,), EDITORS),
    "backfill cancel": ((NOWHERE,), EDITORS),
    "backfill retry": ((NOWHERE,), EDITORS),
    "governance": ((), ALL),
    "check_sources": (("MADE_UP",), ADMINS),
    "rotate_keys": ((), ADMINS),
    "verify_audit": ((), ADMINS),
    "evidence": (("ORDERS", "--from", "2026-01-01", "--to", "2026-01-02", *NO_FILE), ADMINS),
    "prune": (("--dry-run",), ADMINS),
    "token list": ((), ALL),
    "token create": (("nightly-export",), ALL),
    "token revoke": (("00000000-0000-7000-8000-000000000000",), ALL),
    "coverage": (("ORDERS",), ALL),
    "gaps list": ((), ALL),
    "gaps scan": ((), EDITORS),
    "gaps waive": (("ORDERS.20260101T000000Z.20260101T010000Z", "--reason", "x"), EDITORS),
}
BY_PERSONS_ONLY = {"loader submit", "loader import", "token create"}
"""What the system may not do, though an admin may."""

WHOEVER_HAS_THE_SHELL = {"runportal", "demo_seed", "demo", "bench"}
"""These act for nobody: one is the portal itself, one fills a demo's empty one, and two have
servers of their own. Whoever may start them holds the keys already."""

USAGE, REFUSED = 2, 3
NO_SUCH_USER = 8


@pytest.fixture
def people() -> People:
    people = People()
    make_draft(people, make_source(people))
    values = {"db_code": "MADE_UP", "db_type": "SIMULATED", "host": "-", "port": 1}
    values |= {"db_name": "events", "user_name": "-"}
    services.create_source(user=people.admin, values=values)
    return people


def test_every_command_is_in_this_table() -> None:
    acts = our_acts()
    assert set(acts) == {*ACTS, *WHOEVER_HAS_THE_SHELL}
    assert {name for name, act in acts.items() if act is None} == WHOEVER_HAS_THE_SHELL


@pytest.mark.parametrize("name", ACTS)
def test_the_role_table_decides_and_nothing_else(people: People, name: str) -> None:
    words, allowed = ACTS[name]
    sentence = f"PERMISSION_DENIED: {refusal(our_acts()[name].needs)}\n"
    for role in Role:
        outcome = manage(*name.split(), *words, as_user=getattr(people, role.value))
        if role in allowed:
            assert outcome.code not in {USAGE, REFUSED, NO_SUCH_USER}, (role, outcome)
        else:
            assert (outcome.code, outcome.out, outcome.err) == (REFUSED, "", sentence), role


@pytest.mark.parametrize("name", ACTS)
def test_the_system_may_what_takes_no_person(people: People, name: str) -> None:
    outcome = manage(*name.split(), *ACTS[name][0])
    assert (outcome.code == REFUSED) == (name in BY_PERSONS_ONLY), outcome


@pytest.mark.parametrize("name", ACTS)
def test_a_person_without_a_role_may_nothing(people: People, name: str) -> None:
    people.admin.groups.clear()
    assert manage(*name.split(), *ACTS[name][0], as_user=people.admin).code == REFUSED


@pytest.mark.parametrize("name", ACTS)
def test_nobody_acts_under_a_name_that_is_none_or_locked_out(people: People, name: str) -> None:
    people.admin.is_active = False
    people.admin.save()
    locked_out = manage(*name.split(), *ACTS[name][0], as_user=people.admin)
    unknown = manage(*name.split(), *ACTS[name][0], "--as", "nobody")
    assert (locked_out.code, unknown.code) == (NO_SUCH_USER, NO_SUCH_USER)
    assert locked_out.err == "UNKNOWN_ACTOR: User admin-person is locked out.\n"
    assert unknown.err == "UNKNOWN_ACTOR: There is no user nobody.\n"


def test_no_command_approves_or_rejects() -> None:
    needed: set[Any] = {act.needs for act in our_acts().values() if act is not None}
    assert Permission.APPROVE not in needed
    assert not {"approve", "reject"} & {word for name in our_acts() for word in name.split()}


def test_the_system_may_all_but_approve() -> None:
    assert {p for p in Permission if not may(SYSTEM, p)} == NEVER_BY_SYSTEM == {Permission.APPROVE}
