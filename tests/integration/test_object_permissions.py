"""Team grants at the API: role by grant by setting, over every endpoint that names a loader, a
source or an execution. The table of endpoints is that of `test_api_access`, so a new endpoint is
covered without a line here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import transaction

from accounts.roles import Role
from loaders import services
from loaders.models import Loader, SourceDatabase
from tests.integration.test_api_access import ENDPOINTS, NOWHERE, client_of
from tests.support.people import person
from tests.support.place import Place
from tests.support.scenes import order_sql
from tests.support.teams import grant_to, make_team, simulated_source, withdraw_from

pytestmark = pytest.mark.django_db

RESTRICTED = {Role.OPERATOR, Role.APPROVER}
CODE, SOURCE = "ORDERS_HOURLY", "SHOP"
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

NEW = {
    "loaderCode": "ORDERS_NEW",
    "loaderSql": order_sql("POSTGRESQL"),
    "grainSeconds": 3600,
}


@pytest.fixture
def place(place: Place, settings: Any) -> Place:
    team = make_team(place.people, "Shop team", *vars(place.people).values())
    place.objects["team"] = team
    settings.OBJECT_PERMISSIONS = True
    return place


def source_of(place: Place) -> SourceDatabase:
    source: SourceDatabase = place.objects["loaders_sourcedatabase"]
    return source


def give(place: Place, what: str) -> None:
    """Grant the team nothing, the loader, or its source, and no more than that."""
    for name, obj in (("loader", place.loader), ("source", source_of(place))):
        teams = [place.objects["team"]] if name == what else []
        services.set_teams(user=place.people.admin, obj=obj, teams=teams)


def objects_of_endpoints() -> Iterator[tuple[str, str]]:
    """Every endpoint that names an object of the loaders' world, with its methods."""
    for path, methods in ENDPOINTS.items():
        named = any(name in path for name in ("ORDERS", SOURCE, NOWHERE))
        if named and not path.startswith(APART):
            yield from ((path, method) for method in methods)


def ask(user: Any, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Answer of the API, without its correlation id; what it did is undone."""
    with transaction.atomic():
        answer = client_of(user).generic(
            method, f"/api/v1/{path}", json.dumps(body or {}), content_type="application/json"
        )
        transaction.set_rollback(True)
    found = json.loads(answer.content) if answer.content else None
    if isinstance(found, dict):
        found.pop("correlationId", None)
    return answer.status_code, found


def fresh(user: Any) -> Any:
    """The same person at their next request."""
    return type(user).objects.get(pk=user.pk)


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
    for role in Role:
        user = place.user(role)
        settings.OBJECT_PERMISSIONS = False
        without = ask(user, method, here, body)
        settings.OBJECT_PERMISSIONS = True
        if role not in ENDPOINTS[path][method]:
            assert without[0] == ask(user, method, here, body)[0] == 403, role
            continue
        assert without[0] not in {403, 404}, (role, without)
        absent = ask(user, method, nowhere, body)
        for granted in ("nothing", "loader", "source"):
            give(place, granted)
            status, answer = ask(user, method, here, body)
            if role not in RESTRICTED or is_reached(path, granted):
                assert (status, _code(answer)) == (without[0], _code(without[1])), (role, granted)
            elif granted == "loader" and path.endswith("/copy"):
                assert (status, _code(answer)) == (404, "SOURCE_NOT_FOUND")
            else:
                assert status == 404, (role, granted, answer)
                assert (404, renamed(answer, place)) == absent, (role, granted)


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


def test_an_operator_makes_loaders_over_a_granted_source_and_reaches_them(place: Place) -> None:
    give(place, "source")
    operator = place.people.operator
    client = client_of(operator)
    answer = client.post("/api/v1/loaders", {**NEW, "sourceDatabase": SOURCE}, format="json")
    assert answer.status_code == 201, answer.content
    assert ask(operator, "GET", "loaders/ORDERS_NEW")[0] == 200
    status, copied = ask(
        operator, "POST", "loaders/ORDERS_NEW/copy", {"loaderCode": "ORDERS_AGAIN"}
    )
    assert (status, copied["sourceDatabase"]) == (201, SOURCE)


def test_nobody_restricted_makes_a_loader_that_no_team_reaches(place: Place) -> None:
    body = {"loaderCode": "POSTED", "kind": "EXTERNAL"}
    status, answer = ask(place.people.operator, "POST", "loaders", body)
    assert status == 422
    assert list(answer["errors"]) == ["kind"]
    assert ask(place.people.admin, "POST", "loaders", body)[0] == 201


def test_the_source_of_a_granted_loader_can_be_kept_but_not_copied(place: Place) -> None:
    give(place, "loader")
    operator = place.people.operator
    assert ask(operator, "PATCH", f"loaders/{CODE}", {"latenessSeconds": 5})[0] == 200
    assert ask(operator, "POST", f"loaders/{CODE}/versions/1/restore")[0] == 200
    status, answer = ask(operator, "POST", f"loaders/{CODE}/copy", {"loaderCode": "ORDERS_COPY"})
    assert (status, answer["code"]) == (404, "SOURCE_NOT_FOUND")


def test_grants_of_several_teams_add_up_and_show_nothing_twice(place: Place) -> None:
    give(place, "loader")
    operator = place.people.operator
    second = make_team(place.people, "Second", operator)
    third = make_team(place.people, "Third", operator, place.people.approver)
    other = add_loader(place, "ORDERS_OTHER")
    add_loader(place, "ORDERS_HIDDEN")
    grant_to(place.people, second, other, place.loader)
    grant_to(place.people, third, place.loader)
    assert listed(operator) == ["ORDERS_HOURLY", "ORDERS_OTHER"]
    assert listed(place.people.approver) == ["ORDERS_HOURLY"]
    grant_to(place.people, third, source_of(place))
    assert listed(operator) == ["ORDERS_HIDDEN", "ORDERS_HOURLY", "ORDERS_OTHER"]


def test_a_lost_grant_is_gone_at_the_next_request(place: Place) -> None:
    give(place, "source")
    operator, team = place.people.operator, place.objects["team"]
    assert listed(operator) == [CODE]
    withdraw_from(place.people, team, source_of(place))
    assert listed(operator) == []
    give(place, "loader")
    assert listed(operator) == [CODE]
    operator.groups.remove(team)
    assert listed(operator) == []
    operator.groups.add(team)
    assert listed(operator) == [CODE]
    team.delete()
    assert listed(operator) == []


def test_the_setting_off_lets_everybody_reach_everything(settings: Any, place: Place) -> None:
    settings.OBJECT_PERMISSIONS = False
    assert [listed(place.user(role)) for role in Role] == [[CODE]] * 4


def test_a_grant_gives_no_right_that_the_role_does_not_give(place: Place) -> None:
    give(place, "source")
    viewer = place.people.viewer
    _, shown = ask(viewer, "GET", f"loaders/{CODE}")
    assert "loaderSql" not in shown
    assert ask(viewer, "GET", f"admin/res/db-sources/{SOURCE}")[0] == 403
    assert ask(place.people.operator, "POST", f"loaders/{CODE}/approve")[0] == 403
    assert ask(place.people.approver, "POST", f"loaders/{CODE}/enable")[0] == 403


def test_who_is_a_viewer_besides_is_restricted_as_the_other_role_is(place: Place) -> None:
    operator = place.people.operator
    operator.groups.add(*place.people.viewer.groups.filter(name="viewer"))
    assert listed(operator) == []


def test_four_eyes_hold_within_a_team(place: Place) -> None:
    give(place, "source")
    both = place.people.operator
    both.groups.add(*place.people.approver.groups.filter(name="approver"))
    status, answer = ask(both, "POST", f"loaders/{CODE}/approve", {"version": 2})
    assert (status, answer["code"]) == (403, "SELF_APPROVAL")
    assert ask(place.people.approver, "POST", f"loaders/{CODE}/approve", {"version": 2})[0] == 200


def test_who_edited_stays_an_editor_without_the_grant(place: Place) -> None:
    """Losing a grant and getting it back washes nobody clean."""
    give(place, "loader")
    both, team = place.people.operator, place.objects["team"]
    both.groups.add(*place.people.approver.groups.filter(name="approver"))
    withdraw_from(place.people, team, place.loader)
    assert ask(both, "POST", f"loaders/{CODE}/approve")[0] == 404
    give(place, "loader")
    assert ask(both, "POST", f"loaders/{CODE}/approve")[1]["code"] == "SELF_APPROVAL"


def add_loader(place: Place, code: str) -> Loader:
    """One more loader over the place's source."""
    return services.create_loader(
        user=place.people.admin,
        values={
            "loader_code": code,
            "loader_sql": order_sql("POSTGRESQL"),
            "source_database": source_of(place),
        },
    )


def listed(user: Any) -> list[str]:
    """Codes in the person's list of loaders, at their next request."""
    _, answer = ask(fresh(user), "GET", "loaders")
    return sorted(loader["loaderCode"] for loader in answer["results"])


@pytest.mark.parametrize("path", ["loaders", "executions", "admin/res/db-sources"])
def test_lists_ask_the_database_no_more_often_with_more_grants(
    place: Place, path: str, django_assert_max_num_queries: Any
) -> None:
    give(place, "source")
    operator = place.people.operator
    ask(operator, "GET", path)  # content types are looked up once a process
    with django_assert_max_num_queries(50) as few:
        ask(operator, "GET", path)
    for number in range(12):
        team = make_team(place.people, f"Team {number}", operator)
        grant_to(place.people, team, add_loader(place, f"MORE_{number}"), place.loader)
    with django_assert_max_num_queries(50) as many:
        ask(operator, "GET", path)
    assert len(many) == len(few)


def test_a_person_without_a_role_reaches_nothing(place: Place) -> None:
    nobody = person(Role.VIEWER, "nobody")
    nobody.groups.clear()
    assert not Loader.objects.visible_to(fresh(nobody)).exists()
    team = make_team(place.people, "Nobody in it")
    grant_to(place.people, team, place.loader, source_of(place))
    assert not SourceDatabase.objects.visible_to(AnonymousUser()).exists()
