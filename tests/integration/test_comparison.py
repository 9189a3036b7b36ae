"""The page that shows two versions of a loader side by side: who sees what, and odd questions."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from audit.models import AuditEvent
from loaders import services
from loaders.models import Loader
from tests.support.definitions import fresh, make_draft, make_source
from tests.support.people import People
from tests.support.scenes import order_sql

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    return People()


@pytest.fixture
def loader(people: People) -> Loader:
    """Version 1 is approved, version 2 rejected, version 3 waits."""
    loader = make_draft(people, make_source(people))
    _submit(people, loader)
    services.approve(user=people.approver, loader=fresh(loader))
    _change(people, loader, {"loader_sql": order_sql("POSTGRESQL").replace("SUM(", "SUM(2 * ")})
    services.reject(user=people.approver, loader=fresh(loader), comment="Why twice?")
    _change(people, loader, {"loader_sql": order_sql("POSTGRESQL"), "lateness_seconds": 90})
    return fresh(loader)


def _change(people: People, loader: Loader, values: dict[str, object]) -> None:
    services.update_loader(user=people.operator, loader=fresh(loader), values=values)
    _submit(people, loader)


def _submit(people: People, loader: Loader) -> None:
    services.submit(user=people.operator, loader=fresh(loader))


def page(user: object, loader: Loader, **asked: str) -> str:
    client = Client()
    client.force_login(user)  # type: ignore[arg-type]
    answer = client.get(reverse("admin:loaders_loaderversion_compare", args=[loader.pk]), asked)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_newest_is_compared_with_what_was_approved_last(people: People, loader: Loader) -> None:
    text = page(people.approver, loader)
    assert '<option value="1" selected>' in text
    assert '<option value="3" selected>' in text
    assert "The SQL is the same." in text
    assert "Lateness (seconds)" in text
    shown = AuditEvent.objects.filter(action="loader.view_sql", actor=people.approver)
    assert sorted(event.after["version"] for event in shown) == [1, 3]


def test_changed_words_are_marked_on_both_sides(people: People, loader: Loader) -> None:
    text = page(people.operator, loader, **{"from": "1", "to": "2"})
    assert "SUM(<ins>2 * </ins>amount)" in text
    backwards = page(people.operator, loader, **{"from": "2", "to": "1"})
    assert "SUM(<del>2 * </del>amount)" in backwards


def test_one_number_is_compared_with_what_came_before_it(people: People, loader: Loader) -> None:
    assert '<option value="1" selected>' in page(people.operator, loader, to="2")


def test_a_viewer_sees_which_settings_differ_and_no_sql(people: People, loader: Loader) -> None:
    text = page(people.viewer, loader, **{"from": "2", "to": "3"})
    assert "Lateness (seconds)" in text
    assert "SUM(" not in text
    assert "db.example" not in text


def test_numbers_that_there_are_not_are_told_and_show_nothing(
    people: People, loader: Loader
) -> None:
    for asked in ("9", "0", "x", "-1", "1e3"):
        text = page(people.operator, loader, to=asked)
        assert "There is no such version" in text
        assert "comparison-settings" not in text


def test_one_version_has_nothing_to_be_compared_with(people: People) -> None:
    loader = make_draft(people, make_source(people))
    _submit(people, loader)
    assert "fewer than two versions" in page(people.viewer, loader)


def test_who_does_not_reach_the_loader_finds_no_page(
    people: People, loader: Loader, settings: pytest.MonkeyPatch
) -> None:
    settings.OBJECT_PERMISSIONS = True  # type: ignore[attr-defined]
    client = Client()
    client.force_login(people.operator)
    address = reverse("admin:loaders_loaderversion_compare", args=[loader.pk])
    assert client.get(address).status_code == 404
