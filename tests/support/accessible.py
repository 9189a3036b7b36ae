"""What axe-core finds wrong with a page for people who see, hear or move otherwise (WCAG 2.2)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

AXE = Path(__file__).parent / "axe" / "axe.min.js"
GRAVE = {"serious", "critical"}
_RUN = """async (rules) => {
  const options = { resultTypes: ["violations"], preload: false, iframes: false };
  if (rules.length) options.runOnly = { type: "rule", values: rules };
  return (await axe.run(document, options)).violations;
}"""
_CLASSES = (
    """[...document.querySelectorAll("[class*='lp-']")].flatMap((one) => [...one.classList])"""
)
_COLOURS = ["color-contrast", "link-in-text-block"]
"""Rules that may be kept in one theme and broken in the other."""


@dataclass(frozen=True)
class Finding:
    """One element that breaks one of axe's rules."""

    rule: str
    element: str
    why: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.element} ({self.why})"


class Examiner:
    """Looks at pages in both themes. In the dark one only what may differ is looked at, and, unless
    it is thorough, only on pages with a CSS class of ours that no page before had."""

    def __init__(self, *, is_thorough: bool) -> None:
        self._is_thorough = is_thorough
        self._classes: set[str] = set()

    def grave_findings(self, page: Page) -> list[Finding]:
        """What is serious or critical on the page as it is shown."""
        page.evaluate(AXE.read_text(encoding="utf-8"))
        page.evaluate("new Promise((done) => setTimeout(done))")  # what waits for the page's end
        found = _grave(page, [])
        if self._has_new_classes(page) or self._is_thorough:
            page.evaluate("document.documentElement.classList.toggle('dark')")
            found += _grave(page, _COLOURS)
        return found

    def _has_new_classes(self, page: Page) -> bool:
        classes = set(page.evaluate(_CLASSES))
        is_news = not classes <= self._classes
        self._classes |= classes
        return is_news


def _grave(page: Page, rules: list[str]) -> list[Finding]:
    violations: list[dict[str, Any]] = page.evaluate(_RUN, rules)
    return [
        Finding(rule["id"], " ".join(node["html"].split())[:200], _why(node))
        for rule in violations
        for node in rule["nodes"]
        if (node["impact"] or rule["impact"]) in GRAVE
    ]


def _why(node: dict[str, Any]) -> str:
    checks = [*node["any"], *node["all"], *node["none"]]
    return "; ".join(check["message"] for check in checks)[:300]
