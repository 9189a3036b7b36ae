"""What Django refuses before any view sees it: the API tells it as a problem, people get a page."""

from __future__ import annotations

import pytest
from django.core.exceptions import SuspiciousOperation
from django.http import UnreadablePostError
from django.test import Client, RequestFactory

from core.api.openapi.problems import GENERAL
from core.api.problems import problem_response
from loaderportal.urls import bad_request

HOSTS = ["%8!9)v4", "elsewhere.example", "[::", "a b"]


@pytest.mark.parametrize("host", HOSTS)
def test_a_foreign_host_gets_a_problem_that_says_what_to_do(host: str) -> None:
    answer = Client().get("/api/v1/loaders", headers={"host": host})
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    told = answer.json()
    assert told["code"] == "BAD_REQUEST"
    assert told["code"] in GENERAL
    assert "LOADERPORTAL_ALLOWED_HOSTS" in told["detail"]
    assert told["correlationId"] == answer["X-Correlation-ID"]
    assert host not in answer.content.decode()


@pytest.mark.parametrize("host", HOSTS)
def test_a_foreign_host_gets_a_page_that_says_what_to_do(host: str) -> None:
    answer = Client().get("/admin/", headers={"host": host})
    page = answer.content.decode()
    assert answer.status_code == 400
    assert "LOADERPORTAL_ALLOWED_HOSTS" in page
    assert host not in page


def test_a_body_that_does_not_arrive_in_whole_is_no_defect_of_the_portal() -> None:
    told = problem_response(UnreadablePostError("timed out"), {})
    assert told is not None
    assert (told.status_code, told.data["code"]) == (400, "BAD_REQUEST")


def test_what_was_sent_is_not_quoted() -> None:
    error = SuspiciousOperation("<script>alert(1)</script>")
    for path in ("/api/v1/loaders", "/admin/"):
        answer = bad_request(RequestFactory().get(path), error)
        assert answer.status_code == 400
        assert b"script" not in answer.content
        assert b"not formed as HTTP asks" in answer.content
