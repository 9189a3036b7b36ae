"""Writing audit events and outbox rows; always inside the transaction of what they tell."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from audit.models import AuditEvent, LoaderEvent
from core.correlation import correlation_id
from core.window import Window

SYSTEM = "system"
_source_address: ContextVar[str | None] = ContextVar("source_address", default=None)


def set_source_address(address: str | None) -> None:
    """Remember where the request at hand comes from."""
    _source_address.set(address)


def record(
    *,
    actor: Any,
    action: str,
    object_type: str,
    object_id: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> AuditEvent:
    """Append an event. `actor` None is the system itself. `before`/`after` hold no secret. Where a
    token stood for the actor, `after` says which."""
    is_user = actor is not None and actor.is_authenticated
    token = getattr(actor, "via_token", "")
    via = {"via_token": token} if token else {}
    return AuditEvent.objects.create(
        actor=actor if is_user else None,
        actor_name=actor.get_username() if is_user else SYSTEM,
        source_address=_source_address.get(),
        action=action,
        object_type=object_type,
        object_id=object_id,
        before=dict(before or {}),
        after={**(after or {}), **via},
        correlation_id=correlation_id(),
    )


def emit(
    *,
    kind: LoaderEvent.Kind,
    loader_code: str,
    execution_id: uuid.UUID | None = None,
    window: Window | None = None,
    details: Mapping[str, Any] | None = None,
) -> LoaderEvent:
    """Put a row into the outbox for those who follow loaders."""
    return LoaderEvent.objects.create(
        kind=kind,
        loader_code=loader_code,
        execution_id=execution_id,
        window_from=window.start if window else None,
        window_to=window.end if window else None,
        details=dict(details or {}),
        correlation_id=correlation_id(),
    )
