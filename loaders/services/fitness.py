"""Whether a loader may run, on the very values that will be used (spec 3)."""

from __future__ import annotations

from django.conf import settings

from audit.services import record
from core.keyring import DecryptionError, LostKeyError
from loaders.definition import Definition
from loaders.exceptions import (
    DefinitionTamperedError,
    EnvironmentMismatchError,
    LoaderDisabledError,
    LoaderNotApprovedError,
)
from loaders.models import ApprovalStatus, Loader, LoaderVersion


def approved_definition(loader: Loader) -> tuple[LoaderVersion, Definition]:
    """The approved version and the definition that was just read, found equal to it.

    Raises LoaderDisabledError, LoaderNotApprovedError, EnvironmentMismatchError, and
    DefinitionTamperedError when a row was altered behind the application's back. A lost key is not
    that: its LostKeyError passes.
    """
    if not loader.enabled:
        raise LoaderDisabledError(f"Loader {loader.loader_code} is disabled. Enable it first.")
    version = loader.approved_version
    if loader.approval_status != ApprovalStatus.APPROVED or version is None:
        raise LoaderNotApprovedError(
            f"Loader {loader.loader_code} is not approved. Submit it, and let a second person "
            "approve it."
        )
    if loader.source_database.environment != settings.DEPLOYMENT_ENVIRONMENT:
        raise EnvironmentMismatchError(
            f"Source {loader.source_database.db_code} belongs to another environment than this "
            f"portal ({settings.DEPLOYMENT_ENVIRONMENT})."
        )
    try:
        definition = Definition.of(loader)
    except LostKeyError:
        raise
    except DecryptionError:
        raise _tampered(loader, version) from None
    if not version.is_sealed() or not definition.matches(version.digest, version.number):
        raise _tampered(loader, version)
    return version, definition


def _tampered(loader: Loader, version: LoaderVersion) -> DefinitionTamperedError:
    return DefinitionTamperedError(
        f"The definition of {loader.loader_code} is not the one that was approved as version "
        f"{version.number}: a row was altered outside the portal. Save it and have it approved "
        "again."
    )


def report_tampering(loader_code: str) -> None:
    """Leave an audit event that a definition was found altered and its run refused."""
    record(
        actor=None,
        action="loader.refused",
        object_type="loader",
        object_id=loader_code,
        after={"errorCode": DefinitionTamperedError.code},
    )
