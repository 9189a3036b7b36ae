"""Lock-out after failed sign-ins: five in a quarter of an hour, over console and API (spec 1).

What is locked is the name, for addresses that its owner is not known to come from. For an address
from which the name signed in within a month, the count is its own: so nobody can lock somebody else
out of their usual place by failing under their name elsewhere, and many addresses together still
have no more than five tries at a name. Counted by PostgreSQL's clock, in axes' tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from axes.handlers.base import AxesHandler
from axes.models import AccessFailureLog, AccessLog
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.db.models import Max, QuerySet
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from audit.services import record
from core.clock import ClockTimestamp

FAILURES = 5
WITHIN = timedelta(minutes=15)
"""In which the failures count, and how long a lock-out lasts."""

KNOWN_FOR = timedelta(days=30)
"""How long an address is known after a sign-in from it."""

_FAILURES_KEPT = timedelta(days=1)


@dataclass(frozen=True)
class Attempt:
    """A try to sign in: under which name, and from where."""

    name: str
    """That of a user; else a keyed hash, since what was typed may be a password."""

    is_user: bool
    address: str | None
    is_known: bool
    """Whether the user signed in from the address before."""

    @classmethod
    def at(cls, request: HttpRequest, typed: str) -> Self:
        """The try that a request makes under the name that was typed."""
        is_user = get_user_model().objects.filter(username=typed).exists()
        name = typed if is_user else f"#{salted_hmac(__name__, typed).hexdigest()}"
        address = request.META.get("REMOTE_ADDR") or None
        known = is_user and _known_addresses(name).filter(ip_address=address).exists()
        return cls(name, is_user, address, known)

    @property
    def scope(self) -> str:
        """What is counted, and locked, together."""
        return f"sign-in {self.name} {self.address if self.is_known else 'elsewhere'}"

    def failures(self) -> QuerySet[Any]:
        """Those that count, in the scope."""
        failures = _recent_failures(self.name)
        if self.is_known:
            return failures.filter(ip_address=self.address)
        known = _known_addresses(self.name).values("ip_address")
        return failures.exclude(ip_address__in=known)

    def locked_until(self) -> datetime | None:
        """When the lock-out of the scope ends; None if it is not locked."""
        return _end_of_lock(self.failures())

    def failed(self) -> bool:
        """Count a failure; whether it locks the scope."""
        row = AccessFailureLog.objects.create(username=self.name, ip_address=self.address)
        rows = AccessFailureLog.objects.filter(pk=row.pk)
        rows.update(attempt_time=ClockTimestamp())  # the library's own would be this host's clock
        locks = self.failures().count() >= FAILURES
        if locks:
            rows.update(locked_out=True)
        return locks

    def succeeded(self) -> None:
        """Forget the scope's failures, and know the address from now on."""
        self.failures().delete()
        if self.address is not None:
            logged = AccessLog.objects.create(username=self.name, ip_address=self.address)
            same = AccessLog.objects.filter(username=self.name, ip_address=self.address)
            same.exclude(pk=logged.pk).delete()
            same.update(attempt_time=ClockTimestamp())


class PortalLockout(AxesHandler):  # type: ignore[misc] # axes is not typed
    """What axes asks on each call of Django's `authenticate`, and tells about its outcome. Within
    a transaction, tries of one scope come one after the other: no more passwords are looked at
    than five, however many tries come at once."""

    def is_allowed(self, request: Any, credentials: dict[str, Any] | None = None) -> bool:
        attempt = _attempt(request, credentials)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [attempt.scope])
        return attempt.locked_until() is None

    def user_login_failed(
        self, sender: Any, credentials: dict[str, Any], request: Any = None, **_: Any
    ) -> None:
        if not request.axes_locked_out:
            request.locks_out = _attempt(request, credentials).failed()

    def reset_attempts(
        self,
        *,
        ip_address: str | None = None,
        username: str | None = None,
        ip_or_username: bool = False,
    ) -> int:
        """What axes' own commands ask for, who know nothing of our audit trail."""
        failures = AccessFailureLog.objects.all()
        if username is not None:
            failures = failures.filter(username=username)
        if ip_address is not None:
            failures = failures.filter(ip_address=ip_address)
        whose = (username or ip_address or "everybody")[:64]
        with transaction.atomic():
            record(actor=None, action="user.unlock", object_type="user", object_id=whose)
            return int(failures.delete()[0])


def lock_ends_at(username: str) -> datetime | None:
    """When the last lock-out of a user's name ends, from wherever; None if there is none."""
    return _end_of_lock(_recent_failures(username))


def forget_failures(username: str) -> int:
    """Let the user try again at once, from wherever; returns how many failures were forgotten."""
    return int(AccessFailureLog.objects.filter(username=username).delete()[0])


def delete_old_attempts() -> int:
    """Delete failures that no longer count and addresses no longer known; returns how many."""
    return sum(int(old.delete()[0]) for old in _old_attempts())


def count_old_attempts() -> int:
    """How many it would delete."""
    return sum(int(old.count()) for old in _old_attempts())


def _old_attempts() -> list[QuerySet[Any]]:
    return [
        AccessFailureLog.objects.filter(attempt_time__lt=ClockTimestamp() - _FAILURES_KEPT),
        AccessLog.objects.filter(attempt_time__lt=ClockTimestamp() - KNOWN_FOR),
    ]


def _attempt(request: Any, credentials: dict[str, Any] | None) -> Attempt:
    return Attempt.at(request, str((credentials or {}).get("username", "")))


def _recent_failures(name: str) -> QuerySet[Any]:
    since = ClockTimestamp() - WITHIN
    found: QuerySet[Any] = AccessFailureLog.objects.filter(username=name, attempt_time__gt=since)
    return found.order_by()


def _known_addresses(name: str) -> QuerySet[Any]:
    since = ClockTimestamp() - KNOWN_FOR
    found: QuerySet[Any] = AccessLog.objects.filter(username=name, attempt_time__gt=since)
    return found.order_by()


def _end_of_lock(failures: QuerySet[Any]) -> datetime | None:
    last: datetime | None = failures.filter(locked_out=True).aggregate(at=Max("attempt_time"))["at"]
    return None if last is None else last + WITHIN
