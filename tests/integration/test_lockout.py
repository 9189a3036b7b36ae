"""Five failed sign-ins within a quarter of an hour lock out, at console and API together."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from axes.models import AccessFailureLog, AccessLog
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client as Browser
from django.urls import reverse
from rest_framework.test import APIClient

from accounts.lockout import delete_old_attempts
from accounts.roles import PermissionDeniedError
from accounts.sign_in import NotLockedError, unlock
from audit.models import AuditEvent
from core.clock import ClockTimestamp
from tests.integration.test_approval_races import at_once
from tests.support.people import PASSWORD, FastHasher, People
from tests.support.place import client_of

HOME, AWAY, ELSEWHERE = "192.0.2.1", "198.51.100.7", "2001:db8::5"
OPERATOR = "operator-person"
WRONG = "a-wrong-password"
MISTYPED = "MyPassw0rdInTheWrongField"


@pytest.fixture
def people(db: None) -> People:
    return People()


def log_in(name: str = OPERATOR, password: str = WRONG, address: str = HOME) -> Any:
    """The answer to a login at the API."""
    body = {"username": name, "password": password}
    return APIClient(REMOTE_ADDR=address).post("/api/v1/auth/login", body, format="json")


def enter(name: str = OPERATOR, password: str = WRONG, address: str = HOME) -> Any:
    """The answer to a sign-in at the console."""
    typed = {"username": name, "password": password}
    return Browser(REMOTE_ADDR=address).post(reverse("admin:login"), typed)


def fail(times: int, **where: str) -> list[int]:
    return [log_in(**where).status_code for _ in range(times)]


def age(minutes: float) -> None:
    """Let time pass for all that was counted."""
    passed = timedelta(minutes=minutes)
    for failure in AccessFailureLog.objects.all():
        AccessFailureLog.objects.filter(pk=failure.pk).update(
            attempt_time=failure.attempt_time - passed
        )


def events(action: str) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(action=action).order_by("at"))


def test_five_failures_lock_out_and_the_right_password_no_longer_helps(people: People) -> None:
    assert fail(5) == [401] * 5
    refused = log_in(password=PASSWORD)
    assert refused.status_code == 429
    assert refused["Content-Type"] == "application/problem+json"
    problem = refused.json()
    assert problem["code"] == "LOGIN_LOCKED"
    assert 890 <= int(refused["Retry-After"]) <= 900
    assert problem["retryAfter"] == int(refused["Retry-After"])
    assert "An administrator can unlock it." in problem["detail"]


def test_the_fifth_failure_says_that_sign_in_is_locked_now(people: People) -> None:
    answers = [log_in().json()["detail"] for _ in range(5)]
    assert answers[:4] == ["Name or password is wrong."] * 4
    assert answers[4].startswith("Name or password is wrong. Sign-in is locked until ")


def test_console_and_api_count_together(people: People) -> None:
    assert fail(3) == [401] * 3
    page = enter()
    assert page.status_code == 200
    assert "Name or password is wrong." in page.content.decode()
    assert "Sign-in is locked until" in enter().content.decode()
    for answer in (log_in(password=PASSWORD), enter(password=PASSWORD)):
        assert answer.status_code == 429
        assert int(answer["Retry-After"]) > 890


def test_the_console_says_what_is_the_matter_on_a_page_of_its_own(people: People) -> None:
    fail(5)
    page = enter(password=PASSWORD)
    text = page.content.decode()
    assert "<h1>Sign-in is locked</h1>" in text
    assert "after 5 failures within 15 minutes" in text
    assert "no-store" in page["Cache-Control"]
    assert PASSWORD not in text


def test_it_unlocks_by_itself_after_a_quarter_of_an_hour(people: People) -> None:
    fail(5)
    age(14.9)
    assert log_in(password=PASSWORD).status_code == 429
    age(0.2)
    assert log_in(password=PASSWORD).status_code == 200


def test_tries_while_it_is_locked_do_not_make_it_longer(people: People) -> None:
    fail(5)
    age(14.9)
    assert fail(3) == [429] * 3
    age(0.2)
    assert log_in(password=PASSWORD).status_code == 200


def test_failures_count_for_a_quarter_of_an_hour_each(people: People) -> None:
    for _ in range(8):
        assert log_in().status_code == 401
        age(4)
    assert log_in(password=PASSWORD).status_code == 200


def test_a_login_that_succeeds_begins_the_count_anew(people: People) -> None:
    for _ in range(3):
        assert fail(4) == [401] * 4
        assert log_in(password=PASSWORD).status_code == 200
    assert fail(4) == [401] * 4
    assert enter(password=PASSWORD).status_code == 302
    assert fail(5) == [401] * 5


def test_many_addresses_have_no_more_tries_at_a_name_than_one(people: People) -> None:
    assert [log_in(address=f"203.0.113.{n}").status_code for n in range(7)] == [401] * 5 + [429] * 2


def test_nobody_locks_another_out_of_where_they_usually_sign_in(people: People) -> None:
    assert log_in(password=PASSWORD).status_code == 200
    fail(5, address=AWAY)
    assert log_in(password=PASSWORD, address=AWAY).status_code == 429
    assert log_in(password=PASSWORD, address=ELSEWHERE).status_code == 429
    assert log_in(password=PASSWORD, address=HOME).status_code == 200


def test_a_known_address_is_locked_by_its_own_failures_alone(people: People) -> None:
    assert log_in(password=PASSWORD).status_code == 200
    assert fail(5) == [401] * 5
    assert log_in(password=PASSWORD).status_code == 429
    assert log_in(password=PASSWORD, address=AWAY).status_code == 200


def test_an_address_is_known_for_a_month_after_a_sign_in(people: People) -> None:
    log_in(password=PASSWORD)
    AccessLog.objects.update(attempt_time=ClockTimestamp() - timedelta(days=31))
    fail(5, address=AWAY)
    assert log_in(password=PASSWORD, address=HOME).status_code == 429


def test_one_name_does_not_lock_another(people: People) -> None:
    fail(5)
    assert log_in("viewer-person", PASSWORD).status_code == 200


def test_a_name_that_is_nobodys_is_locked_like_any_other(people: People) -> None:
    assert fail(5, name="nobody") == [401] * 5
    assert log_in("nobody").status_code == 429


def test_a_person_who_was_locked_out_by_an_administrator_learns_nothing(people: People) -> None:
    get_user_model().objects.filter(pk=people.operator.pk).update(is_active=False)
    answer = log_in(password=PASSWORD)
    assert (answer.status_code, answer.json()["detail"]) == (401, "Name or password is wrong.")


def test_failures_and_lock_outs_are_audited_without_what_was_typed(people: People) -> None:
    fail(6)
    assert [event.object_id for event in events("login.failed")] == [OPERATOR] * 5
    locked = events("login.locked")
    assert [event.object_id for event in locked] == [OPERATOR]
    assert locked[0].source_address == HOME
    assert set(locked[0].after) == {"until", "for"}


def test_what_may_be_a_password_in_the_wrong_field_is_stored_nowhere(
    people: People, capfd: pytest.CaptureFixture[str]
) -> None:
    fail(6, name=MISTYPED)
    enter(MISTYPED)
    stored = [*AuditEvent.objects.values(), *AccessFailureLog.objects.values()]
    assert {event.object_id for event in events("login.failed")} == {"(no such user)"}
    assert len(stored) >= 10
    logged = capfd.readouterr()
    for text in (str(stored), logged.out, logged.err):
        assert MISTYPED not in text
        assert WRONG not in text


def test_an_administrator_unlocks_on_the_users_page(people: People) -> None:
    log_in(password=PASSWORD)
    fail(5)
    fail(5, address=AWAY)
    admin = client_of(people.admin)
    page = reverse("admin:auth_user_change", args=[people.operator.pk])
    assert "Locked until" in admin.get(page).content.decode()
    button = reverse("admin:auth_user_do", args=[people.operator.pk, "unlock"])
    assert client_of(people.approver).post(button).status_code == 403
    assert admin.post(button).status_code == 302
    assert "Sign-in is not locked." in admin.get(page).content.decode()
    assert log_in(password=PASSWORD).status_code == 200
    assert log_in(password=PASSWORD, address=ELSEWHERE).status_code == 200
    event = events("user.unlock")[0]
    assert (event.actor_name, event.object_id) == ("admin-person", OPERATOR)


def test_unlocking_what_is_not_locked_is_refused(people: People) -> None:
    fail(4)
    with pytest.raises(NotLockedError):
        unlock(actor=people.admin, user=people.operator)
    with pytest.raises(PermissionDeniedError):
        unlock(actor=people.operator, user=people.operator)
    assert log_in().status_code == 401
    assert log_in().status_code == 429


def test_the_librarys_command_unlocks_where_no_administrator_can(
    people: People, capsys: pytest.CaptureFixture[str]
) -> None:
    fail(5)
    call_command("axes_reset_username", OPERATOR)
    assert "5 attempts removed" in capsys.readouterr().out
    assert log_in(password=PASSWORD).status_code == 200
    event = events("user.unlock")[0]
    assert (event.actor_name, event.object_id) == ("system", OPERATOR)


def test_old_failures_and_addresses_are_deleted_by_upkeep(people: People) -> None:
    log_in(password=PASSWORD)
    fail(2)
    age(60 * 23)
    assert delete_old_attempts() == 0
    age(60 * 2)
    assert delete_old_attempts() == 2
    AccessLog.objects.update(attempt_time=ClockTimestamp() - timedelta(days=31))
    assert delete_old_attempts() == 1


def test_behind_a_trusted_proxy_the_client_is_who_the_proxy_names(
    settings: Any, people: People
) -> None:
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.0/8")]
    body = {"username": OPERATOR, "password": PASSWORD}
    client = APIClient(REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=HOME)
    assert client.post("/api/v1/auth/login", body, format="json").status_code == 200
    assert AccessLog.objects.get().ip_address == HOME
    assert events("login")[0].source_address == HOME


# --- races --------------------------------------------------------------------------------------


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Passwords that were compared with one that is stored."""
    seen: list[str] = []
    verify = FastHasher.verify

    def watched(self: FastHasher, password: str, encoded: str) -> bool:
        seen.append(password)
        return bool(verify(self, password, encoded))

    monkeypatch.setattr(FastHasher, "verify", watched)
    return seen


@pytest.mark.usefixtures("committed_db")
def test_however_many_come_at_once_no_more_than_five_passwords_are_looked_at(
    looked_at: list[str],
) -> None:
    People()
    statuses: list[int] = []
    addresses = [f"203.0.113.{n}" for n in range(9)]
    at_once(*[lambda a=a: statuses.append(log_in(address=a).status_code) for a in addresses])
    assert sorted(statuses) == [401] * 5 + [429] * 4
    assert len(looked_at) == 5
    assert len(events("login.locked")) == 1


@pytest.mark.usefixtures("committed_db")
def test_of_two_logins_at_the_fifth_failure_the_second_meets_the_lock(
    looked_at: list[str],
) -> None:
    People()
    fail(4)
    looked_at.clear()
    statuses: list[int] = []
    at_once(*[lambda: statuses.append(log_in().status_code)] * 2)
    assert sorted(statuses) == [401, 429]
    assert looked_at == [WRONG]


@pytest.mark.usefixtures("committed_db")
def test_two_right_logins_at_once_after_four_failures_both_succeed() -> None:
    People()
    fail(4)
    statuses: list[int] = []
    at_once(*[lambda: statuses.append(log_in(password=PASSWORD).status_code)] * 2)
    assert statuses == [200, 200]
