"""The OpenAPI document: complete, sound, and the same as the one in docs/."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.validation import validate_schema

from accounts.roles import ROLE_TABLE, Permission, Role
from loaderportal.api_document import document
from loaderportal.error_codes import reference, register
from tests.support.documented import validator_of

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    document.cache_clear()
    return document()


def operations(made: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in made["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


def test_every_view_says_what_the_document_needs(made: dict[str, Any]) -> None:
    said = [*GENERATOR_STATS._warn_cache, *GENERATOR_STATS._error_cache]
    assert not said, 'See "Documenting an endpoint" in CONTRIBUTING.md: ' + "\n".join(said)


def test_the_document_is_openapi(made: dict[str, Any]) -> None:
    validate_schema(json.loads(json.dumps(made)))


def test_every_operation_has_an_id_a_tag_a_summary_a_description_and_an_answer(
    made: dict[str, Any],
) -> None:
    tags = {tag["name"] for tag in made["tags"]}
    ids = Counter(operation["operationId"] for _, _, operation in operations(made))
    assert max(ids.values()) == 1, ids.most_common(3)
    for method, path, operation in operations(made):
        where = f"{method} {path}"
        assert operation["summary"], where
        assert not operation["summary"].endswith("."), where
        assert operation["description"].strip(), where
        assert set(operation["tags"]) <= tags, where
        done = [answer for status, answer in operation["responses"].items() if status < "300"]
        assert done, where
        for status, answer in operation["responses"].items():
            if status < "300" and status != "204":
                (forms) = [media["schema"] for media in answer["content"].values()]
                assert all(forms) or status == "200", where
            assert "$ref" in answer or answer["description"], where
    assert tags == {tag for _, _, operation in operations(made) for tag in operation["tags"]}


def test_every_operation_tells_the_permission_of_the_role_table(made: dict[str, Any]) -> None:
    for method, path, operation in operations(made):
        permission = operation.get("x-permission")
        if permission is None:
            assert path.startswith("/api/v1/auth/"), (method, path)
            continue
        allowed = ROLE_TABLE[Permission(permission)]
        assert operation["x-roles"] == [role.value for role in Role if role in allowed]
        assert f"`{permission}`" in operation["description"]


def test_every_example_is_what_its_schema_says(made: dict[str, Any]) -> None:
    schemas = made["components"]["schemas"]
    examples = {name: form["example"] for name, form in schemas.items() if "example" in form}
    assert len(examples) > 50
    for name, example in examples.items():
        form = json.dumps({"$ref": f"#/components/schemas/{name}"})
        wrong = next(iter(validator_of(form).iter_errors(json.loads(json.dumps(example)))), None)
        assert wrong is None, (name, wrong)


def test_every_code_of_the_document_is_in_the_register(made: dict[str, Any]) -> None:
    known = {entry.code: entry.statuses for entry in register()}
    for method, path, operation in operations(made):
        for status, answer in operation["responses"].items():
            if status < "400":
                continue
            shared = made["components"]["responses"].get(answer.get("$ref", "").rpartition("/")[2])
            problem = (shared or answer)["content"]["application/problem+json"]
            form = problem["schema"]["allOf"][1]
            for code in form["properties"]["code"]["enum"]:
                assert int(status) in known[code], (method, path, status, code)


def test_the_committed_document_is_the_one_that_the_code_makes(made: dict[str, Any]) -> None:
    committed = yaml.load((DOCS / "openapi.yaml").read_text(), Loader=yaml.CSafeLoader)
    assert committed == json.loads(json.dumps(made)), "Run `make docs` and commit what it writes."


def test_the_committed_register_of_codes_is_the_one_that_the_code_makes() -> None:
    assert (DOCS / "error_codes.md").read_text() == reference(), "Run `make docs`."
