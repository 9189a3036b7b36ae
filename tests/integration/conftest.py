"""A scene that many tests only look at is made once a file."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

import pytest
from django.db import transaction
from pytest_django.plugin import DjangoDbBlocker

from tests.support.evidence import packs_complete_at_once
from tests.support.place import Place


@pytest.fixture(scope="module")
def module_transaction(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[DjangoDbBlocker]:
    """A transaction around all tests of a file: what is written in it before a test stands there
    for each of them, what a test writes is undone by the test's own savepoint. Not for files with
    tests that commit."""
    with django_db_blocker.unblock():
        around = transaction.atomic()
        around.__enter__()
    yield django_db_blocker
    with django_db_blocker.unblock():
        transaction.set_rollback(True)
        around.__exit__(None, None, None)


@pytest.fixture(scope="module")
def one_of_everything(module_transaction: DjangoDbBlocker) -> Place:
    """The place of a file's tests."""
    with module_transaction.unblock(), packs_complete_at_once():
        return Place()


@pytest.fixture
def place(one_of_everything: Place, db: None) -> Place:
    """One of everything that has a page; whatever the test does to it, the next one has it anew."""
    return deepcopy(one_of_everything)
