"""The address of a client behind reverse proxies, and whose word counts for it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address

Network = IPv4Network | IPv6Network


def client_address(peer: str, forwarded_for: str, trusted: Iterable[Network]) -> str:
    """Who sent the request, by the connection's peer and `X-Forwarded-For`.

    Each proxy appends whom it got the request from, so the list is read from its end, and only as
    far as proxies of the trusted networks vouch for it: the rest was written by the client. What is
    no address ends the reading too.
    """
    networks = list(trusted)
    found = peer
    for named in reversed(forwarded_for.split(",")):
        if not _is_in(found, networks):
            return found
        address = _address(named)
        if address is None:
            return found
        found = address
    return found


def vouches(peer: str, trusted: Iterable[Network]) -> bool:
    """Whether the connection's peer is a proxy that is trusted."""
    return _is_in(peer, list(trusted))


def _is_in(text: str, networks: list[Network]) -> bool:
    address = _address(text)
    return address is not None and any(ip_address(address) in network for network in networks)


def _address(text: str) -> str | None:
    try:
        return str(ip_address(text.strip()))
    except ValueError:
        return None
