"""What became of an execution, in plain sentences (spec 1 "a plain sentence first"). Pure: `now`
is an argument, and nothing is asked of the database. Instants are told in UTC."""

from __future__ import annotations

from datetime import UTC, datetime

from core.display import span_text
from execution.advice import advice_of
from execution.models import LoadHistory, RunStatus, Trigger

_NOTHING = {
    Trigger.DRY_RUN: "A trial writes no signals.",
    Trigger.RECOUNT: "A re-count writes no signals.",
}


def outcome(execution: LoadHistory, now: datetime, *, rows_so_far: int | None = None) -> str:
    """What happened, or happens: one or two sentences. `rows_so_far` is what a run that goes on
    has read, where that is known."""
    if execution.status == RunStatus.RUNNING:
        return _under_way(execution, now, rows_so_far)
    if execution.status == RunStatus.FAILED:
        return f"Failed: {_message(execution)} {_nothing(execution)}"
    if execution.status == RunStatus.CANCELLED:
        return f"Called off: {_message(execution)} {_nothing(execution)}"
    return _done(execution)


def what_to_do(execution: LoadHistory) -> str:
    """What a person can do about a failure; empty where there is none, or nothing to say."""
    return advice_of(execution.error_code) if execution.status == RunStatus.FAILED else ""


def comes_again(
    execution: LoadHistory, now: datetime, *, is_latest: bool, due_at: datetime | None
) -> str:
    """Whether a failed or cancelled live run is tried again. `is_latest` says that the loader has
    not been tried since; `due_at` is then when it is due, and None that it waits for somebody."""
    ended = execution.status in {RunStatus.FAILED, RunStatus.CANCELLED}
    if not ended or not Trigger(execution.trigger).is_live:
        return ""
    if not is_latest:
        return "The loader has been tried again since."
    if due_at is None:
        return "It is not tried again by itself: it waits until somebody mends or runs it."
    if due_at <= now:
        return "It is due again, and is tried as soon as there is room."
    return f"It is tried again at {instant(due_at)} UTC."


def window_of(execution: LoadHistory) -> str:
    """The window in words: `2013-11-23 15:00 to 2013-11-30 15:00 UTC`."""
    return f"{instant(execution.query_from_time)} to {instant(execution.query_to_time)} UTC"


def instant(at: datetime) -> str:
    """An instant in UTC, to the minute unless it has seconds."""
    form = "%Y-%m-%d %H:%M:%S" if at.second else "%Y-%m-%d %H:%M"
    return at.astimezone(UTC).strftime(form)


def _under_way(execution: LoadHistory, now: datetime, rows_so_far: int | None) -> str:
    if execution.claimed_at is None:
        waited = span_text(now - execution.start_time)
        return f"Queued for {waited}: no worker has taken it up yet."
    lasts = span_text(now - execution.claimed_at)
    read = "" if rows_so_far is None else f", {_rows(rows_so_far)} read so far"
    return f"Running for {lasts}{read}."


def _done(execution: LoadHistory) -> str:
    trigger, window = Trigger(execution.trigger), window_of(execution)
    took = ""
    if execution.claimed_at is not None and execution.end_time is not None:
        took = f" in {span_text(execution.end_time - execution.claimed_at)}"
    if not trigger.loads:
        read = "" if execution.records_read is None else f"Read {_rows(execution.records_read)} "
        return f"{read or 'Looked '}over {window}{took}. {_NOTHING[trigger]}"
    loaded, read_rows = execution.records_loaded or 0, execution.records_read or 0
    if not read_rows:
        told = f"The source had no rows of {window}: nothing was loaded."
    elif trigger is Trigger.RESTORE:
        told = f"Put back {_signals(loaded)} of {window}{took}."
    else:
        told = f"Loaded {_signals(loaded)} of {window}{took}."
    return " ".join([told, *_asides(execution)])


def _asides(execution: LoadHistory) -> list[str]:
    asides = []
    if execution.records_purged:
        asides.append(f"They took the place of {_signals(execution.records_purged)}.")
    if execution.records_skipped:
        asides.append(f"{_rows(execution.records_skipped).capitalize()} stood there already.")
    if execution.status == RunStatus.PARTIAL:
        asides.append("More would have gone over the row limit: the rest of the time follows.")
    return asides


def _nothing(execution: LoadHistory) -> str:
    return _NOTHING.get(Trigger(execution.trigger), "Nothing was loaded.")


def _message(execution: LoadHistory) -> str:
    """The error in words, as a sentence."""
    text = execution.error_message.strip() or execution.error_code or "no reason was recorded"
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _rows(number: int) -> str:
    return "1 row" if number == 1 else f"{number:,} rows"


def _signals(number: int) -> str:
    return "1 signal" if number == 1 else f"{number:,} signals"
