"""Where a request comes from, behind proxies that are trusted and others."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from audit.client_address import client_address

PROXIES = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]
CLIENT, PROXY, SECOND = "192.0.2.1", "10.1.2.3", "fd00::7"


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "found"),
    [
        (CLIENT, "", CLIENT),
        (CLIENT, "203.0.113.9", CLIENT),  # who is no proxy is not believed
        (PROXY, "", PROXY),
        (PROXY, CLIENT, CLIENT),
        (PROXY, f"203.0.113.9, {CLIENT}", CLIENT),  # what the client itself wrote
        (PROXY, f"203.0.113.9, {CLIENT}, {SECOND}", CLIENT),
        (PROXY, f"{SECOND},{PROXY}", SECOND),
        (PROXY, "2001:DB8::1", "2001:db8::1"),
        (PROXY, "unknown", PROXY),
        (PROXY, f"{CLIENT}, unknown", PROXY),
        ("", CLIENT, ""),
    ],
)
def test_the_list_is_read_as_far_as_trusted_proxies_vouch_for_it(
    peer: str, forwarded_for: str, found: str
) -> None:
    assert client_address(peer, forwarded_for, PROXIES) == found


def test_without_trusted_proxies_the_peer_is_the_client() -> None:
    assert client_address(PROXY, CLIENT, []) == PROXY
