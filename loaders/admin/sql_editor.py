"""The field in which a loader's SQL is written: a text area, which scripts make an editor of.

Everything the editor does beyond a text area goes through the API, in the person's session. What it
must know beforehand stands in the page; where nothing of that is given, it stays a text area.
"""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.forms.widgets import Script
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminTextareaWidget

from loaders.dialects import DatabaseType
from loaders.models import Loader, SourceDatabase
from loaders.sql_guard.vocabulary import FUNCTIONS, OUTPUT_COLUMNS, VALUE_COUNT

_ATTRS = {
    "class": "lp-code",
    "spellcheck": "false",
    "autocomplete": "off",
    "autocapitalize": "off",
    "wrap": "off",
    "rows": 18,
}
_API = "/api/v1"
_OUT_OF_REACH = "own"
"""The key of a loader's source that the person does not reach, though the loader: of that source
the page tells the code and the dialect, and nothing to ask it by."""


class SqlEditor(UnfoldAdminTextareaWidget):  # type: ignore[misc] # django-unfold is not typed
    """The text area, and around it what the editor's scripts need (`editor_facts`)."""

    class Media:
        css = {"all": ["console/editor/editor.css"]}
        js = [Script("console/editor/main.js", type="module")]

    # Django's own, which begins the content on a new line: browsers drop the first one, and a text
    # that starts with an empty line must come back as it is.
    template_name = "django/forms/widgets/textarea.html"

    facts: dict[str, Any] | None = None

    def __init__(self) -> None:
        super().__init__(attrs=_ATTRS)

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """The text area alone where nothing is known that would make an editor of it."""
        textarea: SafeString = super().render(name, value, attrs, renderer)
        if self.facts is None:
            return textarea
        given = {"textarea": textarea, "name": name, "facts": self.facts}
        return render_to_string("console/sql_editor.html", given)


def editor_facts(loader: Loader | None, offered: QuerySet[SourceDatabase] | None) -> dict[str, Any]:
    """What the editor of a loader (None for a new one) must know: the sources that may be chosen
    (None where the form has no choice), the loader's own, and the words that the guard lets pass.
    """
    known = {}
    if offered is not None:
        rows = offered.only("db_code", "db_type", "allow_test_queries")
        known = {str(source.pk): _source_facts(source, tells_tables=True) for source in rows}
    own = loader.source_database if loader is not None else None
    key = ""
    if own is not None:
        key = str(own.pk) if str(own.pk) in known else _OUT_OF_REACH
        known.setdefault(key, _source_facts(own, tells_tables=False))
    return {
        "api": _API,
        "loader": "" if loader is None else loader.loader_code,
        "source": key,
        "sources": known,
        "columns": [*OUTPUT_COLUMNS, VALUE_COUNT],
        "functions": {kind.value: sorted(names) for kind, names in FUNCTIONS.items()},
    }


def _source_facts(source: SourceDatabase, *, tells_tables: bool) -> dict[str, Any]:
    kind = DatabaseType(source.db_type)
    return {
        "code": source.db_code,
        "kind": kind.value,
        "grammar": kind.grammar.value,
        "allowsTests": source.allow_test_queries,
        "tellsTables": tells_tables,
    }
