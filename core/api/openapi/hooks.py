"""Steps before and after drf-spectacular: one path for both forms of an address, names as they
travel, examples, and each shared answer written once."""

from __future__ import annotations

import json
from collections import Counter
from http import HTTPStatus
from typing import Any

from drf_spectacular.hooks import postprocess_schema_enum_id_removal

from core.api.openapi.examples import example_of
from core.api.openapi.problems import GENERAL, PROBLEM
from core.api.openapi.schema import COMPONENTS
from core.api.problems import CONTENT_TYPE
from core.camel_case import camelize

_METHODS = frozenset({"get", "post", "put", "patch", "delete"})
_KEYED = "IDEMPOTENCY"
_USUAL = (GENERAL.keys() - {"MALFORMED_BODY"}) | {"TOKEN_INVALID", "TOKEN_EXPIRED", "TOKEN_REVOKED"}


def only_the_api(endpoints: list[Any]) -> list[Any]:
    """Paths below `/api/v1/`, without the slash at their end: they work with and without."""
    return [
        (path.rstrip("/"), regex, method, callback)
        for path, regex, method, callback in endpoints
        if path.startswith("/api/v1/")
    ]


def finish(result: dict[str, Any], generator: Any, **_: Any) -> dict[str, Any]:
    """The document as it is published."""
    result = postprocess_schema_enum_id_removal(result, generator)
    components = result.setdefault("components", {})
    schemas = {name: _renamed(form) for name, form in components.get("schemas", {}).items()}
    components["schemas"] = schemas | {"Problem": PROBLEM}
    for kind, shared in COMPONENTS.items():
        components[kind] = shared
    for operation in _operations(result):
        for parameter in operation.get("parameters", ()):
            if parameter.get("in") == "query":
                parameter["name"] = camelize(parameter["name"])
    _share_answers(result)
    for name in _exemplified(result):
        schemas[name]["example"] = example_of(schemas[name], components["schemas"])
    result["components"] = {kind: components[kind] for kind in sorted(components)}
    return result


def _renamed(form: Any) -> Any:
    """A schema with its properties named as they travel."""
    if isinstance(form, list):
        return [_renamed(item) for item in form]
    if not isinstance(form, dict):
        return form
    renamed = {key: _renamed(value) for key, value in form.items()}
    if isinstance(form.get("properties"), dict):
        renamed["properties"] = {camelize(n): s for n, s in renamed["properties"].items()}
        if "required" in form:
            renamed["required"] = sorted(camelize(name) for name in form["required"])
    return renamed


def _operations(result: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        operation
        for item in result["paths"].values()
        for method, operation in item.items()
        if method in _METHODS
    ]


def _share_answers(result: dict[str, Any]) -> None:
    """Problems that several operations answer in the same way are written once."""
    operations = _operations(result)
    texts = Counter(
        (status, json.dumps(answer, sort_keys=True))
        for operation in operations
        for status, answer in operation["responses"].items()
        if int(status) >= 400
    )
    shared: dict[str, Any] = {}
    for operation in operations:
        for status, answer in operation["responses"].items():
            if texts[(status, json.dumps(answer, sort_keys=True))] < 2:
                continue
            name = _name(status, answer)
            if name and shared.setdefault(name, answer) == answer:
                operation["responses"][status] = {"$ref": f"#/components/responses/{name}"}
    result["components"]["responses"] = dict(sorted(shared.items()))


def _name(status: str, answer: dict[str, Any]) -> str:
    """By the status and the codes that not all of its answers have; empty where those are many."""
    schema = answer["content"][CONTENT_TYPE]["schema"]
    codes = schema["allOf"][1]["properties"]["code"]["enum"]
    phrase = _joined(HTTPStatus(int(status)).phrase)
    keyed = "Keyed" if any(code.startswith(_KEYED) for code in codes) else ""
    own = [_joined(code) for code in codes if not code.startswith(_KEYED) and code not in _USUAL]
    if len(own) > 3:
        return ""
    return "".join([phrase, *(word for word in own if word != phrase), keyed])


def _joined(text: str) -> str:
    """`NOT_FOUND` and `Not Found` to `NotFound`."""
    return "".join(word.capitalize() for word in text.replace("_", " ").split())


def _exemplified(result: dict[str, Any]) -> list[str]:
    """Names of the components that are a whole body or answer."""
    found: set[str] = set()
    for operation in _operations(result):
        holders = [operation.get("requestBody", {}), *operation["responses"].values()]
        for holder in holders:
            for media in holder.get("content", {}).values():
                name = media.get("schema", {}).get("$ref", "").rpartition("/")[2]
                found |= {name} - {"", "Problem"}
    return sorted(found)
