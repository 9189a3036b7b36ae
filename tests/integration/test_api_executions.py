"""The list of executions carries nothing that is stored encrypted; one execution does."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.support.api import Client
from tests.support.place import MARKER, Place

pytestmark = pytest.mark.django_db


def test_only_one_execution_shows_what_the_source_said(place: Place) -> None:
    operator = Client(place.people.operator)
    (row,) = operator.get("executions")[1]["results"]
    assert row["errorCode"] == "SOURCE_SQL_FAILED"
    assert row["replicaName"] == "secret-replica"
    assert not {"sourceError", "stackTrace"} & row.keys()
    _, one = operator.get(f"executions/{place.execution.pk}")
    assert MARKER in one["sourceError"]
    assert MARKER in one["stackTrace"]
    viewer = Client(place.people.viewer)
    _, seen = viewer.get(f"executions/{place.execution.pk}")
    (seen_row,) = viewer.get("executions")[1]["results"]
    for answer in (seen, seen_row):
        assert not {"sourceError", "stackTrace", "replicaName"} & answer.keys()


def test_a_row_that_can_not_be_decrypted_does_not_break_the_list(place: Place) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE load_history SET source_error = 'v1:00000000:AAAA'")
    operator = Client(place.people.operator)
    status, page = operator.get("executions")
    assert (status, len(page["results"])) == (200, 1)


def test_the_list_does_not_fetch_what_it_does_not_show(place: Place) -> None:
    operator = Client(place.people.operator)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        operator.get("executions")
    asked = " ".join(query["sql"] for query in queries)
    assert "load_history" in asked
    for column in ("source_error", "stack_trace", '"definition"'):
        assert column not in asked


@pytest.mark.parametrize(
    ("parameters", "status", "code"),
    [
        ({"loaderCode": "\0"}, 422, "VALIDATION_FAILED"),
        ({"loaderCode": "x" * 65}, 422, "VALIDATION_FAILED"),
        ({"loaderCode": "NO_SUCH"}, 404, "LOADER_NOT_FOUND"),
        ({"status": "\0"}, 422, "VALIDATION_FAILED"),
        ({"status": "ASLEEP"}, 422, "VALIDATION_FAILED"),
    ],
)
def test_a_filter_that_names_nothing_is_refused(
    place: Place, parameters: dict[str, str], status: int, code: str
) -> None:
    answered, problem = Client(place.people.viewer).get("executions", **parameters)
    assert (answered, problem["code"]) == (status, code)


def test_filters_and_pages_go_together(place: Place) -> None:
    viewer = Client(place.people.viewer)
    asked = {"loaderCode": "ORDERS_HOURLY", "status": "failed", "page_size": 1, "cursor": ""}
    assert len(viewer.get("executions", **asked)[1]["results"]) == 1
    assert viewer.get("executions", status="SUCCESS")[1]["results"] == []
