"""Trials: statements tried at their source without a signal being written (spec 3, 4)."""
