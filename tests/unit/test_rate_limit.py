"""The limit of requests as it is configured, and whom a request is counted for."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from core.api.rate import RateLimit, rate_limit
from core.api.throttle import subject_of


@pytest.mark.parametrize(
    ("text", "requests", "seconds"),
    [("100/min", 100, 60), ("5/s", 5, 1), (" 20/HOUR ", 20, 3600), ("7/minute", 7, 60)],
)
def test_a_limit_is_a_number_a_period(text: str, requests: int, seconds: int) -> None:
    assert rate_limit(text) == RateLimit(requests, seconds)


def test_a_limit_is_printed_as_it_is_configured() -> None:
    assert [str(rate_limit(text)) for text in ("100/min", "5/sec", "9/hour")] == [
        "100/min",
        "5/s",
        "9/h",
    ]


def test_no_limit_is_said_in_a_word() -> None:
    assert rate_limit("off") is None


@pytest.mark.parametrize("text", ["", "100", "0/min", "-1/min", "1.5/min", "100/day", "min/100"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="such as 100/min"):
        rate_limit(text)


@pytest.mark.parametrize(
    ("address", "subject"),
    [
        ("203.0.113.9", "address 203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "address 2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", "address 203.0.113.9"),
        ("", "address unknown"),
        ("nonsense", "address unknown"),
    ],
)
def test_who_is_not_signed_in_is_counted_by_address(address: str, subject: str) -> None:
    assert subject_of(None, address) == subject


def test_a_user_is_counted_wherever_they_are() -> None:
    user = SimpleNamespace(pk=7)
    assert subject_of(user, "203.0.113.9") == subject_of(user, "203.0.113.10") == "user 7"
