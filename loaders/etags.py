"""Entity tags of definitions: loaders and sources (spec 10).

A tag covers the row of the definition and nothing else. What a run changes stands in LoaderState,
and a source's verdict about its account is an observation; neither changes a tag.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from core.encrypted_fields import Ciphertext, sealed
from loaders.models import Loader, SourceDatabase

_OBSERVED = frozenset({"read_only_verdict", "read_only_checked_at", "read_only_findings"})
_WITH_SQL = "-sql"


def etag_of(obj: Loader | SourceDatabase, *, with_sql: bool = False) -> str:
    """The strong entity tag of a row as it was read from the database. A loader that is shown with
    its SQL is another representation and has another tag.

    Encrypted fields count as ciphertext: nobody can try out guesses at their content, no key is
    needed, and what was altered behind the portal's back shows. A rotation of keys changes tags.
    """
    with sealed():
        values = {
            field.attname: getattr(obj, field.attname)
            for field in obj._meta.concrete_fields  # noqa: SLF001 - Django's documented API
            if field.attname not in _OBSERVED
        }
    text = json.dumps(values, sort_keys=True, default=_plain)
    digest = hashlib.sha256(text.encode()).hexdigest()[:32]
    return f'"{digest}{_WITH_SQL if with_sql else ""}"'


def etags_of(obj: Loader | SourceDatabase) -> frozenset[str]:
    """The tags of all representations of a row: any of them names its present state."""
    return frozenset({etag_of(obj), etag_of(obj, with_sql=True)})


def _plain(value: Any) -> str:
    return value.envelope if isinstance(value, Ciphertext) else str(value)
