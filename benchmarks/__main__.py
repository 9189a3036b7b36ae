"""`make bench`: run the benchmarks on servers of their own, print a table and one JSON line.

Ratios come first: times depend on the machine. The exit code is 1 when a figure misses its limit.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Iterator

import django
from django.db.models.signals import post_save

import tests.portal_environment  # noqa: F401 - the settings want these values when they load
from benchmarks import servers
from benchmarks.report import Figure, Size, json_line, table
from core.processes import settle
from tests.support.evidence import complete_at_once

BENCHMARKS = ("writer", "memory", "gaps", "signals")
"""Modules of this package with `benchmark(stage, sources, size)`, which yields Figures."""


def main() -> int:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of a large load")
    parser.add_argument("--runs", type=int, default=2_000, help="runs in one worker process")
    parser.add_argument("--only", choices=BENCHMARKS, help="one benchmark instead of all")
    parser.add_argument("--loaders", type=int, default=5_000, help="loaders of a scan for gaps")
    parser.add_argument("--signals", type=int, default=2_000_000, help="signals of a query")
    options = parser.parse_args()
    names = [options.only] if options.only else BENCHMARKS
    size = Size(options.rows, options.runs, options.loaders, options.signals)
    figures = list(_figures(names, size))
    sys.stdout.write("\n".join([*table(figures), json_line(figures), ""]))
    return 0 if all(figure.is_kept for figure in figures) else 1


def _figures(names: list[str] | tuple[str, ...], size: Size) -> Iterator[Figure]:
    """Servers, a portal and two sources, and what the benchmarks find there."""
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
                    sys.stderr.write(f"{figure.name}: {figure.value:.2f} {figure.unit}\n")
                    yield figure
            stage.close()


if __name__ == "__main__":
    sys.exit(main())
