"""Definitions are changed only as they were looked at, and read only when they changed."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connections, transaction
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from accounts.roles import Role
from audit.models import AuditEvent
from core.clock import database_now
from loaders.etags import etag_of
from loaders.models import Loader, LoaderState, SourceDatabase
from tests.integration.test_approval_races import at_once
from tests.support.definitions import make_draft, make_source
from tests.support.people import People
from tests.support.replica import wait_until
from tests.support.scenes import order_sql
from tests.support.waiting import somebody_waits

LOADER = "loaders/ORDERS"
SOURCE = "admin/res/db-sources/SHOP"
STALE = '"00000000000000000000000000000000"'
ACTS: list[tuple[Role, str, str, Any]] = [
    (Role.OPERATOR, "PATCH", LOADER, {"description": "Another text."}),
    (Role.ADMIN, "DELETE", LOADER, None),
    (Role.OPERATOR, "POST", f"{LOADER}/submit", {}),
    (Role.APPROVER, "POST", f"{LOADER}/approve", {}),
    (Role.APPROVER, "POST", f"{LOADER}/reject", {"comment": "no"}),
    (Role.OPERATOR, "POST", f"{LOADER}/enable", {}),
    (Role.OPERATOR, "POST", f"{LOADER}/disable", {}),
    (Role.OPERATOR, "POST", f"{LOADER}/disable", {"cancelRuns": True}),
    (Role.OPERATOR, "POST", f"{LOADER}/copy", {"loaderCode": "ORDERS_TWO"}),
    (Role.ADMIN, "POST", f"{LOADER}/log-level", {"level": "DEBUG"}),
    (Role.OPERATOR, "POST", f"{LOADER}/watermark", {"watermark": None, "reason": "anew"}),
    (Role.OPERATOR, "POST", f"{LOADER}/versions/1/restore", {}),
    (Role.ADMIN, "PATCH", SOURCE, {"port": 5433}),
]


class Reader:
    """Somebody at the API who sets conditions."""

    def __init__(self, user: Any) -> None:
        self._http = APIClient()
        self._http.credentials(HTTP_AUTHORIZATION=f"Bearer {AccessToken.for_user(user)}")

    def call(self, method: str, path: str, body: Any = None, **conditions: str) -> Any:
        headers = {name.replace("_", "-"): value for name, value in conditions.items()}
        send = getattr(self._http, method.lower())
        return send(f"/api/v1/{path}", body, format="json", headers=headers)

    def etag(self, path: str) -> str:
        return str(self.call("GET", path)["ETag"])


@pytest.fixture
def people() -> People:
    people = People()
    make_draft(people, make_source(people))
    return people


@pytest.fixture
def submitted(people: People) -> People:
    assert Reader(people.operator).call("POST", f"{LOADER}/submit", {}).status_code == 200
    return people


@pytest.mark.django_db
@pytest.mark.parametrize(("role", "method", "path", "body"), ACTS)
def test_nothing_is_done_to_what_is_not_as_it_was_looked_at(
    submitted: People, role: Role, method: str, path: str, body: Any
) -> None:
    reader = Reader(getattr(submitted, role.value))
    rows, told = everything(), AuditEvent.objects.count()
    refused = reader.call(method, path, body, If_Match=STALE)
    assert (refused.status_code, refused.json()["code"]) == (412, "PRECONDITION_FAILED")
    present = Loader.objects.get() if path.startswith(LOADER) else SourceDatabase.objects.get()
    assert refused.json()["etag"] == etag_of(present)
    assert (everything(), AuditEvent.objects.count()) == (rows, told)


@pytest.mark.django_db
def test_each_answer_tells_the_tag_for_the_next_act(people: People) -> None:
    operator, approver = Reader(people.operator), Reader(people.approver)
    read = operator.etag(LOADER)
    patched = operator.call("PATCH", LOADER, {"latenessSeconds": 5}, If_Match=read)
    assert (patched.status_code, patched["ETag"] == read) == (200, False)
    waits = operator.call("POST", f"{LOADER}/submit", {}, If_Match=patched["ETag"])
    assert waits.status_code == 200
    decided = approver.call("POST", f"{LOADER}/approve", {}, If_Match=waits["ETag"])
    assert (decided.status_code, decided.json()["approvalStatus"]) == (200, "APPROVED")
    assert operator.call("PATCH", LOADER, {"tags": []}, If_Match=read).status_code == 412


@pytest.mark.django_db
def test_a_loader_is_disabled_with_its_runs_under_the_same_condition(people: People) -> None:
    operator = Reader(people.operator)
    etag = operator.etag(LOADER)
    answer = operator.call("POST", f"{LOADER}/disable", {"cancelRuns": True}, If_Match=etag)
    assert (answer.status_code, answer.json()["enabled"]) == (200, False)


@pytest.mark.django_db
def test_a_repetition_is_answered_though_the_act_changed_the_tag(people: People) -> None:
    operator = Reader(people.operator)
    conditions = {"If_Match": operator.etag(LOADER), "Idempotency_Key": "once"}
    first, again = (operator.call("POST", f"{LOADER}/disable", {}, **conditions) for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 200)
    assert again["ETag"] == first["ETag"] == operator.etag(LOADER).replace("-sql", "")
    assert operator.call("POST", f"{LOADER}/disable", {}, If_Match=STALE).status_code == 412


@pytest.mark.django_db
def test_a_source_is_changed_under_the_same_condition(people: People) -> None:
    admin = Reader(people.admin)
    read = admin.etag(SOURCE)
    changed = admin.call("PATCH", SOURCE, {"port": 5433}, If_Match=read)
    assert (changed.status_code, changed["ETag"]) == (200, admin.etag(SOURCE))
    assert changed["ETag"] != read


@pytest.mark.django_db
def test_a_condition_may_name_several_tags_or_any(people: People) -> None:
    operator = Reader(people.operator)
    for condition in (f"{STALE}, {operator.etag(LOADER)}", "*"):
        answer = operator.call("POST", f"{LOADER}/enable", {}, If_Match=condition)
        assert answer.status_code == 200, condition


@pytest.mark.django_db
@pytest.mark.parametrize("form", ["W/{}", "nonsense", ""])
def test_a_weak_or_unreadable_tag_meets_no_condition(people: People, form: str) -> None:
    operator = Reader(people.operator)
    condition = form.format(operator.etag(LOADER))
    assert operator.call("POST", f"{LOADER}/enable", {}, If_Match=condition).status_code == 412


@pytest.mark.django_db
def test_what_a_run_changes_leaves_the_tag_alone(people: People) -> None:
    operator, admin = Reader(people.operator), Reader(people.admin)
    before = operator.etag(LOADER), admin.etag(SOURCE)
    LoaderState.objects.update(
        load_status="RUNNING", last_load_timestamp=datetime(2026, 1, 1, tzinfo=UTC), data_version=7
    )
    SourceDatabase.objects.update(
        read_only_verdict="READ_ONLY", read_only_checked_at=database_now(), read_only_findings=["x"]
    )
    assert (operator.etag(LOADER), admin.etag(SOURCE)) == before


@pytest.mark.django_db
def test_another_statement_is_another_tag_also_for_who_does_not_see_it(people: People) -> None:
    viewer = Reader(people.viewer)
    before = viewer.etag(LOADER)
    sql = order_sql("POSTGRESQL") + " "
    Reader(people.operator).call("PATCH", LOADER, {"loaderSql": sql})
    assert viewer.etag(LOADER) != before
    assert viewer.etag(LOADER) == viewer.etag(LOADER)


@pytest.mark.django_db
def test_what_did_not_change_is_not_sent_again(people: People) -> None:
    for user, path in ((people.viewer, LOADER), (people.operator, LOADER), (people.admin, SOURCE)):
        reader = Reader(user)
        etag = reader.etag(path)
        seen = AuditEvent.objects.count()
        for known in (etag, f"W/{etag}", f'"other", {etag}'):
            answer = reader.call("GET", path, If_None_Match=known)
            assert (answer.status_code, answer.content, answer["ETag"]) == (304, b"", etag)
        assert AuditEvent.objects.count() == seen
        assert reader.call("GET", path, If_None_Match=STALE).status_code == 200


@pytest.mark.django_db
def test_who_may_see_the_sql_by_now_gets_it_though_the_rest_is_known(people: People) -> None:
    without_sql = Reader(people.viewer).etag(LOADER)
    answer = Reader(people.operator).call("GET", LOADER, If_None_Match=without_sql)
    assert answer.status_code == 200
    assert "loaderSql" in answer.json()


@pytest.mark.usefixtures("committed_db")
def test_of_many_who_change_what_they_looked_at_one_does(people: People) -> None:
    etag = Reader(people.operator).etag(LOADER)
    seen: list[int] = []

    def change(text: str) -> None:
        answer = Reader(people.operator).call("PATCH", LOADER, {"contact": text}, If_Match=etag)
        seen.append(answer.status_code)

    at_once(*[lambda n=n: change(f"person-{n}") for n in range(6)])
    assert sorted(seen) == [200] + [412] * 5
    assert AuditEvent.objects.filter(action="loader.update").count() == 1


@pytest.mark.usefixtures("committed_db")
def test_the_look_waits_for_an_edit_under_way_and_sees_it(people: People) -> None:
    etag = Reader(people.operator).etag(LOADER)
    seen: list[Any] = []

    def submit() -> None:
        seen.append(Reader(people.operator).call("POST", f"{LOADER}/submit", {}, If_Match=etag))
        connections.close_all()

    with transaction.atomic():
        loader = Loader.objects.select_for_update().get()
        loader.lateness_seconds = 7
        loader.save()
        other = threading.Thread(target=submit)
        other.start()
        wait_until(somebody_waits, seconds=10, what="the submit waits for the edit")
        assert seen == []
    other.join(10)
    assert seen[0].status_code == 412
    assert Loader.objects.get().approval_status == "DRAFT"


def everything() -> list[Any]:
    """Rows that an act could have changed."""
    models: tuple[Any, ...] = (Loader, LoaderState, SourceDatabase)
    return [list(model.objects.order_by("pk").values()) for model in models]
