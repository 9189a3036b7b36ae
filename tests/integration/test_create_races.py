"""Two people who make the same thing at the same time, each in a session of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from loaders.exceptions import ValidationFailedError
from loaders.models import Loader, SourceDatabase
from tests.support.definitions import make_draft, make_source
from tests.support.people import People
from tests.support.replica import wait_until
from tests.support.waiting import somebody_waits

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
        wait_until(somebody_waits, seconds=20, what="the second has passed its checks and waits")
    thread.join()
    (error,) = errors
    assert isinstance(error, ValidationFailedError), repr(error)
    return error
