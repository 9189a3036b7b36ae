"""Settings of drf-spectacular: what the OpenAPI document says of the API as a whole."""

from __future__ import annotations

from typing import Any

VERSION = "1"
DESCRIPTION = """\
Control plane for approved, exactly-once SQL loaders.

Every path works with and without a slash at its end. Names are in camelCase, times are ISO 8601 in
UTC; parameters and members that end in `Epoch` are seconds. Bodies with members that are not listed
are refused with 422.

Errors are problem documents (RFC 9457) with a stable `code`; docs/error_codes.md lists all codes.
A method that an address does not have is answered 405 with `Allow`.

Later releases may add members and enumerated values to answers: leave aside what you don't know.
"""
TAGS = {
    "auth": "Sign in and out.",
    "tokens": "API tokens for machines.",
    "loaders": "Loaders, their versions, approval and runs.",
    "sql": "What the guard says of a statement.",
    "sources": "Source databases.",
    "executions": "Runs and what became of them.",
    "trials": "Test queries, dry runs and evidence.",
    "outputs": "What a reload replaced: compare it and put it back.",
    "coverage": "Which time is loaded; gaps and waivers.",
    "recounts": "Late data: windows that are counted again.",
    "backfill": "Chosen ranges of a loader's past.",
    "signals": "What was loaded.",
    "events": "What happened to loaders, for those who follow them.",
    "locks": "Windows that workers hold or held.",
    "replicas": "Who works.",
    "governance": "What is not as it should be.",
    "audit": "The audit trail.",
    "schema": "This document.",
}

SETTINGS: dict[str, Any] = {
    "TITLE": "Loader Portal",
    "DESCRIPTION": DESCRIPTION,
    "VERSION": VERSION,
    "TAGS": [{"name": name, "description": text} for name, text in TAGS.items()],
    "SERVERS": [{"url": "/"}],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "PREPROCESSING_HOOKS": ["core.api.openapi.hooks.only_the_api"],
    "POSTPROCESSING_HOOKS": ["core.api.openapi.hooks.finish"],
    "GET_MOCK_REQUEST": "accounts.api_schema.mock_request",
    "ENABLE_DJANGO_DEPLOY_CHECK": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "persistAuthorization": False},
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
}
