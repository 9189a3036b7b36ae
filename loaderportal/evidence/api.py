"""`loaders/{code}/evidence`: the package as a download (spec 12)."""

from __future__ import annotations

import tempfile
from datetime import datetime
from typing import Any

from django.http import FileResponse
from rest_framework import serializers
from rest_framework.request import Request

from accounts.roles import Permission, User
from core.api.operations import Operation
from core.api.serializers import Parameters, span_error
from core.api.views import Endpoint
from core.keyring import DecryptionError
from loaderportal.evidence.export import export_evidence, file_name
from loaders.exceptions import LoaderNotFoundError
from loaders.models import Loader
from loaders.services import get_loader
from signals.api_export import FormatIsOurs

MEDIA_TYPE = "application/zip"


class EvidenceParameters(Parameters):
    """The period, half-open."""

    to = serializers.DateTimeField()

    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of the language."""
        return {"from": serializers.DateTimeField(), **super().get_fields()}

    def validate(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Its end lies after its start."""
        span_error(asked, "from", "to")
        return asked


class LoaderEvidence(Endpoint):
    """Versions, approvals, executions, coverage and sealed audit events of a loader and a period,
    as a ZIP with a manifest of SHA-256 hashes. Read docs/evidence_export.md about what is in it.
    That somebody exported it is audited."""

    needs = {"GET": Permission.EXPORT_EVIDENCE}
    parameters = EvidenceParameters
    content_negotiation_class = FormatIsOurs
    operations = {
        "GET": Operation(
            "exportEvidence",
            "Export evidence about a loader",
            files=(MEDIA_TYPE,),
            errors=(LoaderNotFoundError, DecryptionError),
        )
    }

    def get(self, request: Request, code: str) -> FileResponse:
        loader = get_loader(code, user=request.user)
        return evidence_download(request.user, loader, self.asked["from"], self.asked["to"])


def evidence_download(user: User, loader: Loader, start: datetime, end: datetime) -> FileResponse:
    """The package as a file to be saved. It is whole, and audited, before the first byte leaves.
    Raises what `export_evidence` raises."""
    package = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the response
    try:
        export_evidence(user=user, loader=loader, start=start, end=end, target=package)
    except BaseException:
        package.close()
        raise
    package.seek(0)
    return FileResponse(
        package,
        as_attachment=True,
        filename=file_name(loader.loader_code, start, end),
        content_type=MEDIA_TYPE,
        headers={"Cache-Control": "private, no-store"},
    )
