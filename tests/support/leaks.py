"""Looks for secrets in whatever the portal stored or printed, however it was written down.

A secret is looked for as it is and as JSON, addresses, HTML, SQL, Python and base64 write it; and
each of its words of ten letters or more as well, because no way of writing that escapes quotes or
percent signs changes those. Texts are looked into as they are and through base64 and zlib, which
is how sessions, cookies and messages to workers are stored.
"""

from __future__ import annotations

import base64
import html
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import quote, quote_plus

_WORD = re.compile(r"\w{10,}")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}")
_DEEPEST = 3


@dataclass(frozen=True)
class Secret:
    """A text that must not be shown. `name` is what a finding calls it."""

    name: str
    text: str = field(repr=False)

    @cached_property
    def needles(self) -> frozenset[str]:
        """Everything to look for, without regard to case."""
        wanted = {self.text, *_WORD.findall(self.text)}
        return frozenset(form.casefold() for text in wanted for form in forms(text))


@dataclass(frozen=True)
class Text:
    """Something the portal stored or printed, and where."""

    place: str
    content: str = field(repr=False)


@dataclass(frozen=True)
class Leak:
    """A secret that was found in a place."""

    secret: str
    place: str


def forms(text: str) -> set[str]:
    """The ways a text is written down."""
    raw = text.encode()
    return {
        text,
        json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
        quote(text),
        quote(text, safe=""),
        quote_plus(text),
        html.escape(text),
        text.encode("ascii", "xmlcharrefreplace").decode(),
        repr(text)[1:-1],
        ascii(text)[1:-1],
        repr(raw)[2:-1],
        text.replace("'", "''"),
        text.replace("\\", "\\\\").replace("'", "\\'"),
        raw.hex(),
        *_in_base64(raw),
    }


def _in_base64(raw: bytes) -> Iterator[str]:
    """The characters that base64 makes of the bytes alone, at each of the three places within a
    group where they may begin."""
    for before in range(3):
        first, end = -(-before * 8 // 6), (before + len(raw)) * 8 // 6
        padded = b"\0" * before + raw
        yield base64.b64encode(padded).decode()[first:end]
        yield base64.urlsafe_b64encode(padded).decode()[first:end]


def layers(text: str, depth: int = 0) -> Iterator[str]:
    """The text, and what is packed into it."""
    yield text
    if depth == _DEEPEST:
        return
    for found in _BASE64.findall(text):
        packed = found.replace("-", "+").replace("_", "/")
        packed = packed[: len(packed) - (len(packed) % 4 == 1)]
        raw = base64.b64decode(packed + "=" * (-len(packed) % 4))
        inflated = _inflated(raw)
        # What is no text, such as a ciphertext, is looked into as well: a pickle is half text.
        unpacked = (raw if inflated is None else inflated).decode("utf-8", "ignore")
        yield from layers(unpacked, depth + 1)


def _inflated(raw: bytes) -> bytes | None:
    try:
        return zlib.decompress(raw)
    except zlib.error:
        return None


def find(secrets: Iterable[Secret], texts: Iterable[Text]) -> list[Leak]:
    """Every secret in every text."""
    wanted = list(secrets)
    found: dict[Leak, None] = {}
    for text in texts:
        folded = "\0".join(layers(text.content)).casefold()
        for secret in wanted:
            if any(needle in folded for needle in secret.needles):
                found[Leak(secret.name, text.place)] = None
    return list(found)
