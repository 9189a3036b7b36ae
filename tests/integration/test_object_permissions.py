"""Team grants at the API: role by grant by setting, over every endpoint that names a loader, a
source or an execution. The table of endpoints is that of `test_api_access`, so a new endpoint is
covered without a line here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from accounts.roles import Role
from loaders import services
from tests.integration.test_api_access import ENDPOINTS, NOWHERE
from tests.support.granted import CODE, NEW, SOURCE, ask, give, with_team
from tests.support.place import Place
from tests.support.scenes import order_sql
from tests.support.teams import grant_to, simulated_source

pytestmark = pytest.mark.django_db

RESTRICTED = {Role.OPERATOR, Role.APPROVER}
ABSENT = {CODE: "NO_SUCH_LOADER", SOURCE: "NO_SUCH_SOURCE"}

BODIES: dict[str, dict[str, Any]] = {
    "copy": {"loaderCode": "ORDERS_COPY"},
    "log-level": {"level": "DEBUG"},
    "teams": {"teams": []},
    "reject": {"comment": "No."},
    "watermark": {"watermark": None, "reason": "Begin anew."},
    "recounts": {"fromTime": "2026-01-01T00:00:00Z", "toTime": "2026-01-01T01:00:00Z"},
    "reload": {"reason": "So it is."},
    "decline": {"reason": "Never mind."},
    "withdraw": {"reason": "It is a gap after all."},
    "waive": {"reason": "Nobody worked."},
    "gaps/waive": {
        "reason": "Nobody worked.",
        "fromTime": "2026-01-01T00:00:00Z",
        "toTime": "2026-01-01T01:00:00Z",
    },
}
"""Bodies by the address's last words, where an empty one says nothing about the object."""

APART = ("tokens", "gaps/scans/")
"""Endpoints about a person, or about the whole portal, of which everybody sees their own part."""

QUERIES = {"diff": "?from=1&to=1", "signal": "?fromEpoch=0&toEpoch=60"}
"""Parameters by the address's last word, or the one before it, where it needs some."""

LISTS = {
    "loaders": CODE,
    "res/loaders/loaders": CODE,
    "executions": CODE,
    "backfill": CODE,
    "recounts": CODE,
    "locks": CODE,
    "admin/res/db-sources": SOURCE,
}
"""Lists, and what of the place each names."""


@pytest.fixture
def place(place: Place, settings: Any) -> Place:
    return with_team(place, settings)


def objects_of_endpoints() -> Iterator[tuple[str, str]]:
    """Every endpoint that names an object of the loaders' world, with its methods."""
    for path, methods in ENDPOINTS.items():
        named = any(name in path for name in ("ORDERS", SOURCE, NOWHERE))
        if named and not path.startswith(APART):
            yield from ((path, method) for method in methods)


def addressed(place: Place, path: str) -> tuple[str, str]:
    """The endpoint for what the place has, and for what there is not."""
    before, last = path.rsplit("/", 2)[-2:]
    path = path.replace("ORDERS", CODE) + QUERIES.get(last, QUERIES.get(before, ""))
    if NOWHERE in path:
        return path.replace(NOWHERE, str(_object_of(place, path).pk)), path
    absent = path.replace(CODE, ABSENT[CODE]).replace(f"{SOURCE}", ABSENT[SOURCE])
    return path, absent


def _object_of(place: Place, path: str) -> Any:
    """What of the place an endpoint with an id is about."""
    kinds = {
        "outputs": "signals_outputversion",
        "backfill": "backfill_backfilljob",
        "recounts": "execution_recount",
        "waivers": "execution_gapwaiver",
        "locks": "execution_loaderexecutionlock",
        "segments": "signals_segmentcombination",
    }
    return place.objects[kinds.get(path.split("/", maxsplit=1)[0], "execution_loadhistory")]


def renamed(answer: Any, place: Place) -> Any:
    """The answer as if it were about what there is not."""
    text = json.dumps(answer)
    named = (
        "execution_loadhistory",
        "execution_recount",
        "execution_gapwaiver",
        "execution_loaderexecutionlock",
        "signals_outputversion",
        "signals_segmentcombination",
        "backfill_backfilljob",
    )
    ids = [place.objects[name].pk for name in named]
    for real, absent in {**ABSENT, **{str(pk): NOWHERE for pk in ids}}.items():
        text = text.replace(real, absent)
    return json.loads(text)


@pytest.mark.parametrize(("path", "method"), list(objects_of_endpoints()))
def test_what_is_not_granted_is_answered_as_what_does_not_exist(
    settings: Any, place: Place, path: str, method: str
) -> None:
    here, nowhere = addressed(place, path)
    one, two = path.rsplit("/", 1)[-1], "/".join(path.rsplit("/", 2)[-2:])
    body = BODIES.get(two, BODIES.get(one))
    without, absent = {}, {}
    for role in Role:
        user = place.user(role)
        settings.OBJECT_PERMISSIONS = False
        found = ask(user, method, here, body)
        settings.OBJECT_PERMISSIONS = True
        if role not in ENDPOINTS[path][method]:
            assert found[0] == ask(user, method, here, body)[0] == 403, role
            continue
        assert found[0] not in {403, 404}, (role, found)
        without[role], absent[role] = found, ask(user, method, nowhere, body)
    for granted in ("nothing", "loader", "source"):
        give(place, granted)
        for role, found in without.items():
            status, answer = ask(place.user(role), method, here, body)
            if role not in RESTRICTED or is_reached(path, granted):
                assert (status, _code(answer)) == (found[0], _code(found[1])), (role, granted)
            elif granted == "loader" and path.endswith("/copy"):
                assert (status, _code(answer)) == (404, "SOURCE_NOT_FOUND")
            else:
                assert status == 404, (role, granted, answer)
                assert (404, renamed(answer, place)) == absent[role], (role, granted)


def is_reached(path: str, granted: str) -> bool:
    """Whether what the endpoint acts on follows from the grant. A copy needs the source."""
    needs_source = "db-sources" in path or path.endswith("/copy")
    return granted == "source" or (granted == "loader" and not needs_source)


def _code(answer: Any) -> Any:
    return answer.get("code") if isinstance(answer, dict) else None


@pytest.mark.parametrize("role", list(Role))
def test_no_list_names_what_is_not_granted(place: Place, role: Role) -> None:
    for granted in ("nothing", "loader", "source"):
        give(place, granted)
        _check_lists(place, role, granted)


def _check_lists(place: Place, role: Role, granted: str) -> None:
    named = {path for path, _ in objects_of_endpoints()}
    hidden = {CODE, SOURCE, str(place.execution.pk)}
    for path, methods in ENDPOINTS.items():
        if path in named or role not in methods.get("GET", ()):
            continue
        _, answer = ask(place.user(role), "GET", path)
        text = json.dumps(answer)
        if role in RESTRICTED and (
            granted == "nothing" or (granted == "loader" and path == "admin/res/db-sources")
        ):
            assert not [mark for mark in hidden if mark in text], path
        elif path in LISTS:
            assert LISTS[path] in text, path


@pytest.mark.parametrize("role", sorted(RESTRICTED))
def test_no_parameter_tells_a_hidden_loader_from_one_that_does_not_exist(
    place: Place, role: Role
) -> None:
    for path in (
        "executions?loaderCode={}",
        "backfill?loaderCode={}",
        "recounts?loaderCode={}",
        "locks?loaderCode={}",
        "signals/query?loaderCode={}&fromEpoch=0&toEpoch=60",
        "signals/query?loaderCode={}&fromEpoch=60&toEpoch=0",
        "signals/export?loaderCode={}&fromEpoch=0&toEpoch=60&format=csv",
        "segments?loaderCode={}",
        "signals/segments?loaderCode={}",
    ):
        status, answer = ask(place.user(role), "GET", path.format(CODE))
        assert status == 404
        assert renamed(answer, place) == ask(place.user(role), "GET", path.format(ABSENT[CODE]))[1]


def test_no_body_tells_a_hidden_source_from_one_that_does_not_exist(place: Place) -> None:
    operator = place.people.operator
    other = simulated_source(place.people, "OWN")
    own = services.create_loader(
        user=place.people.admin,
        values={
            "loader_code": "OWN_LOADER",
            "loader_sql": order_sql("POSTGRESQL"),
            "source_database": other,
        },
    )
    grant_to(place.people, place.objects["team"], own)
    for method, path, body in (
        ("POST", "loaders", NEW),
        ("POST", "loaders", {**NEW, "lateness": 1}),
        ("POST", "loaders", {**NEW, "grainSeconds": 7}),
        ("PATCH", "loaders/OWN_LOADER", {}),
        ("POST", "loaders/OWN_LOADER/copy", {"loaderCode": "OWN_COPY"}),
    ):
        status, answer = ask(operator, method, path, {**body, "sourceDatabase": SOURCE})
        absent = ask(operator, method, path, {**body, "sourceDatabase": ABSENT[SOURCE]})
        assert (status, renamed(answer, place)) == absent, path
        assert status == (422 if "lateness" in body else 404)
