"""docs/api.md, followed literally against the demo (issue 7)."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from loaderportal.demo.processes import free_port
from tests.acceptance.test_demo import ROOT, demo, demo_dir
from tests.support.tour import run_steps, steps_of, unlike

__all__ = ["demo_dir"]
START_SECONDS = 120.0


@pytest.fixture
def demo_folder(demo_dir: Path) -> Iterator[Path]:
    """The folder of a demo that can be used."""
    with demo(demo_dir, DEMO_PORT=str(free_port())) as process:
        try:
            deadline = time.monotonic() + START_SECONDS
            while not (demo_dir / "credentials.json").exists():
                assert process.poll() is None, process.communicate()[1]
                assert time.monotonic() < deadline, "the demo did not start"
                time.sleep(0.1)
            yield demo_dir
        finally:
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=90)[1]
    assert process.returncode == 0, said


def test_every_command_of_the_tour_answers_as_it_says(demo_folder: Path, tmp_path: Path) -> None:
    steps = steps_of((ROOT / "docs" / "api.md").read_text())
    environment = {**os.environ, "DEMO_DIR": str(demo_folder)}
    printed = list(run_steps(steps, folder=tmp_path, environment=environment))
    assert len(printed) == len(steps) > 15
    for step, text in zip(steps, printed, strict=True):
        if step.shown is not None:
            assert unlike(step.shown, json.loads(text)) == [], step.commands
    assert list(tmp_path.iterdir()) == []


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
