"""What the tests of the demo share."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def folder_for_a_demo() -> Iterator[Path]:
    """A name where nothing is yet, below a folder that PostgreSQL's account may pass through."""
    directory = Path(tempfile.mkdtemp(prefix="loaderportal-demo-"))
    directory.chmod(0o711)
    yield directory / "demo"
    shutil.rmtree(directory)


@pytest.fixture
def new_demo_folder() -> Iterator[Path]:
    """Where one test may start a demo."""
    with folder_for_a_demo() as folder:
        yield folder


@pytest.fixture(scope="session")
def demo_folder() -> Iterator[Path]:
    """The demo's folder as a user keeps one: whoever comes first makes the demo in it, and who
    comes later starts that again."""
    with folder_for_a_demo() as folder:
        yield folder
