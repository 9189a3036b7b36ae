"""Parsers of environment variables: a text in, a value out, ValueError saying what it must be."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any
from urllib.parse import unquote, urlsplit

from croniter import croniter

from audit.retention import FLOOR
from core.env import whole_number, words
from core.keyring import Keyring

_SHORTEST_AGE, _LONGEST_AGE = 0.1, 8760
_LONGEST_DAYS = 36_500
_REDIS_SCHEMES = {"redis", "rediss", "unix"}
_POSTGRES_SCHEMES = {"postgres", "postgresql"}


def keyring_text(text: str) -> str:
    """Parser of a keyring, kept as its text. Raises ValueError."""
    Keyring.parse(text)
    return text


def secret_key(text: str) -> str:
    """Parser of a key that is long enough. Raises ValueError."""
    if len(text) < 32:
        raise ValueError("it must have at least 32 characters")
    return text


def pattern(text: str) -> str:
    """Parser of a regular expression. Raises ValueError."""
    try:
        re.compile(text)
    except re.error:
        raise ValueError("it must be a regular expression") from None
    return text


def cron(text: str) -> str:
    """Parser of a cron expression. Raises ValueError."""
    if not croniter.is_valid(text):
        raise ValueError("it must be a cron expression such as 0 2 * * *")
    return text


def networks(text: str) -> list[IPv4Network | IPv6Network]:
    """Parser of addresses and networks, comma-separated. Raises ValueError."""
    try:
        return [ip_network(word) for word in words(text)]
    except ValueError:
        raise ValueError("it must list addresses or networks such as 10.0.0.0/8") from None


def role_name(text: str) -> str:
    """Parser of a PostgreSQL role that needs no quoting. Raises ValueError."""
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", text):
        raise ValueError("it must be a plain lower-case PostgreSQL role name")
    return text


def retention(text: str) -> int:
    """Parser of days: none, or at least those below which nothing is pruned. Raises
    ValueError."""
    days = whole_number(0, _LONGEST_DAYS)(text)
    if 0 < days < FLOOR.days:
        raise ValueError(f"it must be 0 or at least {FLOOR.days}")
    return days


def redis_url(text: str) -> str:
    """Parser of an address of Redis. Raises ValueError."""
    try:
        parts = urlsplit(text)
        is_address = parts.port is None or parts.port > 0
    except ValueError:
        is_address = False
    if not is_address or parts.scheme not in _REDIS_SCHEMES or not (parts.hostname or parts.path):
        raise ValueError("it must read redis://host:6379/0, rediss://... or unix:///path")
    return text


def parse_database_url(text: str) -> dict[str, Any]:
    """Django's DATABASES entry for a `postgresql://` address. Raises ValueError without it."""
    try:
        parts = urlsplit(text)
        port = parts.port or 5432
    except ValueError:
        raise ValueError("it must read postgresql://user:password@host:port/name") from None
    name = unquote(parts.path.lstrip("/"))
    if parts.scheme not in _POSTGRES_SCHEMES or not parts.hostname or not name:
        raise ValueError("it must read postgresql://user:password@host:port/name")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": parts.hostname,
        "PORT": port,
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
    }


def ages(text: str) -> list[str]:
    """Ages in hours, or none for `off`. Raises ValueError."""
    ages = [] if text.strip().lower() == "off" else words(text)
    for age in ages:
        try:
            hours = float(age)
        except ValueError:
            raise ValueError("it must be numbers of hours, comma-separated, or off") from None
        if not _SHORTEST_AGE <= hours <= _LONGEST_AGE:
            raise ValueError(f"each age must be {_SHORTEST_AGE} to {_LONGEST_AGE} hours")
    return ages
