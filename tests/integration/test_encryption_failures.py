"""Every way in which encryption can fail (spec 11): an error each time, never ciphertext shown as
a value, and nothing encrypted twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.forms import ModelForm, modelform_factory

from core.keyring import DecryptionError, LostKeyError
from execution.models import LoadHistory
from loaders import services
from loaders.models import Loader, LoaderVersion, SourceDatabase
from tests.support.commands import manage
from tests.support.definitions import fresh, make_draft, make_source
from tests.support.keys import BOTH, NEW, NEW_ID, OLD, OLD_ID, alter
from tests.support.people import People
from tests.support.scenes import START, order_sql

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(settings: Any) -> People:
    settings.ENCRYPTION_KEY = OLD
    return People()


@pytest.fixture
def loader(people: People) -> Loader:
    made = make_draft(people, make_source(people))
    services.submit(user=people.operator, loader=made)
    services.approve(user=people.approver, loader=made)
    return made


def envelope(table: str, column: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {table}")
        return str(cursor.fetchone()[0])


# --- a failed form validation ------------------------------------------------------------------


def form_of(source: SourceDatabase, **values: str) -> ModelForm[SourceDatabase]:
    form: Any = modelform_factory(SourceDatabase, fields=["port", "password"])
    return form(instance=source, data=values)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "values",
    [
        {"port": "no number", "password": "typed"},
        {"port": "99999", "password": "typed"},
        {"port": "5432", "password": "a\x00b"},
    ],
)
def test_after_a_failed_form_reading_and_saving_go_on_as_before(
    loader: Loader, values: dict[str, str]
) -> None:
    source, before = SourceDatabase.objects.get(), envelope("source_databases", "pass_word")
    assert not form_of(SourceDatabase.objects.get(), **values).is_valid()
    assert source.password == "x"
    assert SourceDatabase.objects.get().password == "x"
    source.save()
    assert envelope("source_databases", "pass_word") == before
    assert SourceDatabase.objects.get().password == "x"


def test_after_a_failed_form_a_good_one_saves_what_was_typed_encrypted_once(
    loader: Loader,
) -> None:
    assert not form_of(SourceDatabase.objects.get(), port="no", password="typed").is_valid()
    form = form_of(SourceDatabase.objects.get(), port="5433", password="typed")
    assert form.is_valid()
    form.save()
    assert SourceDatabase.objects.get().password == "typed"
    assert SourceDatabase.history.first().password == "typed"


# --- a ciphertext that was moved ----------------------------------------------------------------

MOVED: dict[str, tuple[str, Callable[[], Any]]] = {
    "to another source's row": (
        "UPDATE source_databases SET pass_word = (SELECT pass_word FROM source_databases "
        "WHERE db_code = 'SHOP') WHERE db_code = 'OTHER'",
        lambda: SourceDatabase.objects.get(db_code="OTHER").password,
    ),
    "to another source's history": (
        "UPDATE source_databases_history SET pass_word = (SELECT pass_word FROM source_databases "
        "WHERE db_code = 'SHOP') WHERE db_code = 'OTHER'",
        lambda: SourceDatabase.history.filter(db_code="OTHER").first().password,
    ),
    "from a password to SQL": (
        "UPDATE loader SET loader_sql = (SELECT pass_word FROM source_databases LIMIT 1)",
        lambda: Loader.objects.get().loader_sql,
    ),
    "from a version to SQL": (
        "UPDATE loader SET loader_sql = (SELECT definition FROM loader_version)",
        lambda: Loader.objects.get().loader_sql,
    ),
    "from SQL to a version": (
        "UPDATE loader_version SET definition = (SELECT loader_sql FROM loader)",
        lambda: LoaderVersion.objects.get().definition,
    ),
    "to another column of its row": (
        "UPDATE load_history SET stack_trace = source_error",
        lambda: LoadHistory.objects.get().stack_trace,
    ),
}


@pytest.mark.parametrize("name", MOVED)
def test_a_ciphertext_moved_to_another_row_or_column_is_an_error(
    people: People, loader: Loader, name: str
) -> None:
    other: dict[str, Any] = {
        "db_code": "OTHER",
        "db_type": "SIMULATED",
        "password": "other",
        "host": "-",
    }
    other |= {"port": 1, "db_name": "events", "user_name": "-"}
    services.create_source(user=people.admin, values=other)
    LoadHistory.objects.create(
        loader=loader,
        version=LoaderVersion.objects.get(),
        trigger="SCHEDULE",
        start_time=START,
        query_from_time=START,
        query_to_time=START,
        source_error="an error",
        correlation_id="x",
    )
    statement, read = MOVED[name]
    with connection.cursor() as cursor:
        cursor.execute(statement)
    with pytest.raises(DecryptionError, match="changed or moved") as caught:
        read()
    assert not isinstance(caught.value, LostKeyError)


def test_a_ciphertext_moved_within_its_row_and_column_to_history_opens(loader: Loader) -> None:
    """That is what version history does."""
    alter("loader_sql = (SELECT loader_sql FROM loader)", "loader_definition_history")
    assert {row.loader_sql for row in Loader.history.all()} == {order_sql("POSTGRESQL")}


# --- a lost key, a key still needed -------------------------------------------------------------


def test_with_a_lost_key_nothing_is_read_and_nothing_is_lost(
    people: People, loader: Loader, settings: Any
) -> None:
    settings.ENCRYPTION_KEY = NEW
    reads: tuple[Callable[[], Any], ...] = (
        lambda: SourceDatabase.objects.get().password,
        lambda: SourceDatabase.history.first().password,
        lambda: fresh(loader).loader_sql,
        lambda: Loader.history.first().loader_sql,
        lambda: LoaderVersion.objects.get().definition,
    )
    for read in reads:
        with pytest.raises(LostKeyError, match=f"key {OLD_ID}, which is not in ENCRYPTION_KEY"):
            read()
    services.disable(user=people.operator, loader=loader)
    settings.ENCRYPTION_KEY = OLD
    assert fresh(loader).loader_sql == order_sql("POSTGRESQL")
    assert Loader.history.first().loader_sql == order_sql("POSTGRESQL")


def test_an_old_key_behind_the_new_one_reads_and_the_new_one_writes(
    people: People, loader: Loader, settings: Any
) -> None:
    settings.ENCRYPTION_KEY = BOTH
    assert fresh(loader).loader_sql == order_sql("POSTGRESQL")
    assert envelope("loader", "loader_sql").startswith(f"lp1:{OLD_ID}:")
    source = SourceDatabase.objects.get()
    services.update_source(user=people.admin, source=source, values={"password": "y"})
    assert envelope("source_databases", "pass_word").startswith(f"lp1:{NEW_ID}:")
    services.approved_definition(fresh(loader))


def test_an_old_key_taken_out_though_needed_is_named_where_a_source_is_tried(
    people: People, loader: Loader, settings: Any
) -> None:
    settings.ENCRYPTION_KEY = NEW
    outcome = manage("check_sources", "SHOP", "--json")
    assert outcome.code == 1
    (result,) = outcome.document()["results"]
    assert result["code"] == "DECRYPTION_FAILED"
    assert OLD_ID in result["message"]
    assert manage("rotate_keys", "--dry-run").code == 1
    settings.ENCRYPTION_KEY = BOTH
    assert manage("rotate_keys").code == 0


def test_a_key_that_never_was_one_is_refused_and_not_repeated(
    loader: Loader, settings: Any
) -> None:
    settings.ENCRYPTION_KEY = "not-a-key"
    with pytest.raises(ValueError, match="a key must be") as caught:
        _ = fresh(loader).loader_sql
    assert "not-a-key" not in str(caught.value)
