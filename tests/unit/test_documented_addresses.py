"""Addresses that the documents name are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.urls import resolve

from tests.portal_database import ROOT

_NAMED = re.compile(r"`(?:[A-Z]+ )?(/(?:api|admin|health)[^`?]*)[^`]*`")
_DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def named_in(document: Path) -> list[str]:
    """Paths in code marks, with something in place of what stands in braces."""
    paths = _NAMED.findall(document.read_text(encoding="utf-8"))
    return [re.sub(r"{\w+}", "ORDERS", path) for path in paths if path != "/api/v1/"]


@pytest.mark.parametrize("document", _DOCUMENTS, ids=lambda document: document.name)
def test_every_address_that_a_document_names_is_there(document: Path) -> None:
    for path in named_in(document):
        resolve(path)


def test_the_documents_name_addresses() -> None:
    assert sum(len(named_in(document)) for document in _DOCUMENTS) > 8
