"""What counts as a breaking change of the API, and that the changelog names each."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from loaderportal.api_changes import Break, breaking_changes, unnamed

ROOT = Path(__file__).parents[2]
POST = "POST /api/v1/things/{code}"
BEFORE: dict[str, Any] = {
    "paths": {
        "/api/v1/things/{code}": {
            "post": {
                "operationId": "doThing",
                "x-roles": ["operator", "admin"],
                "parameters": [
                    {"in": "path", "name": "code", "required": True, "schema": {"type": "string"}},
                    {
                        "in": "query",
                        "name": "size",
                        "schema": {"type": "integer", "minimum": 1, "maximum": 500},
                    },
                    {"$ref": "#/components/parameters/Key"},
                ],
                "requestBody": {
                    "content": {
                        "application/json": {
                            "schema": {"$ref": "#/components/schemas/ThingRequest"}
                        }
                    }
                },
                "responses": {
                    "200": {
                        "headers": {"ETag": {"schema": {"type": "string"}}},
                        "content": {
                            "application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}
                        },
                    },
                    "404": {"$ref": "#/components/responses/NotFound"},
                },
            }
        }
    },
    "components": {
        "parameters": {"Key": {"in": "header", "name": "Key", "schema": {"type": "string"}}},
        "responses": {"NotFound": {"description": "Not Found."}},
        "schemas": {
            "ThingRequest": {
                "type": "object",
                "properties": {
                    "mode": {"type": "string", "enum": ["ALL", "SOME"]},
                    "text": {"type": "string", "maxLength": 10, "nullable": True},
                    "tags": {"type": "array", "items": {"type": "string"}},
                    "zone": {"anyOf": [{"type": "string"}, {"type": "number"}]},
                },
                "required": ["mode"],
            },
            "Thing": {
                "type": "object",
                "properties": {
                    "id": {"type": "string", "format": "uuid"},
                    "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Thing"}},
                },
                "required": ["id", "parts"],
            },
        },
    },
}


def post(document: dict[str, Any]) -> Any:
    return document["paths"]["/api/v1/things/{code}"]["post"]


def form(document: dict[str, Any], name: str) -> Any:
    return document["components"]["schemas"][name]


Change = Callable[[dict[str, Any]], Any]
BREAKS: dict[str, Change] = {
    "it was removed": lambda d: d["paths"].clear(),
    "operationId doThing is actThing now": lambda d: post(d).update(operationId="actThing"),
    "the role operator may not any more": lambda d: post(d).update({"x-roles": ["admin"]}),
    "the parameter size was removed": lambda d: post(d)["parameters"].pop(1),
    "the parameter size must be given now": lambda d: post(d)["parameters"][1].update(
        required=True
    ),
    "the parameter size is string now, not integer": lambda d: post(d)["parameters"][1][
        "schema"
    ].update(type="string"),
    "the parameter size has maximum 100 now": lambda d: post(d)["parameters"][1]["schema"].update(
        maximum=100
    ),
    "the parameter size has minimum 2 now": lambda d: post(d)["parameters"][1]["schema"].update(
        minimum=2
    ),
    "the parameter Key must be given now": lambda d: d["components"]["parameters"]["Key"].update(
        required=True
    ),
    "the parameter Key must have the form ^a$ now": lambda d: d["components"]["parameters"]["Key"][
        "schema"
    ].update(pattern="^a$"),
    "a body must be sent now": lambda d: post(d)["requestBody"].update(required=True),
    "no body is taken any more": lambda d: post(d).pop("requestBody"),
    "mode of the body does not take SOME any more": lambda d: form(d, "ThingRequest")["properties"][
        "mode"
    ].update(enum=["ALL", "NONE"]),
    "text of the body may not be null any more": lambda d: form(d, "ThingRequest")["properties"][
        "text"
    ].pop("nullable"),
    "text of the body has maxLength 9 now": lambda d: form(d, "ThingRequest")["properties"][
        "text"
    ].update(maxLength=9),
    "text of the body must be given now": lambda d: form(d, "ThingRequest")["required"].append(
        "text"
    ),
    "text of the body is not taken any more": lambda d: form(d, "ThingRequest")["properties"].pop(
        "text"
    ),
    "an item of tags of the body is integer now, not string": lambda d: form(d, "ThingRequest")[
        "properties"
    ]["tags"]["items"].update(type="integer"),
    "zone of the body is one of other forms now": lambda d: form(d, "ThingRequest")["properties"][
        "zone"
    ]["anyOf"].pop(),
    "it is not answered 404 any more": lambda d: post(d)["responses"].pop("404"),
    "the answer 200 has no header ETag any more": lambda d: post(d)["responses"]["200"].pop(
        "headers"
    ),
    "200 is not answered as application/json any more": lambda d: post(d)["responses"]["200"].pop(
        "content"
    ),
    "id of the answer 200 is not told any more": lambda d: form(d, "Thing")["properties"].pop("id"),
    "id of the answer 200 may be left out now": lambda d: form(d, "Thing")["required"].remove("id"),
    "id of the answer 200 may be null now": lambda d: form(d, "Thing")["properties"]["id"].update(
        nullable=True
    ),
    "id of the answer 200 is date-time now, not uuid": lambda d: form(d, "Thing")["properties"][
        "id"
    ].update(format="date-time"),
}
HARMLESS: dict[str, Change] = {
    "nothing": lambda d: None,
    "another operation": lambda d: d["paths"].update({"/api/v1/more": {"get": post(d)}}),
    "a parameter of the path by another name": lambda d: (
        d["paths"].update({"/api/v1/things/{id}": d["paths"].pop("/api/v1/things/{code}")}),
        d["paths"]["/api/v1/things/{id}"]["post"]["parameters"][0].update(name="id"),
    ),
    "a parameter that may be left out": lambda d: post(d)["parameters"].append(
        {"in": "query", "name": "more", "schema": {"type": "string"}}
    ),
    "a wider parameter": lambda d: post(d)["parameters"][1]["schema"].update(maximum=1000),
    "a body's member that may be left out": lambda d: form(d, "ThingRequest")["properties"].update(
        more={"type": "string"}
    ),
    "one more value to send": lambda d: form(d, "ThingRequest")["properties"]["mode"][
        "enum"
    ].append("NONE"),
    "one more member of the answer": lambda d: form(d, "Thing")["properties"].update(
        more={"type": "string"}
    ),
    "one more status": lambda d: post(d)["responses"].update({"409": {"description": "Conflict."}}),
    "a component of another name": lambda d: (
        d["components"]["schemas"].update(Other=form(d, "Thing")),
        post(d)["responses"]["200"]["content"]["application/json"]["schema"].update(
            {"$ref": "#/components/schemas/Other"}
        ),
    ),
}


@pytest.mark.parametrize("what", BREAKS)
def test_what_clients_may_fail_over_is_told(what: str) -> None:
    now = deepcopy(BEFORE)
    BREAKS[what](now)
    assert breaking_changes(BEFORE, now) == [Break(POST, what)]


@pytest.mark.parametrize("what", HARMLESS)
def test_what_is_only_added_breaks_nothing(what: str) -> None:
    now = deepcopy(BEFORE)
    HARMLESS[what](now)
    assert breaking_changes(BEFORE, now) == []


def test_the_changelog_names_breaks_by_operation_in_its_unreleased_part() -> None:
    breaks = [Break(POST, "it was removed"), Break("GET /api/v1/loaders", "it was removed")]
    changelog = (
        "# Changelog\n\n## 2.0 (unreleased)\n\n"
        "- Breaking: `GET /api/v1/loaders`: gone, use another.\n\n"
        f"## 1.0\n\n- Breaking: {POST}: of an earlier release.\n"
    )
    assert unnamed(breaks, changelog) == breaks[:1]


def test_the_changelog_names_every_change_that_breaks_clients_of_the_last_release() -> None:
    released, made = (
        yaml.load((ROOT / "docs" / name).read_text(), Loader=yaml.CSafeLoader)
        for name in ("openapi-released.yaml", "openapi.yaml")
    )
    silent = unnamed(breaking_changes(released, made), (ROOT / "CHANGELOG.md").read_text())
    assert not silent, "\n".join(
        ["Name these in CHANGELOG.md, each as `- Breaking: METHOD /path: what to do`:"]
        + [str(one) for one in silent]
    )
