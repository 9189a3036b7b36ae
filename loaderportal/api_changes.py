"""What of an OpenAPI document breaks clients of an earlier one. Pure.

Going by what a client may rely on: that what it sends is still taken, and that what it reads is
still there and of the same kind. What is only added breaks nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_METHODS = ("get", "put", "post", "patch", "delete")
_LOWER_IS_NARROWER = ("maximum", "maxLength", "maxItems")
_HIGHER_IS_NARROWER = ("minimum", "minLength", "minItems")
_WHOLE = ("oneOf", "anyOf", "allOf")


@dataclass(frozen=True)
class Break:
    """`operation` is as the earlier document has it, `GET /api/v1/loaders/{code}`."""

    operation: str
    what: str

    def __str__(self) -> str:
        return f"{self.operation}: {self.what}"


def breaking_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[Break]:
    """Everything in `now` that a client written for `before` may fail over, by operation."""
    present = dict(_operations(now))
    found: list[Break] = []
    for address, (name, operation) in _operations(before):
        if address not in present:
            found.append(Break(name, "it was removed"))
            continue
        pair = _Pair(before, now)
        told = pair.operation(operation, present[address][1])
        found += [Break(name, what) for what in dict.fromkeys(told)]
    return found


def unnamed(breaks: list[Break], changelog: str) -> list[Break]:
    """Those that the changelog's unreleased part does not name in a line such as
    `- Breaking: GET /api/v1/loaders: ...`."""
    latest = re.split(r"^## ", changelog, flags=re.MULTILINE)[1]
    named = set(re.findall(r"Breaking: `?([A-Z]+ /[^\s:`]+)", latest))
    return [one for one in breaks if one.operation not in named]


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, dict[str, Any]]]]:
    """Each with an address that does not depend on what its path parameters are called."""
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                address = f"{method} {re.sub(r'{[^}]+}', '{}', path)}"
                yield address, (f"{method.upper()} {path}", item[method])


class _Pair:
    """Two documents, to whose components the schemas refer."""

    def __init__(self, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        self._before, self._now = before, now
        self._under_way: set[tuple[str, str, bool]] = set()

    def operation(self, before: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
        """What breaks in one operation, in words."""
        if before.get("operationId") != now.get("operationId"):
            yield f"operationId {before.get('operationId')} is {now.get('operationId')} now"
        for role in set(before.get("x-roles", ())) - set(now.get("x-roles", ())):
            yield f"the role {role} may not any more"
        yield from self._parameters(before, now)
        yield from self._body(before.get("requestBody"), now.get("requestBody"))
        for status, answer in before["responses"].items():
            if status not in now["responses"]:
                yield f"it is not answered {status} any more"
                continue
            yield from self._answer(status, answer, now["responses"][status])

    def _parameters(self, before: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
        old = self._by_name(self._before, before)
        new = self._by_name(self._now, now)
        for name, parameter in new.items():
            if parameter.get("required") and not old.get(name, {}).get("required"):
                yield f"the parameter {name[1]} must be given now"
        for name, parameter in old.items():
            if name not in new:
                yield f"the parameter {name[1]} was removed"
                continue
            place = f"the parameter {name[1]}"
            yield from self._narrower(place, parameter["schema"], new[name]["schema"])

    def _by_name(
        self, document: Mapping[str, Any], operation: dict[str, Any]
    ) -> dict[tuple[str, str], dict[str, Any]]:
        """Parameters by place and name, those of the path by their position."""
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for parameter in operation.get("parameters", ()):
            parameter = _resolved(document, parameter)  # noqa: PLW2901
            position = sum(1 for place, _ in found if place == "path")
            name = str(position) if parameter["in"] == "path" else parameter["name"]
            found[parameter["in"], name] = parameter
        return found

    def _body(self, before: dict[str, Any] | None, now: dict[str, Any] | None) -> Iterator[str]:
        if now is not None and now.get("required") and not (before or {}).get("required"):
            yield "a body must be sent now"
        if before is None:
            return
        if now is None:
            yield "no body is taken any more"
            return
        for media_type, content in before["content"].items():
            if media_type not in now["content"]:
                yield f"no body is taken as {media_type} any more"
                continue
            yield from self._narrower(
                "the body", content["schema"], now["content"][media_type]["schema"]
            )

    def _answer(self, status: str, before: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
        before, now = _resolved(self._before, before), _resolved(self._now, now)
        for header in set(before.get("headers", ())) - set(now.get("headers", ())):
            yield f"the answer {status} has no header {header} any more"
        for media_type, content in before.get("content", {}).items():
            present = now.get("content", {}).get(media_type)
            if present is None:
                yield f"{status} is not answered as {media_type} any more"
            elif int(status) < 400:
                yield from self._wider(f"the answer {status}", content["schema"], present["schema"])

    def _narrower(self, place: str, before: Any, now: Any) -> Iterator[str]:
        """What was valid to send and is not any more."""
        if self._is_under_way(before, now, sends=True):
            return
        before, now = _resolved(self._before, before), _resolved(self._now, now)
        yield from _other_kind(place, before, now)
        if before.get("nullable") and not now.get("nullable"):
            yield f"{place} may not be null any more"
        if "enum" in now:
            gone = [v for v in before.get("enum", ()) if v not in now["enum"]]
            if gone or "enum" not in before:
                yield f"{place} does not take {', '.join(map(str, gone)) or 'any value'} any more"
        yield from _bounds(place, before, now)
        if _differ(self._before, before, self._now, now):
            yield f"{place} is one of other forms now"
        old, new = before.get("properties", {}), now.get("properties", {})
        for name in set(now.get("required", ())) - set(before.get("required", ())):
            yield f"{_member(place, name)} must be given now"
        for name, form in old.items():
            if name not in new:
                yield f"{_member(place, name)} is not taken any more"
            else:
                yield from self._narrower(_member(place, name), form, new[name])
        if "items" in before and "items" in now:
            yield from self._narrower(f"an item of {place}", before["items"], now["items"])

    def _wider(self, place: str, before: Any, now: Any) -> Iterator[str]:
        """What could be relied on in an answer and can't any more."""
        if self._is_under_way(before, now, sends=False):
            return
        before, now = _resolved(self._before, before), _resolved(self._now, now)
        yield from _other_kind(place, before, now)
        if now.get("nullable") and not before.get("nullable"):
            yield f"{place} may be null now"
        if _differ(self._before, before, self._now, now):
            yield f"{place} is one of other forms now"
        old, new = before.get("properties", {}), now.get("properties", {})
        for name, form in old.items():
            if name not in new:
                yield f"{_member(place, name)} is not told any more"
                continue
            if name in before.get("required", ()) and name not in now.get("required", ()):
                yield f"{_member(place, name)} may be left out now"
            yield from self._wider(_member(place, name), form, new[name])
        if "items" in before and "items" in now:
            yield from self._wider(f"an item of {place}", before["items"], now["items"])

    def _is_under_way(self, before: Any, now: Any, *, sends: bool) -> bool:
        """Whether the two components were compared before; one may hold itself."""
        if "$ref" not in before or "$ref" not in now:
            return False
        key = (before["$ref"], now["$ref"], sends)
        known = key in self._under_way
        self._under_way.add(key)
        return known


def _resolved(document: Mapping[str, Any], form: Any) -> dict[str, Any]:
    while "$ref" in form:
        form = _at(document, form["$ref"])
    found: dict[str, Any] = form
    return found


def _at(document: Mapping[str, Any], reference: str) -> Any:
    found: Any = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def _member(place: str, name: str) -> str:
    return f"{name} of {place}"


def _other_kind(place: str, before: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    for word in ("type", "format"):
        if before.get(word) != now.get(word) and (word == "type" or "format" in before):
            yield f"{place} is {now.get(word, 'anything')} now, not {before.get(word, 'anything')}"


def _bounds(place: str, before: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    for word in (*_LOWER_IS_NARROWER, *_HIGHER_IS_NARROWER):
        if word not in now or before.get(word) == now[word]:
            continue
        is_lower = before.get(word, now[word]) > now[word]
        if word not in before or is_lower is (word in _LOWER_IS_NARROWER):
            yield f"{place} has {word} {now[word]} now"
    if "pattern" in now and before.get("pattern") != now["pattern"]:
        yield f"{place} must have the form {now['pattern']} now"


def _differ(
    old: Mapping[str, Any], before: dict[str, Any], new: Mapping[str, Any], now: dict[str, Any]
) -> bool:
    """Whether the forms that a value may have are others, whatever the components are called."""
    return any(
        [_resolved(old, form) for form in before.get(word, ())]
        != [_resolved(new, form) for form in now.get(word, ())]
        for word in _WHOLE
    )
