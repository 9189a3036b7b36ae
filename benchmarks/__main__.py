"""Run the benchmarks on servers of their own, print a table and one JSON line.

Ratios come first: times depend on the machine. The exit code is 1 when a figure misses its limit.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace

import django
from django.db.models.signals import post_save

import tests.portal_environment  # noqa: F401 - the settings want these values when they load
from benchmarks import servers
from benchmarks.report import FULL, SHORT, Figure, Size, json_line, table
from core.processes import settle
from loaderportal.commands.apart import parser_of
from loaderportal.commands.bench_options import EXAMPLE, OPTIONS, SIZES
from tests.support.evidence import complete_at_once

BENCHMARKS = ("writer", "memory", "gaps", "signals")
"""Modules of this package with `benchmark(stage, sources, size)`, which yields Figures."""

ON_THE_DEMO = ("api",)
"""Modules with `benchmark(size)`: what they measure is the demo, which they start."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what the command line asks for; the exit code."""
    everything = (*ON_THE_DEMO, *BENCHMARKS)
    parser = parser_of("bench", OPTIONS, str(__doc__), f"example: {EXAMPLE}")
    options = parser.parse_args(arguments)
    if options.only not in {None, *everything}:
        parser.error(f"--only takes one of {', '.join(everything)}")
    names = [options.only] if options.only else everything
    given = {name: value for name in SIZES if (value := getattr(options, name)) is not None}
    size = replace(FULL if options.full else SHORT, **given)
    figures = [
        *_on_the_demo([name for name in names if name in ON_THE_DEMO], size),
        *_figures([name for name in names if name in BENCHMARKS], size),
    ]
    shown = [] if options.json else table(figures)
    sys.stdout.write("\n".join([*shown, json_line(figures), ""]))
    return 0 if all(figure.is_kept for figure in figures) else 1


def _on_the_demo(names: list[str], size: Size) -> Iterator[Figure]:
    for name in names:
        for figure in importlib.import_module(f"benchmarks.{name}").benchmark(size):
            yield _told(figure)


def _told(figure: Figure) -> Figure:
    sys.stderr.write(f"{figure.name}: {figure.value:.2f} {figure.unit}\n")
    return figure


def _figures(names: list[str], size: Size) -> Iterator[Figure]:
    """Servers, a portal and two sources, and what the benchmarks find there."""
    if not names:
        return
    with servers.started() as started:
        database = servers.make_portal(started.postgres)
        os.environ["DATABASE_URL"] = database.url()
        os.environ["DJANGO_SETTINGS_MODULE"] = "loaderportal.settings"
        django.setup()
        settle()
        logging.disable(logging.INFO)
        # Definitions are approved here without a worker that gathers evidence about them.
        post_save.connect(complete_at_once, dispatch_uid="evidence_at_once")
        # Only now that Django is set up can modules that need its models be imported.
        stage_module = importlib.import_module("benchmarks.stage")
        with started.postgres.source() as postgres, started.mariadb.source() as mariadb:
            stage = stage_module.Stage(database, postgres)
            for name in names:
                module = importlib.import_module(f"benchmarks.{name}")
                for figure in module.benchmark(stage, (postgres, mariadb), size):
                    yield _told(figure)
            stage.close()


if __name__ == "__main__":
    sys.exit(main())
