"""The OpenAPI document: served to users, written to docs/openapi.yaml, and shown by Swagger UI.

`make docs` writes it, a test keeps file and code the same.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import yaml
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from drf_spectacular.generators import SchemaGenerator
from rest_framework import serializers
from rest_framework.request import Request

from accounts.roles import Permission, may, refusal
from core.api.operations import Operation
from core.api.serializers import Parameters
from core.api.views import Endpoint

_YAML = "application/yaml"


@cache
def document() -> dict[str, Any]:
    """The whole document, whoever asks: it tells for each operation who may. It can't change while
    the process lives."""
    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return found


@cache
def document_as_json() -> str:
    """The document as JSON."""
    return json.dumps(document(), ensure_ascii=False)


@cache
def document_as_yaml() -> str:
    """The document as YAML, in the order in which it was made."""
    return yaml.dump(
        json.loads(document_as_json()),
        Dumper=yaml.CSafeDumper,
        sort_keys=False,
        allow_unicode=True,
        width=100,
    )


class DocumentParameters(Parameters):
    """In which form."""

    format = serializers.ChoiceField(["json", "yaml"], default="json")


class DocumentAnswer(serializers.Serializer[Any]):
    """An OpenAPI 3.0 document."""

    openapi = serializers.CharField()
    info = serializers.DictField()
    servers = serializers.ListField(child=serializers.DictField())
    paths = serializers.DictField()
    components = serializers.DictField()


class ApiDocument(Endpoint):
    """This document, as JSON or YAML."""

    needs = {"GET": Permission.VIEW}
    operations = {
        "GET": Operation(
            "getSchema", "Read the OpenAPI document", answer=DocumentAnswer, files=(_YAML,)
        )
    }
    parameters = DocumentParameters

    def get(self, request: Request) -> HttpResponse:
        if self.asked["format"] == "yaml":
            return HttpResponse(document_as_yaml(), content_type=_YAML)
        return HttpResponse(document_as_json(), content_type="application/json")


@login_required
def api_page(request: HttpRequest) -> HttpResponse:
    """Swagger UI, from our own static files. What is tried out there is done as who is signed in,
    or with the token that is given there."""
    if not may(request.user, Permission.VIEW):
        raise PermissionDenied(refusal(Permission.VIEW))
    return render(request, "api.html")
