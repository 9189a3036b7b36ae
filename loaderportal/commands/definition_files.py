"""Files of definitions on a disk: which there are, reading and writing them."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from pathlib import Path

from core.errors import TerminalError
from loaders.definition_file import LARGEST, MalformedFileError, Problem

STANDARD = "-"
"""Standard input or output instead of a file."""

SUFFIX = ".yaml"
_SUFFIXES = {SUFFIX, ".yml"}
_LONGEST_CHARACTER = 4


class FileAccessError(TerminalError):
    """A file or folder that the command was told can't be read or written."""

    code = "FILE_NOT_ACCESSIBLE"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


def named_files(names: Sequence[str]) -> Iterator[str]:
    """The files that are meant: those named, and all .yaml and .yml files in and below folders, in
    the order of their names; hidden ones are left out. Raises FileAccessError for a name of nothing
    and for a folder without any."""
    for name in names:
        path = Path(name)
        if name == STANDARD or path.is_file():
            yield name
            continue
        if not path.is_dir():
            raise FileAccessError(f"There is no file or folder {name}.")
        found = sorted(
            file
            for file in path.rglob("*")
            if file.suffix in _SUFFIXES
            and not any(part.startswith(".") for part in file.relative_to(path).parts)
        )
        if not found:
            raise FileAccessError(f"There is no {SUFFIX} file in {name}.")
        yield from map(str, found)


def read_text(name: str) -> str:
    """The file's text, or that of standard input. Raises FileAccessError, and MalformedFileError
    for one that is too long or not UTF-8."""
    most = LARGEST * _LONGEST_CHARACTER + 1
    try:
        if name == STANDARD:
            content = sys.stdin.buffer.read(most)
        else:
            with Path(name).open("rb") as file:
                content = file.read(most)
    except OSError as error:
        raise FileAccessError(f"{name} can't be read: {error.strerror}.") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise MalformedFileError(Problem(line, "", "It is not UTF-8.")) from None


def write_text(path: Path, text: str) -> bool:
    """Let the file hold this text, all of it or, after a crash, what it held before; False if it
    did already. Raises FileAccessError."""
    content = text.encode()
    try:
        if path.is_file() and path.read_bytes() == content:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            Path(name).chmod(0o640)
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise FileAccessError(f"{path} can't be written: {error.strerror}.") from None
    return True
