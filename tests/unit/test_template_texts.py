"""Every text of our templates can be translated (CONTRIBUTING.md, "Texts of the console")."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.portal_database import ROOT
from tests.support.template_texts import untranslated

TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
BEFORE_A_SIGN_IN = {"400.html", "404.html", "403.html", "500.html", "api.html", "plain.html"}
"""Shown when nothing may be asked for, not even a language."""


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_text_of_a_template_can_be_translated(path: Path) -> None:
    if path.name not in BEFORE_A_SIGN_IN:
        assert [piece.text for piece in untranslated(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    ("template", "found"),
    [
        ("<p>Not said</p>", ["Not said"]),
        ("<p>{% translate 'Said' %}</p>", []),
        ("<p>{% blocktranslate %}Said of {{ it }}{% endblocktranslate %}</p>", []),
        ("<p>{{ number }} rows</p>", ["{{ number }} rows"]),
        ("{% if a %}<b>{{ a }}</b>{% else %}None here.{% endif %}", ["None here."]),
        ('<i title="A hint" class="no-text">{{ value }}</i>', ["A hint"]),
        ('<span class="material-symbols-outlined">visibility</span>', []),
        ("<code>manage.py gaps</code>{# a note #}<script>let it = 1;</script>", []),
        ('<a href="{% url "admin:index" %}">{{ x }} - 5 : 3</a>', []),
    ],
)
def test_a_text_that_nobody_could_translate_is_found(template: str, found: list[str]) -> None:
    assert [piece.text for piece in untranslated(template)] == found
