"""Links between the console's pages."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString


def loader_link(code: str, pk: Any) -> SafeString:
    """A loader's code, leading to its page."""
    address = reverse("admin:loaders_loader_change", args=[pk])
    return format_html('<a class="lp-link" href="{}">{}</a>', address, code)
