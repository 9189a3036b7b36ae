"""Encrypted model fields: AES-256-GCM, bound to column and row (spec 11).

They build on django-fernet-encrypted-fields and replace what 0.4.0 does wrong for us: its Fernet
is AES-128; it hands out ciphertext as value when a key is wrong; and its `clean()` leaves a flag
on the shared field when validation fails, after which reads return ciphertext and the next save
encrypts twice.

A loaded instance keeps the ciphertext; reading the attribute decrypts it each time, so that a
plaintext lives no longer than its reader. `values()` and `dumpdata` see ciphertext only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models.query_utils import DeferredAttribute
from encrypted_fields.fields import EncryptedTextField as FernetTextField

from core.keyring import ENVELOPE_PREFIX, DecryptionError, keyring

if TYPE_CHECKING:
    _TextField = models.TextField[Any, Any]
else:
    _TextField = FernetTextField

_ENVELOPE = re.compile(rf"{ENVELOPE_PREFIX}:[0-9a-f]{{8}}:[A-Za-z0-9_-]+={{0,2}}\Z")


_sealed: ContextVar[bool] = ContextVar("sealed", default=False)


@contextmanager
def sealed() -> Iterator[None]:
    """Read encrypted attributes as ciphertext here: for copying them within their row."""
    token = _sealed.set(True)
    try:
        yield
    finally:
        _sealed.reset(token)


class Ciphertext:
    """An encrypted value as the database holds it. Prints as nothing useful, on purpose."""

    __slots__ = ("envelope",)

    def __init__(self, envelope: str) -> None:
        self.envelope = envelope

    def __repr__(self) -> str:
        return "<encrypted>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ciphertext) and other.envelope == self.envelope

    def __hash__(self) -> int:
        return hash(self.envelope)


class FixtureCiphertext(Ciphertext):
    """An encrypted value out of a fixture. A raw save, as `loaddata` makes, stores what reading
    the attribute gives; so it stays sealed until the row is read from the database."""

    __slots__ = ()


class EncryptedAttribute(DeferredAttribute):
    """Decrypts on reading, for the very row that the value belongs to."""

    field: EncryptedTextField

    def __get__(self, instance: models.Model | None, cls: type | None = None) -> Any:
        if instance is None:
            return self
        value = instance.__dict__.get(self.field.attname, self)
        if value is self:
            value = super().__get__(instance, cls)
        if _sealed.get() or isinstance(value, FixtureCiphertext):
            return value
        if isinstance(value, Ciphertext):
            return keyring().decrypt(value.envelope, binding=self.field.binding_of(instance))
        return value

    def __set__(self, instance: models.Model, value: Any) -> None:
        instance.__dict__[self.field.attname] = value


class EncryptedTextField(_TextField):
    """Text that is stored encrypted.

    `place` names table and column in the associated data; history tables share it with their model,
    as they share the row's UUID (`id`), so that a copied ciphertext opens in both and nowhere else.
    (Not called `column`: Django writes the bare column into every field's attribute of that name.)
    """

    descriptor_class = EncryptedAttribute

    def __init__(self, *args: Any, place: str, **kwargs: Any) -> None:
        self.place = place
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "place": self.place}

    def binding_of(self, instance: models.Model) -> str:
        """Associated data of this field in this row."""
        return f"{self.place}:{instance.__dict__['id']}"

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:  # noqa: FBT001
        """Encrypt a new plaintext; leave a stored ciphertext as it is."""
        value = model_instance.__dict__.get(self.attname)
        if isinstance(value, str):
            envelope = keyring().encrypt(value, binding=self.binding_of(model_instance))
            value = model_instance.__dict__[self.attname] = Ciphertext(envelope)
        return value

    def get_prep_value(self, value: Any) -> Any:
        """Only ciphertext reaches the database; a plaintext in a filter or update is a defect."""
        if value is None:
            return None
        if isinstance(value, Ciphertext):
            return value.envelope
        raise TypeError(f"{self.place} is encrypted: save the instance, do not filter or update")

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return None if value is None else Ciphertext(value)

    def to_python(self, value: Any) -> Any:
        """What a deserializer calls, and nobody else: an envelope in a fixture is ciphertext."""
        if isinstance(value, str) and _ENVELOPE.fullmatch(value):
            return FixtureCiphertext(value)
        return value

    def clean(self, value: Any, model_instance: models.Model | None) -> Any:
        """Check a plaintext. It is one even if it looks like an envelope: a person typed it."""
        text = models.TextField.to_python(self, value)
        self.validate(text, model_instance)
        self.run_validators(text)
        return text

    def value_from_object(self, obj: models.Model) -> Any:
        """What a form starts from: an empty text where the stored one can't be read, so that
        somebody can enter it anew."""
        return "" if self.attname in unreadable(obj) else getattr(obj, self.attname)

    def value_to_string(self, obj: models.Model) -> str:
        """What `dumpdata` writes: ciphertext."""
        value = obj.__dict__.get(self.attname)
        if isinstance(value, str):
            return keyring().encrypt(value, binding=self.binding_of(obj))
        return value.envelope if isinstance(value, Ciphertext) else ""


def unreadable(instance: models.Model) -> dict[str, DecryptionError]:
    """The encrypted fields of a row whose stored text can't be decrypted, and why not."""
    found = {}
    for field in instance._meta.concrete_fields:  # noqa: SLF001
        if isinstance(field, EncryptedTextField):
            try:
                getattr(instance, field.attname)
            except DecryptionError as error:
                found[field.attname] = error
    return found
