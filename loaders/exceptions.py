"""Errors of the loaders app."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from http import HTTPStatus
from typing import Any, Self, TypeVar

from django.db.models import TextChoices

from core.errors import DefinitionError, TerminalError, TransientError
from loaders.tampering import TAMPERED, report_tampering

State = TypeVar("State", bound=TextChoices)


class LoaderNotFoundError(TerminalError):
    """No loader has this code."""

    code = "LOADER_NOT_FOUND"
    status = HTTPStatus.NOT_FOUND


class SourceNotFoundError(TerminalError):
    """No source database has this code."""

    code = "SOURCE_NOT_FOUND"
    status = HTTPStatus.NOT_FOUND


class VersionNotFoundError(TerminalError):
    """The loader has no version with this number."""

    code = "VERSION_NOT_FOUND"
    status = HTTPStatus.NOT_FOUND


class SourceTestFailedError(TerminalError):
    """The source did not answer as it should; the message says what to look at."""

    code = "SOURCE_TEST_FAILED"
    status = HTTPStatus.CONFLICT


class CatalogueNotReadError(TransientError):
    """The names of the source's tables and columns can't be read now; the message says why."""

    code = "CATALOGUE_NOT_READ"
    status = HTTPStatus.CONFLICT


class ValidationFailedError(TerminalError):
    """Fields break a rule; `details["errors"]` names each."""

    code = "VALIDATION_FAILED"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class SqlInvalidError(DefinitionError):
    """The SQL guard refuses the statement; `details["errors"]` are its findings."""

    code = "SQL_INVALID"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class InvalidTransitionError(TerminalError):
    """The object is not in a state from which this is possible. Where it is a matter of the table
    of states, `from`, `to` and `allowed` (states that may follow `from`) tell what is."""

    code = "INVALID_TRANSITION"
    status = HTTPStatus.CONFLICT

    @classmethod
    def between(
        cls, message: str, present: State, target: State, table: Mapping[Any, Collection[Any]]
    ) -> Self:
        """The error about a step that the table of a model does not have, or that something else
        forbids now: it is not among what is allowed."""
        allowed = sorted(str(state.value) for state in table.get(present, ()) if state != target)
        details = {"from": present.value, "to": target.value, "allowed": allowed}
        return cls(message, details=details)


class DefinitionChangedError(TerminalError):
    """`If-Match` names another state of the definition than the present one."""

    code = "PRECONDITION_FAILED"
    status = HTTPStatus.PRECONDITION_FAILED


class SelfApprovalError(TerminalError):
    """Four eyes: who edited a definition can't approve it."""

    code = "SELF_APPROVAL"
    status = HTTPStatus.FORBIDDEN


class EvidenceNotReadyError(TerminalError):
    """Nobody approves before the evidence about the version is complete (spec 4)."""

    code = "EVIDENCE_NOT_READY"
    status = HTTPStatus.CONFLICT


class DefinitionTamperedError(DefinitionError):
    """The stored definition is not the one that was submitted or approved."""

    code = TAMPERED
    status = HTTPStatus.CONFLICT

    def __init__(self, message: str, *, loader_code: str) -> None:
        super().__init__(message)
        self._loader_code = loader_code

    def leave_trace(self) -> None:
        """Whoever it is told to, the audit trail knows of it too."""
        report_tampering(self._loader_code)


class LoaderIsExternalError(TerminalError):
    """The loader's signals are posted by another system: there is nothing to run."""

    code = "LOADER_IS_EXTERNAL"
    status = HTTPStatus.CONFLICT


class LoaderNotExternalError(TerminalError):
    """The loader's signals are read by its SQL: nobody posts them."""

    code = "LOADER_NOT_EXTERNAL"
    status = HTTPStatus.CONFLICT


class LoaderArchivedError(TerminalError):
    """The loader was archived: it stands as it is."""

    code = "LOADER_ARCHIVED"
    status = HTTPStatus.CONFLICT


class SourceNotReadOnlyError(TerminalError):
    """The portal demands read-only sources, and this one's account was not found to be that."""

    code = "SOURCE_NOT_READ_ONLY"
    status = HTTPStatus.CONFLICT


class LoaderDisabledError(TerminalError):
    """The loader is disabled."""

    code = "LOADER_DISABLED"
    status = HTTPStatus.CONFLICT


class LoaderNotApprovedError(TerminalError):
    """No second person has approved the loader's present definition."""

    code = "LOADER_NOT_APPROVED"
    status = HTTPStatus.CONFLICT


class EnvironmentMismatchError(TerminalError):
    """The source belongs to another deployment environment."""

    code = "ENVIRONMENT_MISMATCH"
    status = HTTPStatus.CONFLICT
