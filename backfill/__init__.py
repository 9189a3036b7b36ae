"""Backfill jobs, gap scanner and late-data re-count stand here, above execution."""
