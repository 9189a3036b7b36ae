"""What the database shows of secrets, on the wire of SQL: nothing (issue of the first story)."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.serializers import serialize
from django.db import ProgrammingError, connection, transaction

from core.encrypted_fields import Ciphertext
from core.keyring import DecryptionError
from loaders.models import Loader, SourceDatabase
from loaders.services import create_loader, create_source, submit, update_loader, update_source
from tests.support.people import People
from tests.support.scenes import order_sql

pytestmark = pytest.mark.django_db

SECRET = "planted-password"
MARKER = "planted_marker_in_sql"
TABLES = (
    "source_databases",
    "source_databases_history",
    "loader",
    "loader_definition_history",
    "loader_version",
    "audit_event",
    "load_history",
)


@pytest.fixture
def people() -> People:
    return People()


@pytest.fixture
def source(people: People) -> SourceDatabase:
    return create_source(
        user=people.admin,
        values={
            "db_code": "SHOP",
            "db_type": "POSTGRESQL",
            "host": "db.example",
            "port": 5432,
            "db_name": "shop",
            "user_name": "reader",
            "password": SECRET,
        },
    )


@pytest.fixture
def loader(people: People, source: SourceDatabase) -> Loader:
    sql = order_sql("POSTGRESQL").replace("FROM orders", f"FROM {MARKER}")
    made = create_loader(
        user=people.operator,
        values={
            "loader_code": "ORDERS",
            "source_database": source,
            "loader_sql": sql,
            "is_test": True,
        },
    )
    submit(user=people.operator, loader=made)
    return made


def everything_stored() -> str:
    """All rows of the tables as text, by SQL."""
    with connection.cursor() as cursor:
        texts = []
        for table in TABLES:
            cursor.execute(f"SELECT coalesce(string_agg(t::text, '|'), '') FROM {table} t")
            texts.append(cursor.fetchone()[0])
    return "\n".join(texts)


def test_select_shows_no_sql_and_no_password(
    people: People, source: SourceDatabase, loader: Loader
) -> None:
    update_source(user=people.admin, source=source, values={"password": SECRET + "-2"})
    update_loader(
        user=people.operator,
        loader=loader,
        values={"loader_sql": order_sql("POSTGRESQL").replace("orders", MARKER)},
    )
    stored = everything_stored()
    assert "SHOP" in stored
    assert "ORDERS" in stored
    assert SECRET not in stored
    assert MARKER not in stored


def test_the_values_read_back_and_history_rows_do_too(
    source: SourceDatabase, loader: Loader
) -> None:
    assert SourceDatabase.objects.get().password == SECRET
    assert SourceDatabase.history.get().password == SECRET
    assert MARKER in Loader.objects.get().loader_sql
    assert MARKER in Loader.history.first().loader_sql


def test_values_and_dumps_hold_ciphertext_only(source: SourceDatabase, loader: Loader) -> None:
    value: Any = SourceDatabase.objects.values_list("password", flat=True).get()
    assert isinstance(value, Ciphertext)
    assert repr(value) == "<encrypted>"
    dump = io.StringIO()
    call_command("dumpdata", "loaders", stdout=dump)
    assert SECRET not in dump.getvalue()
    assert MARKER not in dump.getvalue()


def test_a_ciphertext_copied_to_another_row_is_an_error_not_a_value(
    people: People, source: SourceDatabase
) -> None:
    other = create_source(
        user=people.admin,
        values={
            "db_code": "OTHER",
            "db_type": "MYSQL",
            "host": "db",
            "port": 3306,
            "db_name": "x",
            "user_name": "x",
            "password": "x",
        },
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE source_databases SET pass_word = "
            "(SELECT pass_word FROM source_databases WHERE db_code = 'SHOP') "
            "WHERE db_code = 'OTHER'"
        )
    other = SourceDatabase.objects.get(pk=other.pk)
    with pytest.raises(DecryptionError, match="changed or moved"):
        _ = other.password


def test_a_failed_validation_leaves_reading_and_saving_intact(source: SourceDatabase) -> None:
    """The library's own field returned ciphertext after that, and encrypted twice."""
    field: Any = SourceDatabase._meta.get_field("password")
    with pytest.raises(ValidationError):
        field.clean(None, source)
    assert SourceDatabase.objects.get().password == SECRET
    source.save()
    assert SourceDatabase.objects.get().password == SECRET


def test_saving_again_keeps_the_ciphertext(source: SourceDatabase) -> None:
    before = stored_password()
    again = SourceDatabase.objects.get()
    again.port = 5433
    again.save()
    assert stored_password() == before


def test_a_text_that_looks_like_an_envelope_is_a_plaintext_when_a_person_typed_it(
    people: People, source: SourceDatabase
) -> None:
    for typed in ("lp1:01234567:abcd", stored_password().envelope):
        update_source(user=people.admin, source=source, values={"password": typed})
        assert SourceDatabase.objects.get().password == typed
        assert stored_password().envelope != typed


def test_a_dump_loads_back_and_only_it_may_bring_ciphertext(
    source: SourceDatabase, loader: Loader, tmp_path: Path
) -> None:
    dump, sql = tmp_path / "dump.json", Loader.objects.get().loader_sql
    call_command("dumpdata", "loaders.sourcedatabase", "loaders.loader", output=str(dump))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE source_databases SET pass_word = 'lost', port = 1")
        cursor.execute("UPDATE loader SET loader_sql = 'lost'")
    call_command("loaddata", str(dump), verbosity=0)
    assert SourceDatabase.objects.get().password == SECRET
    assert SourceDatabase.objects.get().port == 5432
    assert Loader.objects.get().loader_sql == sql


def test_a_dump_keeps_a_damaged_value_as_it_is(source: SourceDatabase) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE source_databases SET pass_word = 'damaged'")
    assert '"password": "damaged"' in serialize("json", SourceDatabase.objects.all())


def stored_password() -> Any:
    return SourceDatabase.objects.values_list("password", flat=True).get()


def test_a_plaintext_in_an_update_or_filter_is_a_defect(source: SourceDatabase) -> None:
    with pytest.raises(TypeError, match="encrypted"):
        SourceDatabase.objects.filter(password=SECRET).exists()
    with pytest.raises(TypeError, match="encrypted"):
        SourceDatabase.objects.update(password="x")


def test_a_deferred_secret_is_decrypted_when_it_is_asked_for(source: SourceDatabase) -> None:
    assert SourceDatabase.objects.defer("password").get().password == SECRET


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_event SET action = 'nothing'",
        "DELETE FROM audit_event",
        "TRUNCATE audit_event",
        "ALTER TABLE audit_event DISABLE TRIGGER ALL",
        "DROP TABLE audit_event",
        "TRUNCATE load_history",
        "CREATE TABLE loader.stray (n int)",
    ],
)
def test_the_applications_role_can_not_alter_the_audit_trail_or_any_table(
    source: SourceDatabase, statement: str
) -> None:
    with (
        pytest.raises(ProgrammingError, match=r"permission denied|must be owner"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
