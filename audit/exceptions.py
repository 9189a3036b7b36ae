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
