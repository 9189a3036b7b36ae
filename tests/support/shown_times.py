"""Times on a page: those that are marked up, and those that a person could misread."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?!\S*Z)|\d{1,2}:\d\d ?[ap]\.?m|\bnoon\b|midnight")
_NOT_SHOWN = {"script", "style", "textarea", "option", "title"}
_VOID = {"input", "link", "meta", "br", "img", "hr", "col"}


class ShownTimes(HTMLParser):
    """`marked` are pairs of (instant in UTC, text) of the page's `<time>` elements; `unmarked` are
    texts with a time that neither is marked up nor says that it is UTC; `labels` are what tells the
    zone of what stands below."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.marked: list[tuple[str, str]] = []
        self.unmarked: list[str] = []
        self.labels: list[str] = []
        self._open: list[str] = []
        self._instant = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _VOID:
            self._open.append(tag)
        if tag == "time":
            self._instant = dict(attrs)["datetime"] or ""

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        text = " ".join(data.split())
        if "time" in self._open:
            self.marked.append((self._instant, text))
        elif not _NOT_SHOWN & set(self._open):
            if _TIME.search(text) and "UTC" not in text:
                self.unmarked.append(text)
            if re.search(r"\((UTC|[A-Z][a-z]+/\w+|)\)", text):
                self.labels.append(text)
