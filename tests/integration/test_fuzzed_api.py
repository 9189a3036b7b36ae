"""Schemathesis, with all of its checks, over every operation of the API.

`make test` sends, as an administrator, the document's examples, what its bounds ask for (of more
than 10 requests an operation every tenth) and a hundred at random an operation; `make test-full`
all of it and a thousand at random, as each role.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.db import transaction
from django.urls import get_resolver
from rest_framework.test import APIClient

from accounts.roles import Role
from loaderportal.api_document import document
from loaderportal.urls import API
from tests.support.every_page import template_of
from tests.support.fuzzing import Known, fuzz, requests_of_one_transaction
from tests.support.place import Place

IS_FULL = os.environ.get("LOADERPORTAL_TEST_FULL") == "1"
EXAMPLES = 1000 if IS_FULL else 100
THINS_AFTER = 10**6 if IS_FULL else 10
ROLES = list(Role) if IS_FULL else [Role.ADMIN]
PATHS = sorted(
    f"/{template_of(str(pattern.pattern))}"
    for pattern in get_resolver().url_patterns
    if str(pattern.pattern).removeprefix("^").startswith(API)
)


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.value)
@pytest.mark.parametrize("path", PATHS)
def test_schemathesis_finds_nothing(place: Place, path: str, role: Role) -> None:
    sent = fuzz(path, place=place, role=role, examples=EXAMPLES, thins_after=THINS_AFTER)
    assert sent >= 1


def test_nul_is_refused_everywhere(place: Place) -> None:
    client = APIClient(raise_request_exception=False)
    client.force_authenticate(place.user(Role.ADMIN))
    sent = 0
    with requests_of_one_transaction():
        for method, address, body in requests_with_nul(Known(place).paths):
            with transaction.atomic():
                answer = client.generic(method, address, body, content_type="application/json")
                transaction.set_rollback(True)
            sent += 1
            assert 400 <= answer.status_code < 500, (method, address, body, answer.content[:300])
    assert sent > 100


def requests_with_nul(known: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    """One request for each text of each parameter and body, NUL in it."""
    schemas = document()["components"]["schemas"]
    for path, item in document()["paths"].items():
        address = path.format(**known)
        for method, operation in item.items():
            for parameter in operation["parameters"]:
                if parameter.get("in") == "query" and parameter["schema"].get("type") == "string":
                    yield method, f"{address}?{parameter['name']}={quote(chr(0))}", ""
            media: Any = operation.get("requestBody", {}).get("content", {})
            for content in media.values():
                form = schemas[content["schema"]["$ref"].rpartition("/")[2]]
                for name, value in form["example"].items():
                    if isinstance(value, str):
                        yield method, address, json.dumps({**form["example"], name: "a\0b"})
