"""Error classes of the product and the register of their stable codes (spec 10).

A `TerminalError` will fail again if tried again unchanged; a `TransientError` may succeed.
No message ever holds a secret, loader SQL, source data or a DSN.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, ClassVar


class PortalError(Exception):
    """Base of every error the product raises on purpose.

    `code` is stable and part of the API; `message` is ours and safe to show to anyone who may
    see the object; `details` are extra JSON members of the problem document.
    """

    code: ClassVar[str] = "INTERNAL_ERROR"
    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR
    headers: Mapping[str, str] = MappingProxyType({})
    """Header fields of the answer that tells it."""

    def __init__(self, message: str, *, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = dict(details or {})

    def leave_trace(self) -> None:
        """What must be known of the error whoever it is told to. Called where it becomes an answer,
        once all that led to it was rolled back."""


class TerminalError(PortalError):
    """Trying again without a change will not help."""


class DefinitionError(TerminalError):
    """The definition itself, or what it meets, is at fault: only a person's act can help, and it is
    not tried again until then (spec 6)."""


class TransientError(PortalError):
    """The same attempt may succeed later."""
