"""Figures of benchmarks: a table for people and one JSON line for machines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Size:
    """How much is asked of the benchmarks."""

    rows: int
    runs: int
    loaders: int
    people: int
    seconds: int
    signals: int


SHORT = Size(rows=250_000, runs=200, loaders=300, people=100, seconds=30, signals=2_000_000)
"""So much that all of it ends within six minutes on two processors that do nothing else."""

FULL = Size(rows=5_000_000, runs=10_000, loaders=5_000, people=100, seconds=60, signals=20_000_000)


@dataclass(frozen=True)
class Figure:
    """One measured value and the limit that it must keep: a floor, a ceiling, or none."""

    name: str
    value: float
    unit: str
    at_least: float | None = None
    at_most: float | None = None
    details: dict[str, float] = field(default_factory=dict)
    """What the value was made from, by name and unit, such as `run_seconds`."""

    @property
    def is_kept(self) -> bool:
        """Whether the value keeps its limit."""
        return (self.at_least is None or self.value >= self.at_least) and (
            self.at_most is None or self.value <= self.at_most
        )

    @property
    def limit(self) -> str:
        """The limit in words."""
        if self.at_least is not None:
            return f"at least {self.at_least:g}"
        return "" if self.at_most is None else f"at most {self.at_most:g}"


def table(figures: Iterable[Figure]) -> Iterator[str]:
    """Lines of the table, widths fitted to an ordinary terminal."""
    yield f"{'':<46}{'value':>9} {'unit':<13}{'limit':<15}made from"
    for figure in figures:
        made_from = ", ".join(f"{name} {value:,.6g}" for name, value in figure.details.items())
        verdict = figure.limit if figure.is_kept else f"MISSED: {figure.limit}"
        yield f"{figure.name:<46}{figure.value:>9.2f} {figure.unit:<13}{verdict:<15}{made_from}"


def json_line(figures: Iterable[Figure]) -> str:
    """One line with all figures and limits."""
    return json.dumps(
        {
            figure.name: {
                "value": round(figure.value, 3),
                "unit": figure.unit,
                "at_least": figure.at_least,
                "at_most": figure.at_most,
                **{name: round(value, 3) for name, value in figure.details.items()},
            }
            for figure in figures
        },
        ensure_ascii=False,
    )
