"""No event that the portal decides by may ever be pruned."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from audit.retention import KEPT_ACTIONS

ROOT = Path(__file__).resolve().parents[2]
ABOVE_AUDIT = ("accounts", "loaders", "signals", "execution", "backfill", "loaderportal")
ACTION = re.compile(r"(loader|source)\.[a-z_]+")


def modules_that_read_events() -> list[Path]:
    """Modules that query the audit trail, save the register of the console's pages."""
    found = [path for app in ABOVE_AUDIT for path in (ROOT / app).rglob("*.py")]
    return [
        path
        for path in found
        if re.search(r"\bAuditEvent\.objects\b", path.read_text(encoding="utf-8"))
    ]


def actions_in(path: Path) -> set[str]:
    """Names of actions that the module writes out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    texts = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return {text for text in texts if isinstance(text, str) and ACTION.fullmatch(text)}


def test_whatever_action_a_decision_reads_is_kept_for_ever() -> None:
    readers = modules_that_read_events()
    assert ROOT / "loaders/services/drafting.py" in readers
    assert {action for path in readers for action in actions_in(path)} == set(KEPT_ACTIONS)
