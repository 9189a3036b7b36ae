"""Acting on a definition only if it is still the one that was looked at (spec 10, If-Match)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.db import transaction

from loaders.etags import etag_of, etags_of
from loaders.exceptions import DefinitionChangedError
from loaders.models import Loader, SourceDatabase

Definition = TypeVar("Definition", Loader, SourceDatabase)

ANY = "*"


@contextmanager
def unchanged(obj: Definition, etags: Collection[str] | None) -> Iterator[Definition]:
    """Hold the row, and give it as it is now, while something is done about it; what is done shares
    one transaction with the look at it, so nobody changes it in between. Without `etags` there is
    no condition, and the row is given as it came. Raises DefinitionChangedError.
    """
    if etags is None:
        yield obj
        return
    with transaction.atomic():
        locked = _locked(obj)
        if ANY not in etags and not etags_of(locked) & set(etags):
            raise DefinitionChangedError(
                f"{locked} is not as it was when you looked at it. Look again, and decide anew.",
                details={"etag": etag_of(locked)},
            )
        yield locked


def _locked(obj: Definition) -> Definition:
    """The row, locked and fresh; of a loader its source too, the source first, as everybody does
    who needs both."""
    rows = type(obj)._default_manager.filter(pk=obj.pk)  # noqa: SLF001 - Django's documented API
    if isinstance(obj, Loader):
        source = rows.values_list("source_database_id", flat=True).get()
        list(SourceDatabase.objects.select_for_update(no_key=True).filter(pk=source))
    return rows.select_for_update(no_key=True).get()
