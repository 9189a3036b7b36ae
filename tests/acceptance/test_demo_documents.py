"""The two documents that a newcomer follows, followed literally against the demo: docs/guide.md in
the console (issue 9), docs/api.md on the command line (issue 7). It is the demo that `test_demo`
leaves, started again."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.portal_database import ROOT
from tests.support.chromium import chromium
from tests.support.demo_portal import DemoPortal, demo_portal
from tests.support.guide import Follower, Instruction, instructions_of
from tests.support.tour import run_steps, steps_of, unlike


@pytest.fixture(scope="module")
def demo(demo_folder: Path) -> Iterator[DemoPortal]:
    """A demo that can be used."""
    with demo_portal(demo_folder) as portal:
        yield portal


def test_every_command_of_the_tour_answers_as_it_says(demo: DemoPortal, tmp_path: Path) -> None:
    steps = steps_of((ROOT / "docs" / "api.md").read_text())
    environment = {**os.environ, "DEMO_DIR": str(demo.folder)}
    printed = list(run_steps(steps, folder=tmp_path, environment=environment))
    assert len(printed) == len(steps) > 15
    for step, text in zip(steps, printed, strict=True):
        if step.shown is not None:
            assert unlike(step.shown, json.loads(text)) == [], step.commands
    assert list(tmp_path.iterdir()) == []


def test_who_follows_the_guide_gets_to_a_loader_of_their_own(demo: DemoPortal) -> None:
    guide = instructions_of((ROOT / "docs" / "guide.md").read_text(encoding="utf-8"))
    assert len(guide) > 25
    with chromium() as browser:
        page = browser.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        follower = Follower(page, demo.address, demo.passwords)
        for instruction in guide:
            follower.follow(instruction)
    assert complaints == []
    loader = demo.call("viewer", "GET", "loaders/PAYMENTS_HOURLY_GUIDE")
    assert (loader["approvalStatus"], loader["enabled"]) == ("APPROVED", True)
    assert loader["lastLoadTimestamp"] is not None


def test_a_step_of_the_guide_that_nobody_could_follow_is_noticed() -> None:
    guide = '# Title with **bold**\n\n1. Open **Loaders**. You see "A".\n\n2. {}\n\nOver `all`.\n'
    read = instructions_of(guide.format("Fill in **Code** with `X` and **Team** with `Y`."))
    assert read == [
        Instruction("open", "Loaders"),
        Instruction("see", value="A"),
        Instruction("fill", "Code", "X"),
        Instruction("fill", "Team", "Y"),
    ]
    for unclear in ("Look at **Loaders**.", "It is `X`.", 'It says "A".'):
        with pytest.raises(AssertionError, match="What is to be done"):
            instructions_of(guide.format(unclear))


def test_an_answer_that_is_not_as_shown_is_noticed() -> None:
    shown = {"status": "DRAFT", "results": [{"id": "019f...", "count": 1, "end": None}]}
    assert (
        unlike(shown, {"status": "DRAFT", "results": [{"id": "x", "count": 2.5, "end": None}]})
        == []
    )
    assert unlike(shown, {"status": "APPROVED", "results": []}) != []
    assert (
        unlike(shown, {"status": "DRAFT", "results": [{"id": "x", "count": "1", "end": None}]})
        != []
    )
    assert unlike(shown, {"status": "DRAFT", "results": [{"id": "x", "end": None}]}) != []
