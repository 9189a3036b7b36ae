"""Examples of bodies and answers, put together from one example of each field.

One table for all: a field of the same name looks the same everywhere, and a new operation has
examples without anybody writing them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ID = "019c1234-5678-7abc-8def-0123456789ab"
_SQL = (
    "SELECT hour AS LOAD_TIME_STAMP, region AS SEGMENT_1, NULL AS SEGMENT_2, NULL AS SEGMENT_3, "
    "NULL AS SEGMENT_4, NULL AS SEGMENT_5, NULL AS SEGMENT_6, NULL AS SEGMENT_7, "
    "NULL AS SEGMENT_8, NULL AS SEGMENT_9, NULL AS SEGMENT_10, COUNT(*) AS REC_COUNT, "
    "SUM(amount) AS SUM_VAL, AVG(amount) AS AVG_VAL, MAX(amount) AS MAX_VAL, MIN(amount) AS "
    "MIN_VAL FROM orders WHERE hour >= :fromTime AND hour < :toTime GROUP BY hour, region"
)

BY_NAME: dict[str, Any] = {
    "action": "loader.submit",
    "actor": "olivia",
    "comment": "Please look at the new region.",
    "contact": "shop@example.com",
    "correlationId": _ID,
    "cursor": "019c1234",
    "dbCode": "STORE_DB",
    "dbName": "shop",
    "decidedBy": "ada",
    "description": "Orders by the hour and region.",
    "domain": "sales",
    "environment": "production",
    "errorCode": "",
    "errorMessage": "",
    "expiresInDays": 90,
    "fromTime": "2026-01-31T10:00:00Z",
    "grainSeconds": 3600,
    "host": "db.example.com",
    "loaderCode": "ORDERS_BY_HOUR",
    "loaderSql": _SQL,
    "maxQueryPeriodSeconds": 86400,
    "minIntervalSeconds": 600,
    "name": "nightly export",
    "next": None,
    "offsetHours": "-3.00",
    "owningTeam": "Shop",
    "page": 1,
    "password": "the password",
    "port": 5432,
    "previous": None,
    "reason": "The source was repaired.",
    "refreshToken": "eyJhbGciOiJIUzI1NiJ9.e30.abc",
    "accessToken": "eyJhbGciOiJIUzI1NiJ9.e30.abc",
    "requestedBy": "olivia",
    "role": "viewer",
    "segmentMeanings": ["region"],
    "sourceDatabase": "STORE_DB",
    "sql": _SQL,
    "submittedBy": "olivia",
    "tags": ["orders"],
    "teams": ["Shop"],
    "timeZone": "UTC",
    "toTime": "2026-01-31T11:00:00Z",
    "tokenType": "Bearer",
    "userName": "reader",
    "username": "olivia",
    "windowFrom": "2026-01-31T10:00:00Z",
    "windowTo": "2026-01-31T11:00:00Z",
}
_BY_FORMAT = {
    "uuid": _ID,
    "date-time": "2026-01-31T11:00:05Z",
    "date": "2026-01-31",
    "uri": "https://portal.example.com/api/v1/loaders?cursor=019c1234",
    "double": 12.5,
}


def example_of(schema: Mapping[str, Any], schemas: Mapping[str, Any], name: str = "") -> Any:
    """A value of the schema; `schemas` are those that it may refer to, by name, and `name` is that
    of the field it stands in."""
    if "example" in schema:
        return schema["example"]
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rpartition("/")[2]], schemas, name)
    for whole in ("allOf", "oneOf", "anyOf"):
        if whole in schema:
            return example_of(schema[whole][0], schemas, name)
    if "properties" in schema:
        return {key: example_of(form, schemas, key) for key, form in schema["properties"].items()}
    return _simple(schema, schemas, name)


def _simple(schema: Mapping[str, Any], schemas: Mapping[str, Any], name: str) -> Any:
    if "enum" in schema:
        return schema.get("default", schema["enum"][0])
    if name in BY_NAME and (BY_NAME[name] is not None or schema.get("nullable")):
        return BY_NAME[name]
    if schema.get("type") == "array":
        return [example_of(schema["items"], schemas)]
    return _plain(schema)


def _plain(schema: Mapping[str, Any]) -> Any:
    if "default" in schema:
        return schema["default"]
    if schema.get("format") in _BY_FORMAT:
        return _BY_FORMAT[schema["format"]]
    kind = schema.get("type")
    if kind == "boolean":
        return False
    if kind in {"integer", "number"}:
        return max(schema.get("minimum", 0), min(1, schema.get("maximum", 1)))
    return "text"[: schema.get("maxLength", 4)] if kind == "string" else {}
