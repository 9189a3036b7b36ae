"""The texts of a template that a person reads, and whether a translator would get them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_COMMENT = re.compile(r"{#.*?#}|{% comment %}.*?{% endcomment %}|<!--.*?-->", re.DOTALL)
_NO_TEXT = re.compile(
    r"<(script|style|code|svg)\b.*?</\1>|"
    r'<span[^>]*class="[^"]*material-symbols-outlined[^"]*"[^>]*>.*?</span>',
    re.DOTALL,
)
_TRANSLATED = re.compile(r"{% blocktranslate\b.*?{% endblocktranslate %}", re.DOTALL)
_TAG = re.compile(r"<(?:{%.*?%}|{{.*?}}|[^<>{]|{)*?>", re.DOTALL)
_BLOCK = re.compile(r"{%.*?%}", re.DOTALL)
_VALUE = re.compile(r"{{.*?}}", re.DOTALL)
_ATTRIBUTE = re.compile(r'\s(?:title|aria-label|placeholder|alt)="((?:{{.*?}}|{%.*?%}|[^"])*)"')
_WORD = re.compile(r"[^\W\d_]{2,}")
NAMES = {"UTC", "SQL", "API", "Loader Portal", "Bearer"}
"""Said alike in all languages."""


@dataclass(frozen=True)
class Piece:
    """A text between two tags, or in an attribute, and where it stands."""

    start: int
    end: int
    text: str

    @property
    def has_values(self) -> bool:
        """Whether values are put into it."""
        return _VALUE.search(self.text) is not None


def untranslated(template: str) -> Iterator[Piece]:
    """Texts with words that stand neither in `translate` nor in `blocktranslate`."""
    blank = template
    for pattern in (_COMMENT, _NO_TEXT, _TRANSLATED):
        blank = pattern.sub(lambda found: "\0" * len(found.group()), blank)
    for found in _ATTRIBUTE.finditer(blank):
        yield from _pieces(found.group(1), found.start(1))
    outside = _TAG.sub(lambda found: "\0" * len(found.group()), blank)
    for node in re.finditer(r"[^\0]+", outside):
        yield from _pieces(node.group(), node.start())


def _pieces(text: str, start: int) -> Iterator[Piece]:
    """The parts of a text between block tags that have words of their own."""
    without = _BLOCK.sub(lambda found: "\0" * len(found.group()), text)
    for found in re.finditer(r"[^\0]+", without):
        words = _VALUE.sub(" ", found.group()).strip()
        if _WORD.search(words) and words not in NAMES:
            stripped = found.group().strip()
            at = start + found.start() + found.group().index(stripped)
            yield Piece(at, at + len(stripped), stripped)
