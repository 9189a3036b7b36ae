"""The portal behind a proxy that ends TLS: it is believed where it is named."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest
from django.test import Client

from tests.support.place import Place
from tests.support.scenes import make_loader

pytestmark = pytest.mark.django_db
PROXY, STRANGER = "10.1.1.1", "192.0.2.1"
TLS = {"X-Forwarded-Proto": "https", "X-Forwarded-For": STRANGER}


@pytest.fixture(autouse=True)
def proxies(settings: Any) -> None:
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.0/8")]


@pytest.mark.parametrize(
    ("peer", "said", "scheme"),
    [
        (PROXY, "https", "https"),
        (PROXY, "HTTPS, http", "https"),
        (PROXY, "http", "http"),
        (PROXY, "", "http"),
        (STRANGER, "https", "http"),
    ],
)
def test_links_have_the_scheme_that_a_trusted_proxy_names(
    place: Place, peer: str, said: str, scheme: str
) -> None:
    make_loader(place.people, place.objects["loaders_sourcedatabase"], "ORDERS_DAILY")
    client = Client(REMOTE_ADDR=peer, HTTP_HOST="localhost")
    client.force_login(place.people.viewer)
    page = client.get("/api/v1/loaders?pageSize=1", headers={"X-Forwarded-Proto": said})
    assert page.json()["next"].startswith(f"{scheme}://localhost/")


@pytest.mark.parametrize(("peer", "status"), [(PROXY, 200), (STRANGER, 403)])
def test_a_form_that_came_over_tls_passes_the_check_of_its_origin(
    place: Place, peer: str, status: int
) -> None:
    browser = Client(enforce_csrf_checks=True, REMOTE_ADDR=peer, HTTP_HOST="localhost")
    browser.force_login(place.people.operator)
    browser.get("/admin/time-zone/", headers=TLS)
    token = {"csrfmiddlewaretoken": browser.cookies["csrftoken"].value}
    answer = browser.post("/admin/logout/", token, headers={**TLS, "Origin": "https://localhost"})
    assert answer.status_code == status
