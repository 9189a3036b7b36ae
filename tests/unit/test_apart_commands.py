"""`manage.py demo` and `bench`, which run before settings exist."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.core.management import call_command

import manage
from benchmarks import __main__ as bench
from benchmarks.report import FULL, SHORT, Figure, Size
from tests.portal_database import ROOT

KEPT = Figure("quick", 2.0, "s", at_most=3.0)
MISSED = Figure("slow", 4.0, "s", at_most=3.0)


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """`manage.py` where nothing of a portal is configured."""
    bare = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env=bare,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", ["demo", "bench"])
def test_they_need_no_settings_and_help_has_an_example(name: str) -> None:
    done = run(name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: manage.py {name} ")
    assert f"manage.py {name}" in done.stdout.partition("xample:")[2]


def test_what_an_installation_lacks_is_said_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(manage.WITHOUT_SETTINGS, "bench", "benchmarks_that_are_not_there")
    assert manage.run_without_settings("bench", []) == 1
    assert "`make bench` installs what it needs" in capsys.readouterr().err


@pytest.mark.parametrize(("figures", "code"), [([KEPT], 0), ([KEPT, MISSED], 1)])
def test_the_exit_code_tells_whether_every_limit_is_kept(
    figures: list[Figure],
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(bench, "_figures", lambda names, size: iter(figures))
    monkeypatch.setattr(bench, "_on_the_demo", lambda names, size: iter([]))
    assert bench.main(["--json"]) == code
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line).keys() == {figure.name for figure in figures}
    assert bench.main([]) == code
    assert len(capsys.readouterr().out.splitlines()) == len(figures) + 2


def test_the_short_form_is_the_usual_one(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, Size]] = []

    def figures(names: Any, size: Size) -> Iterator[Figure]:
        asked.append((names, size))
        return iter([])

    for name in ("_on_the_demo", "_figures"):
        monkeypatch.setattr(bench, name, figures)
    for words in ([], ["--full"], ["--only", "gaps", "--loaders", "7"]):
        bench.main(words)
    demo, own = [*bench.ON_THE_DEMO], [*bench.BENCHMARKS]
    seven = replace(SHORT, loaders=7)
    assert asked == [
        *[(demo, SHORT), (own, SHORT)],
        *[(demo, FULL), (own, FULL)],
        *[([], seven), (["gaps"], seven)],
    ]
    for words in (["--only", "nothing"], ["--rows", "0"]):
        with pytest.raises(SystemExit) as ended:
            bench.main(words)
        assert ended.value.code == 2


def test_called_from_within_they_pass_their_options_on(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []

    def start(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        started.append(command[1:])
        return subprocess.CompletedProcess(command, 0 if "demo" in command[2] else 1)

    monkeypatch.setattr(subprocess, "run", start)
    call_command("demo", "--once")
    with pytest.raises(SystemExit):
        call_command("bench", "--only", "gaps", "--json")
    assert started == [
        ["-m", "loaderportal.demo", "--once"],
        ["-m", "benchmarks", "--only", "gaps", "--json"],
    ]
