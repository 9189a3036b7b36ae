"""Where raw rows are kept is shown to those who may see SQL, and to nobody else."""

from __future__ import annotations

import pytest
from django.test import Client as Browser
from django.urls import reverse

from execution.models import LoadHistory
from tests.support.api import Client
from tests.support.place import Place

pytestmark = pytest.mark.django_db

PATH = "ORDERS_HOURLY/2026/01/some.parquet"
CAPTURE = {"path": PATH, "rows": 12_345, "bytes": 67_890}


@pytest.fixture
def place(place: Place) -> Place:
    """A place whose execution kept its raw rows."""
    LoadHistory.objects.update(metadata={"phases": {}, "capture": CAPTURE})
    return place


@pytest.mark.parametrize(
    ("role", "sees"),
    [("viewer", False), ("operator", True), ("approver", True), ("admin", True)],
)
def test_api_and_page_tell_the_capture_to_entitled_people_only(
    place: Place, role: str, *, sees: bool
) -> None:
    user = getattr(place.people, role)
    _, one = Client(user).get(f"executions/{place.execution.pk}")
    assert one.get("capture") == (CAPTURE if sees else None)
    assert ("capture" in one) is sees
    (row,) = Client(user).get("executions")[1]["results"]
    assert "capture" not in row
    browser = Browser()
    browser.force_login(user)
    address = reverse("admin:execution_loadhistory_change", args=[place.execution.pk])
    page = browser.get(address).content.decode()
    assert (PATH in page, "12,345" in page, "67,890" in page) == (sees,) * 3


def test_an_execution_that_kept_nothing_says_nothing_of_it(place: Place) -> None:
    LoadHistory.objects.update(metadata={})
    _, one = Client(place.people.operator).get(f"executions/{place.execution.pk}")
    assert one["capture"] is None
    browser = Browser()
    browser.force_login(place.people.operator)
    address = reverse("admin:execution_loadhistory_change", args=[place.execution.pk])
    assert "Raw rows" not in browser.get(address).content.decode()
