"""Conditional requests: `If-Match` and `If-None-Match` (spec 10, RFC 9110 section 13)."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.http import parse_etags
from rest_framework.request import Request

_ANY = "*"


def if_match(request: Request) -> list[str] | None:
    """The entity tags that the request names in `If-Match`; None if it sets no condition. What is
    not an entity tag is left out, so a condition that can't be read is not met."""
    header: str | None = request.headers.get("If-Match")
    return None if header is None else parse_etags(header)


def is_known(request: Request, etag: str) -> bool:
    """Whether the client says by `If-None-Match` that it has this representation already."""
    known = parse_etags(request.headers.get("If-None-Match", ""))
    return _ANY in known or etag in {tag.removeprefix("W/") for tag in known}


def etag_headers(etag: str) -> Mapping[str, str]:
    """Header fields of an answer that shows what has the tag: it may be kept by whom it was given
    to, who asks anew each time whether it still holds."""
    return {"ETag": etag, "Cache-Control": "private, no-cache"}
