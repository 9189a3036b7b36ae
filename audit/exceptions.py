"""Errors of the audit trail."""

from __future__ import annotations

from http import HTTPStatus

from core.errors import TerminalError


class AuditTamperedError(TerminalError):
    """The chain of seals does not hold, so nothing of it may be pruned."""

    code = "AUDIT_TAMPERED"
    status = HTTPStatus.CONFLICT


class PruningNotGrantedError(TerminalError):
    """The database does not let the application's role prune the audit trail."""

    code = "AUDIT_PRUNING_NOT_GRANTED"
    status = HTTPStatus.CONFLICT


class EventCursorInvalidError(TerminalError):
    """What stands as `after` is no cursor that this portal gave."""

    code = "EVENT_CURSOR_INVALID"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class EventsExpiredError(TerminalError):
    """Events behind the cursor are past their retention: the follower has missed some."""

    code = "EVENTS_EXPIRED"
    status = HTTPStatus.GONE


class EventsReplacedError(TerminalError):
    """The cursor belongs to events that this database does not hold: it was restored from an older
    copy."""

    code = "EVENTS_REPLACED"
    status = HTTPStatus.GONE
