"""The tables and columns of a source, for those who write SQL against it.

A look takes one short read-only session, and as a test of the connection it counts against no cap
and no breaker. So that it can't become a load, what was read is remembered for some minutes, what
failed for half a minute, and one web process has one look at a source at a time.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from time import monotonic

import structlog
from django.core.cache import cache

from accounts.roles import Permission, User
from audit.services import record
from core.clock import database_now
from core.display import instant_text
from loaders.connectors import connector_for
from loaders.connectors.catalogue import Catalogue
from loaders.connectors.errors import SourceError
from loaders.exceptions import CatalogueNotReadError
from loaders.models import SourceDatabase
from loaders.services.fitness import check_source
from loaders.services.reach import require_on

logger = structlog.get_logger(__name__)

MOST_COLUMNS = 5000
REMEMBERED_SECONDS = 600
FAILURE_REMEMBERED_SECONDS = 30
CONNECT_SECONDS = 5
READ_SECONDS = 5
_LOOK_SECONDS = 2 * (CONNECT_SECONDS + READ_SECONDS)
"""A look that a process never ended is forgotten after this."""


def read_catalogue(*, user: User, source: SourceDatabase) -> Catalogue:
    """The tables and columns that the source's account may read, as they were some minutes ago at
    the most. Only looks at the source itself leave an audit event, not each answer.

    Raises PermissionDeniedError, SourceNotFoundError, what `check_source` raises, and
    CatalogueNotReadError where the source does not answer, is in its blackout hours, or is being
    looked at already.
    """
    require_on(user, Permission.EDIT_LOADERS, source)
    check_source(source)
    key = _key(source)
    known = cache.get(key)
    if known is None:
        known = _looked_at(user, source, key)
    if isinstance(known, Catalogue):
        return known
    raise CatalogueNotReadError(known)


def _key(source: SourceDatabase) -> str:
    """Another address or account is another catalogue."""
    way = sha256(repr(sorted(source.governed_values().items())).encode()).hexdigest()
    return f"catalogue {source.pk} {way}".replace(" ", ":")


def _looked_at(user: User, source: SourceDatabase, key: str) -> Catalogue | str:
    """What the source says, or the sentence why it says nothing; either is remembered."""
    blackout_end = source.blackout_end(database_now())
    if blackout_end is not None:
        until = instant_text(blackout_end)
        return f"Source {source.db_code} is to be left alone until {until} UTC."
    if not cache.add(f"{key}:look", "", _LOOK_SECONDS):
        return f"The tables of {source.db_code} are being read already. Try again in a moment."
    try:
        found = _asked(user, source)
        lasts = REMEMBERED_SECONDS if isinstance(found, Catalogue) else FAILURE_REMEMBERED_SECONDS
        cache.set(key, found, lasts)
    finally:
        cache.delete(f"{key}:look")
    return found


def _asked(user: User, source: SourceDatabase) -> Catalogue | str:
    began = monotonic()
    profile = replace(
        source.profile(),
        connect_timeout_seconds=min(CONNECT_SECONDS, source.connect_timeout_seconds),
        idle_read_timeout_seconds=min(READ_SECONDS, source.idle_read_timeout_seconds),
    )
    found: Catalogue | str
    code = ""
    try:
        with connector_for(profile.db_type).connect(
            profile,
            source.password,
            statement_timeout_seconds=READ_SECONDS,
            application_name="loaderportal catalogue",
        ) as connection:
            found = connection.catalogue(most=MOST_COLUMNS)
    except SourceError as error:
        code = error.code
        found = f"{source.db_code} does not tell its tables: {error.summary}"
    logger.info(
        "catalogue.read", source=source.db_code, error_code=code, seconds=monotonic() - began
    )
    columns = sum(len(t.columns) for t in found.tables) if isinstance(found, Catalogue) else None
    record(
        actor=user,
        action="source.catalogue",
        object_type="source",
        object_id=source.db_code,
        after={"code": code, "columns": columns},
    )
    return found
