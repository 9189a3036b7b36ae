"""No header, however odd, is answered with anything that the API's document does not tell."""

from __future__ import annotations

import json
from itertools import product

import pytest
from django.test import Client
from rest_framework_simplejwt.tokens import AccessToken

from accounts.roles import Role
from loaderportal.api_document import document
from tests.support.place import Place

NAMES = [
    "Accept",
    "Accept-Encoding",
    "Accept-Language",
    "Authorization",
    "Content-Encoding",
    "Content-Length",
    "Content-Type",
    "Cookie",
    "Host",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "Transfer-Encoding",
    "X-Correlation-ID",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-HTTP-Method-Override",
]
VALUES = [
    "",
    "-1",
    "%8!9)v4",
    "*/*;q=x",
    "application/json; charset=utf-99",
    "multipart/form-data; boundary=",
    "application/x-www-form-urlencoded",
    'W/"',
    "Bearer a.b.c",
    "sessionid=%00; csrftoken=\xff",
    "chunked",
    "\xe9\xff",
    "a" * 9000,
]
REQUESTS = [("GET", "/api/v1/loaders"), ("PATCH", "/api/v1/loaders/{code}")]


@pytest.mark.parametrize(("method", "path"), REQUESTS, ids=lambda part: part)
def test_every_odd_header_is_answered_as_the_document_tells(
    place: Place, method: str, path: str
) -> None:
    client = Client(raise_request_exception=False)
    told = document()["paths"][path][method.lower()]["responses"]
    code = place.objects["loaders_loader"].loader_code
    signed = {"Authorization": f"Bearer {AccessToken.for_user(place.user(Role.ADMIN))}"}
    for name, value in product(NAMES, VALUES):
        answer = client.generic(
            method,
            path.format(code=code),
            json.dumps({"description": "Odd."}),
            content_type="application/json",
            headers={**signed, name: value},
        )
        sent = (name, value, answer.status_code, answer.content[:200])
        assert answer.status_code < 500, sent
        assert str(answer.status_code) in told, sent
