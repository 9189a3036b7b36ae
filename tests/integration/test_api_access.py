"""Every endpoint of the API, for every role: the table here says who may, and a new endpoint that
is not in it fails the test."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import get_resolver
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from accounts.roles import Role
from tests.support.definitions import make_draft, make_source
from tests.support.people import People

pytestmark = pytest.mark.django_db

ALL = frozenset(Role)
ENTITLED = ALL - {Role.VIEWER}
EDITORS = frozenset({Role.OPERATOR, Role.ADMIN})
APPROVERS = frozenset({Role.APPROVER, Role.ADMIN})
ADMINS = frozenset({Role.ADMIN})

NOWHERE = "00000000-0000-7000-8000-000000000000"
ENDPOINTS: dict[str, dict[str, frozenset[Role]]] = {
    "auth/logout": {"POST": ALL},
    "auth/me": {"GET": ALL},
    "tokens": {"GET": ALL, "POST": ALL},
    f"tokens/{NOWHERE}": {"GET": ALL, "DELETE": ALL},
    "sql/validate": {"POST": ALL},
    "loaders": {"GET": ALL, "POST": EDITORS},
    "loaders/ORDERS": {"GET": ALL, "PATCH": EDITORS, "DELETE": ADMINS},
    "loaders/ORDERS/submit": {"POST": EDITORS},
    "loaders/ORDERS/approve": {"POST": APPROVERS},
    "loaders/ORDERS/reject": {"POST": APPROVERS},
    "loaders/ORDERS/enable": {"POST": EDITORS},
    "loaders/ORDERS/disable": {"POST": EDITORS},
    "loaders/ORDERS/copy": {"POST": EDITORS},
    "loaders/ORDERS/log-level": {"POST": ADMINS},
    "loaders/ORDERS/watermark": {"POST": EDITORS},
    "loaders/ORDERS/teams": {"GET": ADMINS, "PUT": ADMINS},
    "loaders/ORDERS/diff": {"GET": ALL},
    "loaders/ORDERS/versions": {"GET": ALL},
    "loaders/ORDERS/versions/1": {"GET": ALL},
    "loaders/ORDERS/versions/1/restore": {"POST": EDITORS},
    "loaders/ORDERS/versions/1/evidence": {"GET": ALL, "POST": ENTITLED},
    "loaders/ORDERS/validate": {"POST": ENTITLED},
    "loaders/ORDERS/test-query": {"POST": EDITORS},
    "loaders/ORDERS/dry-run": {"POST": EDITORS},
    "loaders/ORDERS/run": {"POST": EDITORS},
    "loaders/ORDERS/history": {"GET": ALL},
    "loaders/ORDERS/metrics": {"GET": ALL},
    "loaders/ORDERS/evidence": {"GET": ADMINS},
    "loaders/ORDERS/outputs": {"GET": ALL},
    "loaders/ORDERS/coverage": {"GET": ALL},
    "loaders/ORDERS/gaps": {"GET": ALL},
    "loaders/ORDERS/gaps/waive": {"POST": EDITORS},
    "loaders/ORDERS/waivers": {"GET": ALL},
    "gaps": {"GET": ALL},
    "gaps/ORDERS.20260101T000000Z.20260101T010000Z/waive": {"POST": EDITORS},
    "gaps/scans": {"GET": ALL, "POST": EDITORS},
    f"gaps/scans/{NOWHERE}": {"GET": ALL},
    f"gaps/scans/{NOWHERE}/findings": {"GET": ALL},
    f"waivers/{NOWHERE}/withdraw": {"POST": EDITORS},
    f"outputs/{NOWHERE}": {"GET": ALL},
    f"outputs/{NOWHERE}/restore": {"POST": EDITORS},
    "executions": {"GET": ALL},
    f"executions/{NOWHERE}": {"GET": ALL},
    f"executions/{NOWHERE}/cancel": {"POST": EDITORS},
    f"executions/{NOWHERE}/trial": {"GET": ALL},
    "backfill": {"GET": ALL, "POST": EDITORS},
    "backfill/preview": {"POST": EDITORS},
    f"backfill/{NOWHERE}": {"GET": ALL},
    f"backfill/{NOWHERE}/windows": {"GET": ALL},
    f"backfill/{NOWHERE}/execute": {"POST": EDITORS},
    f"backfill/{NOWHERE}/cancel": {"POST": EDITORS},
    f"backfill/{NOWHERE}/pause": {"POST": EDITORS},
    f"backfill/{NOWHERE}/resume": {"POST": EDITORS},
    f"backfill/{NOWHERE}/retry": {"POST": EDITORS},
    f"backfill/{NOWHERE}/approve": {"POST": APPROVERS},
    f"backfill/{NOWHERE}/reject": {"POST": APPROVERS},
    "loaders/ORDERS/recounts": {"GET": ALL, "POST": EDITORS},
    "loaders/ORDERS/lateness": {"GET": ALL},
    "recounts": {"GET": ALL},
    f"recounts/{NOWHERE}": {"GET": ALL},
    f"recounts/{NOWHERE}/reload": {"POST": EDITORS},
    f"recounts/{NOWHERE}/decline": {"POST": EDITORS},
    "admin/res/db-sources": {"GET": ENTITLED, "POST": ADMINS},
    "admin/res/db-sources/SHOP": {"GET": ENTITLED, "PATCH": ADMINS},
    "admin/res/db-sources/SHOP/teams": {"GET": ADMINS, "PUT": ADMINS},
    "admin/res/db-sources/SHOP/test": {"POST": ADMINS},
    "admin/res/db-sources/SHOP/inspect": {"POST": ADMINS},
    "admin/res/db-sources/SHOP/catalogue": {"GET": EDITORS},
    "locks": {"GET": ENTITLED},
    f"locks/{NOWHERE}": {"GET": ENTITLED},
    "replicas": {"GET": ENTITLED},
    "audit": {"GET": ADMINS},
    "events": {"GET": ALL},
    "governance": {"GET": ALL},
    "res/loaders/loaders": {"GET": ALL},
    "res/loaders/ORDERS": {"GET": ALL},
    "signals/query": {"GET": ALL},
    "segments": {"GET": ALL},
    f"segments/{NOWHERE}": {"GET": ALL, "PUT": EDITORS, "PATCH": EDITORS},
    "signals/export": {"GET": ALL},
    "res/signals/bulk": {"POST": EDITORS},
    "res/signals/signal/ORDERS": {"GET": ALL},
    "schema": {"GET": ALL},
    "signals/segments": {"GET": ALL},
}
OPEN = {"auth/login", "auth/refresh"}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@pytest.fixture
def people() -> People:
    people = People()
    make_draft(people, make_source(people))
    return people


def client_of(user: Any) -> APIClient:
    client = APIClient(raise_request_exception=False)
    if user is not None:
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {AccessToken.for_user(user)}")
    return client


def call(client: APIClient, method: str, path: str) -> Any:
    return client.generic(method, f"/api/v1/{path}", "{}", content_type="application/json")


def test_every_endpoint_is_in_this_table() -> None:
    resolver = get_resolver()
    listed = {resolver.resolve(f"/api/v1/{path}").func for path in {*ENDPOINTS, *OPEN}}
    patterns = [p for p in resolver.url_patterns if "api/v1/" in str(p.pattern)]
    assert {p.callback for p in patterns} == listed


@pytest.mark.parametrize("path", ENDPOINTS)
def test_the_role_table_decides_and_nothing_else(people: People, path: str) -> None:
    for method in METHODS:
        allowed = ENDPOINTS[path].get(method)
        for role in Role:
            status = call(client_of(getattr(people, role.value)), method, path).status_code
            if allowed is None:
                assert status == 405, (method, role, status)
            elif role in allowed:
                assert status not in {401, 405, 500}, (method, role, status)
                assert status != 403, (method, role, status)
            else:
                assert status == 403, (method, role, status)


@pytest.mark.parametrize("path", ENDPOINTS)
def test_nobody_enters_without_signing_in(path: str) -> None:
    for method in ENDPOINTS[path]:
        assert call(client_of(None), method, path).status_code == 401


def test_a_person_without_a_role_may_nothing_but_leave(people: People) -> None:
    people.viewer.groups.clear()
    client = client_of(people.viewer)
    for path, methods in ENDPOINTS.items():
        if not path.startswith("auth/"):
            for method in methods:
                assert call(client, method, path).status_code == 403, (method, path)


def test_a_person_who_was_locked_out_may_nothing_at_all(people: People) -> None:
    client = client_of(people.admin)
    people.admin.is_active = False
    people.admin.save()
    assert call(client, "GET", "loaders").status_code == 401
