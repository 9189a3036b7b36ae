"""Append-only audit events, and the outbox of what happened to loaders."""
