"""A document whose commands are run, and whose answers are compared with what came."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

_BLOCK = re.compile(r"^```(sh|json)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_SEPARATOR = "-- end of step --"
LONGEST_SECONDS = 180


@dataclass(frozen=True)
class Step:
    """Commands of the document, and the answer that it shows behind them, if it shows one."""

    commands: str
    shown: Any = None


def steps_of(document: str) -> list[Step]:
    """The blocks of commands in their order, each with the JSON block that follows it."""
    steps: list[Step] = []
    for kind, text in _BLOCK.findall(document):
        if kind == "sh":
            steps.append(Step(text))
        else:
            steps[-1] = Step(steps[-1].commands, json.loads(text))
    return steps


def run_steps(steps: list[Step], *, folder: Path, environment: dict[str, str]) -> Iterator[str]:
    """Run all commands in one shell that ends at the first that fails; what each step printed."""
    script = "set -euo pipefail\n" + "".join(
        f"{step.commands}\necho\necho '{_SEPARATOR}'\n" for step in steps
    )
    out, complaints = folder.parent / "tour.out", folder.parent / "tour.err"
    with out.open("w") as output, complaints.open("w") as errors:
        shell = subprocess.Popen(
            ["bash", "-c", script], cwd=folder, env=environment, stdout=output, stderr=errors
        )
        try:
            status: int | str = shell.wait(timeout=LONGEST_SECONDS)
        except subprocess.TimeoutExpired:
            shell.kill()
            status = f"over {LONGEST_SECONDS} s"
    printed = out.read_text().split(f"\n{_SEPARATOR}\n")
    assert status == 0, (
        f"{status}: {steps[len(printed) - 1].commands}\n{printed[-1]}\n{complaints.read_text()}"
    )
    return iter(printed[:-1])


def unlike(shown: Any, answer: Any, where: str = "answer") -> list[str]:
    """What the document shows and the answer does not have: a member, or one of another type. Of a
    list the first element stands for all. Where both are texts in capitals they must be equal."""
    if isinstance(shown, dict):
        if not isinstance(answer, dict):
            return [f"{where} is no object"]
        missing = [f"{where}.{name} is not there" for name in shown if name not in answer]
        there = sorted(shown.keys() & answer.keys())
        inside = (unlike(shown[name], answer[name], f"{where}.{name}") for name in there)
        return [*missing, *chain.from_iterable(inside)]
    if isinstance(shown, list):
        if not isinstance(answer, list) or (shown and not answer):
            return [f"{where} is no list, or empty"]
        return unlike(shown[0], answer[0], f"{where}[0]") if shown else []
    if isinstance(shown, str) and shown.isupper() and re.fullmatch("[A-Z_]+", shown):
        return [] if shown == answer else [f"{where} is {answer!r}, not {shown!r}"]
    numbers = (int, float)
    same = isinstance(answer, numbers if isinstance(shown, numbers) else type(shown))
    return [] if same else [f"{where} is {answer!r}, which is not like {shown!r}"]
