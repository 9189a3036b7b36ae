"""Composition root: settings, addresses, and what combines the apps."""
