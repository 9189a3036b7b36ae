"""Two people who make the same thing at the same time, each in a session of their own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from loaders.exceptions import ValidationFailedError
from loaders.models import Loader, SourceDatabase
from tests.support.definitions import make_draft, make_source
from tests.support.people import People

pytestmark = pytest.mark.usefixtures("committed_db")


def test_of_two_loaders_with_one_code_one_is_made() -> None:
    people = People()
    source = make_source(people)
    lost = loser_of(lambda: make_draft(people, source))
    assert list(lost.details["errors"]) == ["loader_code"]
    assert Loader.objects.count() == 1


def test_of_two_sources_with_one_code_one_is_made() -> None:
    people = People()
    lost = loser_of(lambda: make_source(people))
    assert list(lost.details["errors"]) == ["db_code"]
    assert SourceDatabase.objects.count() == 1


def loser_of(act: Callable[[], object]) -> ValidationFailedError:
    """Act twice, the second time while the first has not committed; what the second got."""
    errors: list[Exception] = []

    def second() -> None:
        try:
            act()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            errors.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=second)
    with transaction.atomic():
        act()
        thread.start()
        wait_until_somebody_waits()
    thread.join()
    (error,) = errors
    assert isinstance(error, ValidationFailedError), repr(error)
    return error


def wait_until_somebody_waits() -> None:
    """Until the other session has passed its checks and waits for this one's unique key."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid IN "
                "(SELECT pid FROM pg_stat_activity WHERE datname = current_database())"
            )
            if cursor.fetchone() != (0,):
                return
        time.sleep(0.02)
    raise AssertionError("the second session never came to wait")
