"""What a trial is given: the definition to try, where, over which window, within which limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Protocol

from core.window import Window
from execution.models import Stage, TrialKind
from loaders.connectors.base import SourceProfile
from loaders.definition import Definition, RunSettings
from loaders.trial_report import TrialReport


@dataclass(frozen=True)
class Limits:
    """How much of the source a trial may take: seconds a statement, rows read, rows shown."""

    seconds: float
    rows: int
    sample: int


@dataclass(frozen=True)
class Plan:
    """What to try and where. `earlier` is what the last approved version's evidence found, if any,
    and `earlier_number` which version that is."""

    kind: TrialKind
    loader_code: str
    definition: Definition
    profile: SourceProfile
    password: Callable[[], str]
    window: Window
    limits: Limits
    min_interval: timedelta = timedelta()
    earlier: TrialReport | None = None
    earlier_number: int | None = None

    @cached_property
    def settings(self) -> RunSettings:
        """The governed values, typed."""
        return self.definition.settings()


class Watch(Protocol):
    """Who looks after a trial under way."""

    def stage(self, stage: Stage) -> None:
        """It has come this far."""

    def rows(self, count: int) -> None:
        """So many rows were read."""

    def interrupts(self, stop: Callable[[], None]) -> None:
        """Call `stop` when the trial must end."""


class Unwatched:
    """A trial that nobody waits for."""

    def stage(self, stage: Stage) -> None:
        """Nobody is told."""

    def rows(self, count: int) -> None:
        """Nobody is told."""

    def interrupts(self, stop: Callable[[], None]) -> None:
        """Nobody stops it; its limits end it."""
