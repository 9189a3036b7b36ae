"""Scheduler, dispatch, locks, windows, run engine, history, coverage, supervisor."""
