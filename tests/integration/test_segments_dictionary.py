"""What people call a segment combination: service, API and console (spec 2)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.urls import reverse

from audit.models import AuditEvent
from core.ids import uuid7
from loaders.models import Loader
from signals.dictionary import changes_of, describe_segment, search_segments
from signals.models import LoaderSegment, SegmentCombination, SegmentDescription
from signals.segments import segment_code
from tests.integration.test_approval_races import at_once
from tests.portal_database import PortalDatabase
from tests.support.api import Client
from tests.support.external import external_draft
from tests.support.people import People
from tests.support.place import client_of
from tests.support.teams import grant_to, make_team


def add(loader_code: str, *values: str) -> UUID:
    """A combination that the loader has brought."""
    texts = [*values, *[""] * (10 - len(values))]
    code = segment_code([text.encode() for text in texts])
    SegmentCombination.objects.get_or_create(
        segment_code=code, defaults={f"segment_{n}": text for n, text in enumerate(texts, 1)}
    )
    LoaderSegment.objects.create(loader_code=loader_code, segment_code=code)
    return code


@pytest.fixture
def people(db: None) -> People:
    people = People()
    external_draft(people)
    external_draft(people, loader_code="OTHER")
    return people


def found(client: Client, **parameters: Any) -> list[str]:
    status, answer = client.get("segments", **parameters)
    assert status == 200, answer
    return sorted(" ".join(filter(None, one["segments"])) for one in answer["results"])


def test_a_name_is_given_changed_and_taken_away_and_each_is_told(people: People) -> None:
    code = add("POSTED", "web", "عمان")
    client = Client(people.operator)
    address = f"segments/{code}"
    for body, name in (("  Web in Oman ", "Web in Oman"), ("مسقط", "مسقط"), ("", None)):
        for method in (client.put, client.patch):  # the same again changes nothing
            status, answer = method(address, {"description": body})
            assert (status, answer["description"]) == (200, name)
            assert (answer["describedAt"] is None) == (name is None)
    assert Client(people.viewer).get(address)[1]["segments"] == ["web", "عمان", *[""] * 8]
    events = AuditEvent.objects.filter(action="segment.describe").order_by("id")
    assert [(e.before["description"], e.after["description"]) for e in events] == [
        ("", "Web in Oman"),
        ("Web in Oman", "مسقط"),
        ("مسقط", ""),
    ]
    assert {(e.actor, e.object_type, e.object_id) for e in events} == {
        (people.operator, "segment", str(code))
    }
    changes = changes_of(code, 10)
    assert [change.description for change in changes] == ["", "مسقط", "Web in Oman"]
    assert {change.by for change in changes} == {"operator-person"}
    assert not SegmentDescription.objects.exists()


def test_a_name_is_one_short_line(people: People) -> None:
    code = add("POSTED", "web")
    client = Client(people.operator)
    for body in ({"description": "x" * 201}, {"description": "a\nb"}, {"description": None}, {}):
        status, answer = client.put(f"segments/{code}", body)
        assert (status, list(answer["errors"])) == (422, ["description"])
    assert client.put(f"segments/{code}", {"name": "x"})[0] == 422
    assert client.put(f"segments/{uuid7()}", {"description": "x"})[1]["code"] == "SEGMENT_NOT_FOUND"
    assert Client(people.viewer).put(f"segments/{code}", {"description": "x"})[0] == 403
    assert not AuditEvent.objects.filter(action="segment.describe").exists()


def test_combinations_are_found_by_loader_and_by_words(people: People) -> None:
    add("POSTED", "web", "EU")
    named = add("POSTED", "app", "EU")
    add("OTHER", "web", "US")
    describe_segment(user=people.operator, segment_code=named, description="Phones in Europe")
    client = Client(people.viewer)
    assert found(client) == ["app EU", "web EU", "web US"]
    assert found(client, loaderCode="POSTED") == ["app EU", "web EU"]
    assert found(client, search="WEB") == ["web EU", "web US"]
    assert found(client, search="eu web") == ["web EU"]
    assert found(client, search="phones eu") == ["app EU"]
    assert found(client, loaderCode="OTHER", search="phones") == []
    assert found(client, search="50%") == []
    assert client.get("segments", loaderCode="NOBODYS")[0] == 404
    status, page = client.get("segments", pageSize=2)
    assert (status, len(page["results"]), page["next"] is not None) == (200, 2, True)


def test_a_team_sees_and_names_what_came_with_its_loaders(people: People, settings: Any) -> None:
    settings.OBJECT_PERMISSIONS = True
    own, shared = add("POSTED", "own"), add("POSTED", "shared")
    add("OTHER", "shared")
    hidden = add("OTHER", "unseen")
    team = make_team(people, "Shop", people.operator)
    grant_to(people, team, Loader.objects.get(loader_code="POSTED"))
    client = Client(people.operator)
    assert found(client) == ["own", "shared"]
    assert found(client, loaderCode="POSTED") == ["own", "shared"]
    assert client.get("segments", loaderCode="OTHER")[0] == 404
    for code, status in ((own, 200), (shared, 200), (hidden, 404), (uuid7(), 404)):
        assert client.get(f"segments/{code}")[0] == status
        assert client.patch(f"segments/{code}", {"description": "x"})[0] == status
    assert found(Client(people.viewer)) == ["own", "shared", "unseen"]
    page = client_of(people.operator).get(reverse("admin:signals_segmentcombination_changelist"))
    text = page.content.decode()
    assert "shared" in text
    assert "unseen" not in text
    assert "OTHER" not in text


def test_the_console_lists_and_names_combinations(people: People) -> None:
    code = add("POSTED", "web", "<b>EU</b>")
    add("OTHER", "app")
    page = reverse("admin:signals_segmentcombination_change", args=[code])
    client = client_of(people.operator)
    answer = client.post(page, {"description": "Web & Europe"}, follow=True)
    assert answer.status_code == 200
    assert SegmentDescription.objects.get().description == "Web & Europe"
    listed = reverse("admin:signals_segmentcombination_changelist")
    text = client.get(listed, {"q": "europe"}).content.decode()
    assert "Web &amp; Europe" in text
    assert "web / &lt;b&gt;EU&lt;/b&gt;" in text
    assert ">app<" not in text
    assert ">app<" in client.get(listed, {"loader": "OTHER"}).content.decode()
    shown = client_of(people.viewer).get(page).content.decode()
    assert "Web &amp; Europe" in shown
    assert 'name="description"' not in shown
    assert client_of(people.viewer).post(page, {"description": "x"}).status_code == 403
    refused = client.post(page, {"description": "a\x07b"}).content.decode()
    assert "printable" in refused
    assert SegmentDescription.objects.get().description == "Web & Europe"


def test_the_list_asks_no_more_of_the_database_with_more_rows(
    people: People, django_assert_max_num_queries: Any
) -> None:
    client = Client(people.viewer)
    add("POSTED", "first")
    with django_assert_max_num_queries(50) as few:
        found(client)
    for number in range(20):
        add("POSTED", str(number))
    with django_assert_max_num_queries(50) as many:
        assert len(found(client)) == 21
    assert len(few) == len(many)
    assert search_segments(SegmentCombination.objects.all(), "").count() == 21


def test_of_two_who_name_a_combination_both_are_told_of(committed_db: PortalDatabase) -> None:
    people = People()
    external_draft(people)
    code = add("POSTED", "web")
    at_once(
        *(
            lambda name=name: describe_segment(
                user=people.operator, segment_code=code, description=name
            )
            for name in ("one", "two")
        )
    )
    first, second = AuditEvent.objects.filter(action="segment.describe").order_by("at")
    assert first.before["description"] == ""
    assert second.before == first.after
    assert SegmentDescription.objects.get().description == second.after["description"]


def test_the_filter_of_the_list_tells_nothing_of_a_loader_that_one_does_not_reach(
    people: People, settings: Any
) -> None:
    for code in ("POSTED", "OTHER"):
        add(code)
    team = make_team(people, "Posters", people.operator)
    grant_to(people, team, Loader.objects.get(loader_code="POSTED"))
    settings.OBJECT_PERMISSIONS = True
    shown = {}
    for code in ("POSTED", "OTHER", "NOBODYS"):
        address = f"{reverse('admin:signals_segmentcombination_changelist')}?loader={code}"
        page = client_of(people.operator).get(address)
        shown[code] = page.context["cl"].result_count
    assert shown == {"POSTED": 1, "OTHER": 0, "NOBODYS": 0}
