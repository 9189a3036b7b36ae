"""Scenes that tests set up: people, sources, loaders."""
