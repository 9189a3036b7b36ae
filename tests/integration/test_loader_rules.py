"""What could never run is not saved, and if it is there already, not submitted."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from loaders import services
from loaders.exceptions import ValidationFailedError
from loaders.models import Loader
from loaders.validation import check_runnable
from tests.support.definitions import fresh, make_draft, make_source
from tests.support.people import People
from tests.unit.test_loader_rules import NO_END, YEAR_ONE

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    return People()


@pytest.fixture
def loader(people: People) -> Loader:
    return make_draft(people, make_source(people))


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"offset_hours": Decimal("5.33")}, "offset_hours"),
        ({"end_at": NO_END}, "end_at"),
        ({"start_at": YEAR_ONE}, "start_at"),
        ({"grain_seconds": 30, "loader_sql": "SELECT STR_TO_DATE(x)"}, "grain_seconds"),
    ],
)
def test_what_could_never_run_is_not_saved(
    people: People, loader: Loader, values: dict[str, Any], field: str
) -> None:
    with pytest.raises(ValidationFailedError) as caught:
        services.update_loader(user=people.operator, loader=loader, values=values)
    assert list(caught.value.details["errors"]) == [field]


def test_what_can_run_passes(loader: Loader) -> None:
    check_runnable(fresh(loader))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("offset_hours = 5.33", "whole number of minutes"),
        ("grain_seconds = 0", "positive number"),
        ("time_zone = 'Mars/Olympus'", "IANA"),
        ("time_format = 'MYSQL_DATETIME', grain_seconds = 30", "boundary of its grain"),
    ],
)
def test_a_row_that_came_in_otherwise_is_found_unable_to_run(
    loader: Loader, change: str, why: str
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE loader SET {change}")
    with pytest.raises(ValidationFailedError, match=why):
        check_runnable(fresh(loader))
