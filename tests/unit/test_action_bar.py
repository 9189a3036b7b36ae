"""Which buttons stand in the open, and which are folded into the menu."""

from __future__ import annotations

from accounts.admin_actions import ActionBar, ShownAction


def shown(
    name: str, *, tone: str = "plain", reason: str = "", is_rare: bool = False
) -> ShownAction:
    return ShownAction(
        name, name, "icon", tone, reason, "", posts=True, confirm="", is_rare=is_rare
    )


def test_what_can_be_done_stands_open_and_the_main_one_first() -> None:
    bar = ActionBar.of([shown("copy", is_rare=True), shown("disable"), shown("run", tone="main")])
    assert [action.name for action in bar.ready] == ["run", "disable"]
    assert [action.name for action in bar.folded] == ["copy"]


def test_what_can_not_be_done_is_folded_with_its_reason_below_what_can() -> None:
    blocked = shown("run", tone="main", reason="A run is under way.")
    bar = ActionBar.of([blocked, shown("copy", is_rare=True)])
    assert bar.ready == []
    assert [action.name for action in bar.folded] == ["copy", "run"]
    assert bar.folded[1].reason == "A run is under way."
