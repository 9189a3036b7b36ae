"""What an approver should notice about a trial, in sentences. Pure.

An error means that runs would fail, mislead, or could harm the source; a warning, that somebody
should look; a note, how far the evidence reaches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from core.display import span_text
from execution.trials.grain_check import GrainVerdict
from loaders.grain import Grain
from loaders.trial_report import Finding, Severity, SourceFacts

SLOW_AFTER = timedelta(seconds=30)


@dataclass(frozen=True)
class Observed:
    """What is known after a trial. `coarse_seconds` are the steps that the rows come in, where the
    loader's grain could cut them, and `grain_verdict` whether it does. `row_limit` is what the
    trial itself reads at most."""

    rows: int
    is_cut: bool
    row_limit: int
    took: timedelta
    failure: tuple[str, str] | None = None
    coarse_seconds: int | None = None
    grain_verdict: GrainVerdict | None = None
    drift: Sequence[str] = ()
    compared_with: int | None = None


def of_source(source: SourceFacts, lateness: timedelta) -> list[Finding]:
    """About the account and the clock."""
    found = []
    if source.can_write:
        found.append(
            _error(
                "ACCOUNT_CAN_WRITE",
                "The source's account may do more than read. Take its other rights away "
                "(docs/sources.md).",
            )
        )
    elif source.can_write is None:
        found.append(
            _warning(
                "ACCOUNT_UNKNOWN",
                "It could not be found out whether the source's account may only read.",
            )
        )
    skew = source.clock_skew_seconds
    if skew is not None and skew < -lateness.total_seconds():
        found.append(
            _warning(
                "CLOCK_BEHIND",
                f"The source's clock is {-skew:.0f} s behind the portal's: windows close late.",
            )
        )
    return found


def of_result(
    seen: Observed, *, grain: Grain, row_cap: int | None, min_interval: timedelta
) -> list[Finding]:
    """About the run of the statement and what it brought, for a loader with these settings."""
    found = []
    if seen.failure is not None:
        found.append(_error(*seen.failure))
    if seen.failure is None and seen.rows == 0:
        found.append(
            _warning(
                "NO_ROWS",
                "The window brought no rows: neither their values nor the grain could be checked.",
            )
        )
    found += _of_speed(seen, min_interval)
    found += _of_size(seen, row_cap)
    found += _of_grain(seen, grain)
    if seen.drift:
        found.append(
            _warning(
                "COLUMN_DRIFT",
                f"Against version {seen.compared_with}: {'; '.join(seen.drift)}.",
            )
        )
    return found


def _of_speed(seen: Observed, min_interval: timedelta) -> list[Finding]:
    slow = min(SLOW_AFTER, min_interval / 2) if min_interval else SLOW_AFTER
    if seen.took <= max(slow, timedelta(seconds=1)):
        return []
    message = (
        f"The widest window took {seen.took.total_seconds():.1f} s at the source, and the loader "
        f"asks as often as every {span_text(min_interval)}. Look at the plan, or shorten "
        "max_query_period."
    )
    return [_warning("SLOW_QUERY", message)]


def _of_size(seen: Observed, row_cap: int | None) -> list[Finding]:
    found = []
    if row_cap is not None and seen.rows > row_cap:
        message = f"The window brings more than the loader's row limit of {row_cap}: runs halve it."
        found.append(_warning("OVER_ROW_LIMIT", message))
    if seen.is_cut:
        message = f"Only the first {seen.row_limit} rows were read; the rest was not looked at."
        found.append(Finding(Severity.NOTE, "RESULT_CUT", message))
    return found


def _of_grain(seen: Observed, grain: Grain) -> list[Finding]:
    if seen.coarse_seconds is None:
        return []
    own = "a calendar day" if grain.seconds is None else span_text(grain.step)
    step = span_text(timedelta(seconds=seen.coarse_seconds))
    told = f"All stamps stand on whole steps of {step}, and the loader's grain is {own}"
    if seen.grain_verdict is GrainVerdict.CUT:
        advice = f"Set the grain to {step}, or group by the grain."
        return [_error("GRAIN_MISMATCH", f"{told}: windows cut through the groups. {advice}")]
    if seen.grain_verdict is GrainVerdict.FITS:
        message = f"{told}. It fits: asked within a step, the source gave no row of the whole step."
        return [Finding(Severity.NOTE, "GRAIN_COARSE", message)]
    return [
        _warning("GRAIN_UNCHECKED", f"{told}. Whether windows cut groups could not be found out.")
    ]


def gave_up(code: str, message: str) -> Finding:
    """A pack that could not be gathered: the approver decides without."""
    return _error("EVIDENCE_INCOMPLETE", f"The evidence could not be gathered ({code}). {message}")


def _error(code: str, message: str) -> Finding:
    return Finding(Severity.ERROR, code, message)


def _warning(code: str, message: str) -> Finding:
    return Finding(Severity.WARNING, code, message)
