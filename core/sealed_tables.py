"""Where the keyring's work is stored: every column of ciphertexts and of keyed digests (spec 11).

Found by the app registry, version history included, so that a new encrypted field needs no entry
in a list to be re-encrypted with the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db.models import Count, F, Func, Model, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast

from core.encrypted_fields import Ciphertext, EncryptedTextField
from core.keyring import SEALED_TEXT, keyring

KEYED_DIGESTS = "KEYED_DIGESTS"
"""Attribute by which a model class names its fields that hold digests of the keyring. If they can
be made anew under another key, it has a method `renewed_digests()` too, which gives the new texts
by field, of those only whose stored ones verify. Without it they need their key for ever."""


@dataclass(frozen=True)
class SealedTable:
    """One table that holds ciphertexts or keyed digests."""

    model: type[Model]
    encrypted: tuple[EncryptedTextField, ...]
    digests: tuple[str, ...]
    """Those that can be made anew under another key."""

    lasting: tuple[str, ...] = ()
    """Digests that can't, as in append-only tables: they are counted and left alone."""

    @property
    def name(self) -> str:
        """As the database calls it."""
        return self.model._meta.db_table  # noqa: SLF001

    @property
    def fields(self) -> tuple[str, ...]:
        """Its fields that rotation writes."""
        return (*(field.attname for field in self.encrypted), *self.digests)

    def column(self, field: str) -> str:
        """The field as the database calls it."""
        return str(self.model._meta.get_field(field).column)  # type: ignore[union-attr] # noqa: SLF001

    def rows(self) -> QuerySet[Any]:
        """All its rows, by primary key: whole where digests cover them, else what is encrypted."""
        rows = self.model._base_manager.order_by("pk")  # noqa: SLF001
        is_whole = self.digests or not self.encrypted
        return rows if is_whole else rows.only("pk", "id", *self.fields)

    def sealed_rows(self) -> QuerySet[Any]:
        """Rows with at least one ciphertext or digest."""
        return self._where(self._has_value)

    def old_rows(self) -> QuerySet[Any]:
        """Rows with a ciphertext or digest that is not the first key's: another key's, or none's
        because somebody altered it."""
        return self._where(lambda field: self._has_value(field) & ~self._is_new(field))

    def key_ids(self, fields: tuple[str, ...]) -> Counter[str | None]:
        """How many texts of these fields name each key; None where the text is neither ciphertext
        nor digest."""
        found: Counter[str | None] = Counter()
        for field in fields:
            named = Func(
                _text(field), Value(SEALED_TEXT), function="substring", output_field=TextField()
            )
            texts = self._where(self._has_value, (field,)).order_by().annotate(key_id=named)
            for key_id, count in texts.values_list("key_id").annotate(count=Count("*")):
                found[key_id] += count
        return found

    def old_texts(self, row: Model) -> dict[str, str]:
        """The row's ciphertexts and digests that are not the first key's, by field."""
        found = {}
        for field in self.fields:
            value = row.__dict__[field]
            text = value.envelope if isinstance(value, Ciphertext) else value
            is_nothing = text is None or (text == "" and not self._is_encrypted(field))
            if not is_nothing and not text.startswith(self._start(field)):
                found[field] = text
        return found

    def _where(
        self, condition: Callable[[str], Q], fields: tuple[str, ...] | None = None
    ) -> QuerySet[Any]:
        """Rows where one of the fields meets the condition."""
        wanted = self.fields if fields is None else fields
        if not wanted:
            return self.rows().none()
        texts = {f"text_of_{field}": _text(field) for field in wanted}
        any_of = Q()
        for field in wanted:
            any_of |= condition(field)
        rows: QuerySet[Any] = self.rows().alias(**texts).filter(any_of)
        return rows

    def _has_value(self, field: str) -> Q:
        """An empty digest is none; an empty ciphertext is a damaged one."""
        is_stored = Q(**{f"text_of_{field}__isnull": False})
        if self._is_encrypted(field):
            return is_stored
        return is_stored & ~Q(**{f"text_of_{field}": ""})

    def _is_new(self, field: str) -> Q:
        return Q(**{f"text_of_{field}__startswith": self._start(field)})

    def _start(self, field: str) -> str:
        ring = keyring()
        return ring.envelope_start if self._is_encrypted(field) else ring.digest_start

    def _is_encrypted(self, field: str) -> bool:
        return any(encrypted.attname == field for encrypted in self.encrypted)


def sealed_tables() -> list[SealedTable]:
    """All of them, by name."""
    found = []
    for model in apps.get_models(include_auto_created=True):
        if model._meta.proxy:  # noqa: SLF001
            continue
        encrypted = tuple(
            field
            for field in model._meta.local_concrete_fields  # noqa: SLF001
            if isinstance(field, EncryptedTextField)
        )
        digests = tuple(getattr(model, KEYED_DIGESTS, ()))
        if hasattr(model, "renewed_digests"):
            found.append(SealedTable(model, encrypted, digests))
        elif encrypted or digests:
            found.append(SealedTable(model, encrypted, (), digests))
    return sorted(found, key=lambda table: table.name)


def _text(field: str) -> Cast:
    """A column as plain text: an encrypted field refuses to be searched."""
    return Cast(F(field), TextField())
