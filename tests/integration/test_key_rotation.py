"""`manage.py rotate_keys`: all comes under the first key, and nothing else happens to it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import connection

from audit.models import AuditEvent
from core.sealed_tables import KEYED_DIGESTS, sealed_tables
from execution.models import LoadHistory, RunStatus, Trigger
from loaders import services
from loaders.models import Loader, LoaderVersion, SourceDatabase
from tests.support.commands import manage
from tests.support.definitions import fresh, make_draft, make_source
from tests.support.keys import BOTH, NEW, NEW_ID, OLD, OLD_ID, alter, rows_of, values_under
from tests.support.people import People
from tests.support.scenes import START, order_sql

pytestmark = pytest.mark.django_db

SOURCE_ERROR = "relation planted_marker does not exist"
SEALED = {
    "source_databases": ("pass_word",),
    "source_databases_history": ("pass_word",),
    "loader": ("loader_sql",),
    "loader_definition_history": ("loader_sql",),
    "loader_version": ("definition", "digest", "approval_seal"),
    "load_history": ("source_error", "stack_trace"),
}


@pytest.fixture
def people() -> People:
    return People()


@pytest.fixture
def loader(people: People, settings: Any) -> Loader:
    """Approved once, approved again after an edit, and failed once; all under the old key, which
    stands behind the new one now."""
    settings.ENCRYPTION_KEY = OLD
    made = make_draft(people, make_source(people))
    for lateness in (60, 120):
        values = {"lateness_seconds": lateness}
        services.update_loader(user=people.operator, loader=made, values=values)
        services.submit(user=people.operator, loader=made)
        services.approve(user=people.approver, loader=made)
    version = LoaderVersion.objects.get(number=2)
    LoadHistory.objects.create(
        loader=made,
        version=version,
        trigger=Trigger.SCHEDULE,
        status=RunStatus.FAILED,
        source_db_code="SHOP",
        start_time=START,
        query_from_time=START,
        query_to_time=START + timedelta(hours=1),
        source_error=SOURCE_ERROR,
        correlation_id="x",
    )
    settings.ENCRYPTION_KEY = BOTH
    return fresh(made)


# --- what it does -------------------------------------------------------------------------------


def test_everything_is_readable_by_the_new_key_alone_and_the_approved_loader_may_run(
    loader: Loader, settings: Any
) -> None:
    outcome = manage("rotate_keys")
    assert outcome.code == 0, outcome
    assert values_under(OLD_ID) == 0
    settings.ENCRYPTION_KEY = NEW
    assert SourceDatabase.objects.get().password == "x"
    assert {row.password for row in SourceDatabase.history.all()} == {"x"}
    assert fresh(loader).loader_sql == order_sql("POSTGRESQL")
    assert {row.loader_sql for row in Loader.history.all()} == {order_sql("POSTGRESQL")}
    history = LoadHistory.objects.get()
    assert (history.source_error, history.stack_trace) == (SOURCE_ERROR, None)
    version, definition = services.approved_definition(fresh(loader))
    assert (version.number, definition["lateness_seconds"]) == (2, 120)


def test_an_old_version_is_restored_and_a_waiting_one_approved_after_the_old_key_is_gone(
    people: People, loader: Loader, settings: Any
) -> None:
    values = {"lateness_seconds": 180}
    settings.ENCRYPTION_KEY = OLD
    services.update_loader(user=people.operator, loader=loader, values=values)
    services.submit(user=people.operator, loader=loader)
    settings.ENCRYPTION_KEY = BOTH
    assert manage("rotate_keys").code == 0
    settings.ENCRYPTION_KEY = NEW
    services.approve(user=people.approver, loader=loader)
    assert services.approved_definition(fresh(loader))[0].number == 3
    restored = services.restore_version(user=people.operator, loader=loader, number=1)
    assert fresh(restored).lateness_seconds == 60


def test_a_version_submitted_under_one_key_and_approved_under_the_other_stays_approved(
    people: People, loader: Loader, settings: Any
) -> None:
    settings.ENCRYPTION_KEY = OLD
    values = {"lateness_seconds": 180}
    services.update_loader(user=people.operator, loader=loader, values=values)
    services.submit(user=people.operator, loader=loader)
    settings.ENCRYPTION_KEY = BOTH
    services.approve(user=people.approver, loader=loader)
    assert manage("rotate_keys").code == 0
    settings.ENCRYPTION_KEY = NEW
    assert services.approved_definition(fresh(loader))[0].number == 3


def test_nothing_but_sealed_texts_changes_and_no_history_row_is_written(loader: Loader) -> None:
    before = {table: rows_of(table, columns) for table, columns in SEALED.items()}
    assert manage("rotate_keys").code == 0
    assert {table: rows_of(table, columns) for table, columns in SEALED.items()} == before


def test_a_second_run_finds_nothing_to_do(loader: Loader) -> None:
    manage("rotate_keys")
    before = [rows_of(table) for table in SEALED]
    document = manage("rotate_keys", "--json").document()
    assert [table["rotated"] for table in document["tables"]] == [0] * len(document["tables"])
    assert document["remaining"] == 0
    assert [rows_of(table) for table in SEALED] == before


def test_every_column_that_holds_a_sealed_text_is_known_to_it(loader: Loader) -> None:
    """Whoever stores a ciphertext or a keyed digest anywhere else finds out here."""
    holding = set()
    with connection.cursor() as cursor:
        for model in apps.get_models(include_auto_created=True):
            table = model._meta.db_table
            cursor.execute(
                f"SELECT DISTINCT each.key FROM {connection.ops.quote_name(table)} t, "
                "jsonb_each_text(to_jsonb(t)) each WHERE each.value ~ '(lp1|hs1):[0-9a-f]{8}:'"
            )
            holding |= {(table, row[0]) for row in cursor.fetchall()}
    known = {
        (table.name, table.column(field))
        for table in sealed_tables()
        for field in (*table.fields, *table.lasting)
    }
    assert holding <= known
    assert {(table, column) for table, columns in SEALED.items() for column in columns} <= known
    assert len(holding) >= len(SEALED)


# --- what it says -------------------------------------------------------------------------------


def test_its_audit_event_tells_counts_and_key_ids_and_no_key(
    people: People, loader: Loader
) -> None:
    manage("rotate_keys", as_user=people.admin)
    event = AuditEvent.objects.get(action="keys.rotate")
    assert event.actor == people.admin
    assert event.after["keyId"] == NEW_ID
    assert event.after["keysNeeded"] == [NEW_ID]
    assert event.after["rotated"]["loader_version"] == 2
    assert (event.after["outcome"], event.after["problems"]) == ("finished", 0)
    assert OLD not in str(event.after)
    assert NEW not in str(event.after)


def test_a_dry_run_counts_by_key_and_writes_nothing(loader: Loader) -> None:
    before = [rows_of(table) for table in SEALED]
    sealed = values_under(OLD_ID)
    document = manage("rotate_keys", "--dry-run", "--json").document()
    assert document["dryRun"] is True
    assert document["keysStillNeeded"] == [NEW_ID, OLD_ID]
    assert document["keys"] == [
        {"keyId": NEW_ID, "place": "FIRST", "values": 0, "neededFor": 0}
        | {"lasting": 0, "isNeeded": True},
        {"keyId": OLD_ID, "place": "OTHER", "values": sealed, "neededFor": sealed}
        | {"lasting": 0, "isNeeded": True},
    ]
    remaining = {table["table"]: table["remaining"] for table in document["tables"]}
    assert remaining["loader_version"] == 2
    assert sum(remaining.values()) == document["remaining"]
    assert [rows_of(table) for table in SEALED] == before
    assert not AuditEvent.objects.filter(action="keys.rotate").exists()


def test_it_says_when_an_old_key_may_go(loader: Loader) -> None:
    before = manage("rotate_keys", "--dry-run").out
    assert f"Keys still needed: {NEW_ID}, {OLD_ID}." in before
    assert "May be taken out" not in before
    after = manage("rotate_keys").out
    assert f"Keys still needed: {NEW_ID}." in after
    assert f"May be taken out of ENCRYPTION_KEY: {OLD_ID}." in after


def test_a_bar_on_standard_error_shows_how_far_it_is(loader: Loader) -> None:
    outcome = manage("rotate_keys", "--batch", "2")
    shares = [int(found) for found in re.findall(r"\[#*-*\] (\d+)% of", outcome.err)]
    assert len(shares) > 3
    assert shares == sorted(shares)
    assert shares[-1] == 100
    assert manage("rotate_keys", "--json").err == ""


@pytest.mark.parametrize("words", ["0", "-1", "10001", "many"])
def test_a_batch_of_no_sensible_size_is_a_matter_of_usage(words: str) -> None:
    assert manage("rotate_keys", "--batch", words).code == 2


def test_a_digest_in_an_append_only_table_is_left_alone_and_keeps_its_key_needed(
    people: People, loader: Loader, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = f"hs1:{OLD_ID}:{'0' * 40}"
    AuditEvent.objects.create(
        actor_name="system",
        action="x",
        object_type="x",
        object_id="x",
        correlation_id=signed,
    )
    monkeypatch.setattr(AuditEvent, KEYED_DIGESTS, ("correlation_id",), raising=False)
    outcome = manage("rotate_keys", "--json")
    assert outcome.code == 0
    document = outcome.document()
    assert document["keysStillNeeded"] == [NEW_ID, OLD_ID]
    assert [(each["neededFor"], each["lasting"]) for each in document["keys"]][1] == (1, 1)
    assert AuditEvent.objects.filter(correlation_id=signed).count() == 1


# --- what can't be rotated ----------------------------------------------------------------------


def test_what_is_damaged_is_listed_by_place_and_stops_nothing(loader: Loader) -> None:
    alter("pass_word = 'a plain password'", "source_databases")
    alter("source_error = overlay(source_error placing 'AAAA' from 30)", "load_history")
    outcome = manage("rotate_keys", "--json")
    assert outcome.code == 1
    document = outcome.document()
    source, history = SourceDatabase.objects.get(), LoadHistory.objects.get()
    assert document["problems"] == [
        {"table": "load_history", "column": "source_error", "row": str(history.pk)}
        | {"fault": "DAMAGED", "keyId": OLD_ID},
        {"table": "source_databases", "column": "pass_word", "row": str(source.pk)}
        | {"fault": "DAMAGED", "keyId": None},
    ]
    assert document["keysStillNeeded"] == [NEW_ID]
    assert "a plain password" not in outcome.out + manage("rotate_keys").out
    assert values_under(OLD_ID) == 1
    assert rows_of("source_databases")[0].count("a plain password") == 1


def test_a_lost_key_is_named_and_the_rest_is_rotated(loader: Loader, settings: Any) -> None:
    manage("rotate_keys")
    settings.ENCRYPTION_KEY = NEW
    alter(f"pass_word = regexp_replace(pass_word, '{NEW_ID}', '{OLD_ID}')", "source_databases")
    outcome = manage("rotate_keys")
    assert outcome.code == 1
    assert f"Needed, but not in ENCRYPTION_KEY: {OLD_ID}." in outcome.out
    problems = manage("rotate_keys", "--json").document()["problems"]
    assert [(each["fault"], each["keyId"]) for each in problems] == [("LOST_KEY", OLD_ID)]


def test_an_old_key_taken_out_too_early_is_asked_for_and_then_does_its_work(
    loader: Loader, settings: Any
) -> None:
    settings.ENCRYPTION_KEY = NEW
    outcome = manage("rotate_keys", "--json")
    assert outcome.code == 1
    assert {each["fault"] for each in outcome.document()["problems"]} == {"LOST_KEY"}
    assert values_under(NEW_ID) == 0
    settings.ENCRYPTION_KEY = BOTH
    assert manage("rotate_keys").code == 0
    assert values_under(OLD_ID) == 0
