"""`loaders/{code}/evidence`: the package as a download (spec 12)."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from typing import Any

from django.http import FileResponse
from rest_framework import serializers
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from accounts.roles import Permission
from core.api.json import CamelCaseRenderer
from core.api.serializers import Strict
from core.api.views import Endpoint, valid_parameters
from loaderportal.evidence.export import export_evidence, file_name
from loaders.models import Loader
from loaders.services import get_loader

MEDIA_TYPE = "application/zip"


class EvidenceParameters(Strict):
    """The period, half-open."""

    to = serializers.DateTimeField()

    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of the language."""
        return {"from": serializers.DateTimeField(), **super().get_fields()}


class ZipRenderer(BaseRenderer):
    """Lets a client ask for nothing but a ZIP; a problem is told it as JSON all the same."""

    media_type = MEDIA_TYPE
    format = "zip"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        return CamelCaseRenderer().render(data)


class LoaderEvidence(Endpoint):
    """Versions, approvals, executions, coverage and sealed audit events of a loader and a period,
    as a ZIP with a manifest of SHA-256 hashes. Audited."""

    needs = {"GET": Permission.EXPORT_EVIDENCE}
    renderer_classes = (CamelCaseRenderer, ZipRenderer)

    def get(self, request: Request, code: str) -> FileResponse:
        asked = valid_parameters(EvidenceParameters, request)
        loader = get_loader(code, user=request.user)
        return evidence_download(request.user, loader, asked["from"], asked["to"])


def evidence_download(user: Any, loader: Loader, start: Any, end: Any) -> FileResponse:
    """The package as a file to be saved. It is whole, and audited, before the first byte leaves."""
    package = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the response
    try:
        export_evidence(user=user, loader=loader, start=start, end=end, target=package)
        package.seek(0)
        return FileResponse(
            package,
            as_attachment=True,
            filename=file_name(loader.loader_code, start, end),
            content_type=MEDIA_TYPE,
        )
    except BaseException:
        package.close()
        raise
