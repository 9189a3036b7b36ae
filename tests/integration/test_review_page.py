"""The inbox of approvals and the review page, for two people who look at once."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse

from loaders.exceptions import InvalidTransitionError
from loaders.models import Decision, EvidencePack, EvidenceStatus, LoaderVersion
from loaders.services import approve, copy_loader, reject, submit, update_loader
from tests.support.api import Client
from tests.support.place import Place, client_of

pytestmark = pytest.mark.django_db

INBOX = reverse("admin:loaders_loaderversion_changelist")


def waiting(place: Place) -> LoaderVersion:
    return LoaderVersion.objects.get(loader=place.loader, decision=Decision.PENDING)


def address(version: LoaderVersion, name: str = "change") -> str:
    return reverse(f"admin:loaders_loaderversion_{name}", args=[version.pk])


def set_evidence(place: Place, status: EvidenceStatus) -> None:
    """Of the waiting version, whose pack tests complete at once."""
    EvidencePack.objects.filter(version=waiting(place)).update(status=status)


def submit_anew(place: Place, **values: Any) -> LoaderVersion:
    update_loader(user=place.people.operator, loader=place.loader, values={"row_cap": 1000})
    return submit(user=place.people.operator, loader=place.loader, **values)


def test_the_note_of_who_submitted_is_shown_to_who_decides(place: Place) -> None:
    update_loader(user=place.people.operator, loader=place.loader, values={"row_cap": 1000})
    button = reverse("admin:loaders_loader_do", args=[place.loader.pk, "submit"])
    client_of(place.people.operator).post(button, {"message": "Asked for by <Revenue>."})
    version = waiting(place)
    assert (version.note, version.comment) == ("Asked for by <Revenue>.", "")
    for page in (address(version), f"{INBOX}?waiting=me"):
        text = client_of(place.people.approver).get(page).content.decode()
        assert "Asked for by &lt;Revenue&gt;." in text, page
    reject(user=place.people.approver, loader=place.loader, comment="Not now.")
    version.refresh_from_db()
    assert (version.note, version.comment) == ("Asked for by <Revenue>.", "Not now.")


@pytest.mark.parametrize("name", ["note", "comment"])
def test_the_api_takes_a_note_by_its_name_and_by_the_older_one(place: Place, name: str) -> None:
    update_loader(user=place.people.operator, loader=place.loader, values={"row_cap": 1000})
    client = Client(place.people.operator)
    assert client.post("loaders/ORDERS_HOURLY/submit", {name: "Why."})[0] == 200
    number = waiting(place).number
    answer = client.get(f"loaders/ORDERS_HOURLY/versions/{number}")[1]
    assert (answer["note"], answer["comment"]) == ("Why.", "")


def test_the_inbox_tells_what_changes_since_when_and_how_far_the_evidence_is(place: Place) -> None:
    page = f"{INBOX}?waiting=me"
    approver = client_of(place.people.approver)
    text = approver.get(page).content.decode()
    assert "Changes Lateness (seconds)." in text
    assert "Nothing found" in text
    set_evidence(place, EvidenceStatus.WAITING)
    assert "Being gathered" in approver.get(page).content.decode()
    reject(user=place.people.admin, loader=place.loader, comment="No.")
    assert "Nothing waits for your decision." in approver.get(page).content.decode()


def test_a_rejection_with_its_reason_ends_the_request(place: Place) -> None:
    version = waiting(place)
    answer = client_of(place.people.approver).post(
        address(version), {"reject": "1", "comment": "Too late for us."}, follow=True
    )
    assert "is rejected" in answer.content.decode()
    version.refresh_from_db()
    assert (version.decision, version.comment) == (Decision.REJECTED, "Too late for us.")


def test_who_decides_second_is_told_who_was_first(place: Place) -> None:
    version = waiting(place)
    reject(user=place.people.admin, loader=place.loader, comment="No.", version=version.number)
    version.refresh_from_db()
    told = (
        f"Version {version.number} of ORDERS_HOURLY was rejected by admin-person at "
        f"{version.decided_at:%Y-%m-%d %H:%M:%S} UTC."
    )
    with pytest.raises(InvalidTransitionError) as refused:
        approve(user=place.people.approver, loader=place.loader, version=version.number)
    assert refused.value.message == told
    assert refused.value.details["from"] == Decision.REJECTED
    second = client_of(place.people.approver)
    answer = second.post(address(version), {"approve": "1", "comment": "Fine."}, follow=True)
    assert answer.request["PATH_INFO"] == address(version)
    assert told in answer.content.decode()
    version.refresh_from_db()
    assert (version.decision, version.comment) == (Decision.REJECTED, "No.")


def test_who_decides_about_a_request_that_was_withdrawn_is_told_so(place: Place) -> None:
    version = waiting(place)
    update_loader(user=place.people.operator, loader=place.loader, values={"row_cap": 1000})
    with pytest.raises(InvalidTransitionError, match="no longer waits: withdrawn by an edit"):
        approve(user=place.people.approver, loader=place.loader, version=version.number)
    anew = submit_anew(place)
    with pytest.raises(InvalidTransitionError, match="submitted anew"):
        approve(user=place.people.approver, loader=place.loader, version=version.number)
    assert waiting(place) == anew


def test_who_looks_hears_of_a_decision_made_meanwhile(place: Place) -> None:
    version = waiting(place)
    news = address(version, "news")
    approver = client_of(place.people.approver)
    assert approver.get(news).status_code == 204
    reject(user=place.people.admin, loader=place.loader, comment="No.", version=version.number)
    told = approver.get(news)
    assert (told.status_code, "data-decided" in told.content.decode()) == (200, True)
    assert "was rejected by admin-person" in told.content.decode()


def test_who_looks_hears_that_the_evidence_is_complete(place: Place) -> None:
    news = address(waiting(place), "news")
    approver = client_of(place.people.approver)
    set_evidence(place, EvidenceStatus.WAITING)
    assert "?gathering=1" in approver.get(address(waiting(place))).content.decode()
    assert approver.get(f"{news}?gathering=1").status_code == 204
    set_evidence(place, EvidenceStatus.FINISHED)
    assert "The evidence is complete" in approver.get(f"{news}?gathering=1").content.decode()
    assert approver.get(news).status_code == 204


def test_news_are_for_people_with_a_role(place: Place) -> None:
    news = address(waiting(place), "news")
    nobody = get_user_model().objects.create_user("nobody", password="x", is_staff=True)
    assert client_of(nobody).get(news).status_code == 403
    assert client_of(place.people.viewer).get(news).status_code == 204


def test_the_inbox_asks_the_database_no_more_often_with_more_requests(
    place: Place, django_assert_max_num_queries: Any
) -> None:
    approver = client_of(place.people.approver)
    with django_assert_max_num_queries(30) as few:
        approver.get(f"{INBOX}?waiting=all")
    for number in range(3):
        loader = copy_loader(
            user=place.people.operator, loader=place.loader, loader_code=f"ANOTHER_{number}"
        )
        submit(user=place.people.operator, loader=loader)
    with django_assert_max_num_queries(30) as more:
        assert "ANOTHER_2" in approver.get(f"{INBOX}?waiting=all").content.decode()
    assert len(more) == len(few)
