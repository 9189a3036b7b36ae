"""Each encrypted field binds its text to its own table and column."""

from __future__ import annotations

import pytest
from django.apps import apps

from core.encrypted_fields import EncryptedTextField
from core.keyring import DecryptionError, keyring
from execution.models import Trial
from loaders.models import EvidencePack


def fields() -> list[tuple[str, str, EncryptedTextField]]:
    """Table, column and field, of all models."""
    return [
        (model._meta.db_table, str(field.column), field)
        for model in apps.get_models(include_auto_created=True)
        for field in model._meta.concrete_fields
        if isinstance(field, EncryptedTextField)
    ]


def test_every_place_is_the_table_and_column_or_those_of_the_model_that_a_history_follows() -> None:
    named = {f"{table}.{column}": field.place for table, column, field in fields()}
    assert len(named) > 8
    own = {place for name, place in named.items() if name == place}
    histories = {name: place for name, place in named.items() if name != place}
    assert set(named.values()) == own
    assert all(name.split(".")[0].endswith("_history") for name in histories), histories
    for name, place in histories.items():
        assert name.split(".")[1] == place.split(".")[1]


def test_a_text_moved_to_a_column_of_the_same_name_in_another_table_does_not_open() -> None:
    trial = Trial(report="rows", definition="{}")
    field = Trial._meta.get_field("report")
    envelope = field.pre_save(trial, add=True).envelope
    pack = EvidencePack(id=trial.id)
    other = EvidencePack._meta.get_field("report")
    assert keyring().decrypt(envelope, binding=field.binding_of(trial)) == "rows"
    with pytest.raises(DecryptionError):
        keyring().decrypt(envelope, binding=other.binding_of(pack))
