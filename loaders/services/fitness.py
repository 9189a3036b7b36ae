"""Whether a loader may run, on the very values that will be used (spec 3)."""

from __future__ import annotations

from django.conf import settings

from core.keyring import DecryptionError, LostKeyError
from loaders.definition import Definition
from loaders.exceptions import (
    DefinitionTamperedError,
    EnvironmentMismatchError,
    LoaderArchivedError,
    LoaderDisabledError,
    LoaderNotApprovedError,
    LoaderNotExternalError,
    SourceNotReadOnlyError,
)
from loaders.models import (
    ApprovalStatus,
    Loader,
    LoaderVersion,
    ReadOnlyVerdict,
    SourceDatabase,
)
from loaders.policies import LoaderKind
from loaders.services.drafting import is_drafted_since


def approved_definition(loader: Loader) -> tuple[LoaderVersion, Definition]:
    """The approved version and the definition that was just read, found equal to it.

    Raises LoaderArchivedError, LoaderDisabledError, LoaderNotApprovedError, LoaderIsExternalError,
    EnvironmentMismatchError, SourceNotReadOnlyError, and DefinitionTamperedError when a row was
    altered behind the application's back. A lost key is not that: its LostKeyError passes.
    """
    version = _version_in_force(loader)
    check_source(loader.source)
    return version, _as_approved(loader, version)


def approved_for_posts(loader: Loader) -> LoaderVersion:
    """The approved version of a loader whose signals another system posts; its fields were just
    found equal to it. The same must hold as for a run, but that there is no source.

    Raises LoaderNotExternalError, LoaderArchivedError, LoaderDisabledError, LoaderNotApprovedError,
    DefinitionTamperedError.
    """
    if loader.kind != LoaderKind.EXTERNAL:
        raise LoaderNotExternalError(
            f"The signals of {loader.loader_code} are read from its source by the portal: nobody "
            "posts them. Post to a loader of kind EXTERNAL."
        )
    version = _version_in_force(loader)
    _as_approved(loader, version)
    return version


def _version_in_force(loader: Loader) -> LoaderVersion:
    """Its approved version, if the loader is switched on."""
    if loader.archived_at is not None:
        raise LoaderArchivedError(f"Loader {loader.loader_code} was archived.")
    if not loader.enabled:
        raise LoaderDisabledError(f"Loader {loader.loader_code} is disabled. Enable it first.")
    version = loader.approved_version
    if loader.approval_status != ApprovalStatus.APPROVED or version is None:
        raise LoaderNotApprovedError(
            f"Loader {loader.loader_code} is not approved. Submit it, and let a second person "
            "approve it."
        )
    return version


def _as_approved(loader: Loader, version: LoaderVersion) -> Definition:
    """The definition as its rows are now. Raises DefinitionTamperedError."""
    try:
        definition = Definition.of(loader)
    except LostKeyError:
        raise
    except DecryptionError:
        raise _tampered(loader, version) from None
    is_approved = version.is_sealed() and definition.matches(version.digest, version.number)
    if not is_approved or is_drafted_since(loader, version):
        raise _tampered(loader, version)
    return definition


def check_source(source: SourceDatabase) -> None:
    """Whether this portal may ask the source at all. Raises EnvironmentMismatchError and
    SourceNotReadOnlyError."""
    if source.environment != settings.DEPLOYMENT_ENVIRONMENT:
        raise EnvironmentMismatchError(
            f"Source {source.db_code} belongs to another environment than this portal "
            f"({settings.DEPLOYMENT_ENVIRONMENT})."
        )
    if settings.REQUIRE_READ_ONLY_SOURCES and source.read_only_verdict != ReadOnlyVerdict.READ_ONLY:
        raise SourceNotReadOnlyError(
            f"The account of source {source.db_code} was not found to be read-only, and this "
            "portal demands that. Take its other rights away (docs/sources.md), then test the "
            "source again."
        )


def _tampered(loader: Loader, version: LoaderVersion) -> DefinitionTamperedError:
    return DefinitionTamperedError(
        f"The definition of {loader.loader_code} is not the one that was approved as version "
        f"{version.number}: a row was altered outside the portal. Save it and have it approved "
        "again.",
        loader_code=loader.loader_code,
    )
