"""Where captures lie: a folder, or what pyarrow's file systems reach, such as S3.

No error of this module names the place: its address may hold credentials.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
from django.conf import settings
from pyarrow import fs

from execution.exceptions import CaptureFailedError

_DIRECTORY_MODE = 0o700
_FILE_MODE = 0o600
_OBJECT_STORE = "s3"
"""There a key needs no folder, and one made for it would be an empty object."""


@dataclass(frozen=True)
class Found:
    """A file of a place. `path` is relative to it, `changed_at` by the place's own clock, UTC."""

    path: str
    changed_at: datetime


class Place:
    """A place for captures. All paths are relative to it. Methods raise OSError."""

    def __init__(self, file_system: Any, root: str) -> None:
        self._files = file_system
        self._root = root.rstrip("/")

    def __repr__(self) -> str:
        return "<the place of raw captures>"

    def create(self, path: str) -> IO[bytes]:
        """A new file to write to, with the folders that it needs; an old one of this name goes."""
        if self._files.type_name != _OBJECT_STORE:
            self._files.create_dir(self._at(path).rsplit("/", 1)[0], recursive=True)
        stream: IO[bytes] = self._files.open_output_stream(self._at(path))
        return stream

    def close_durably(self, stream: IO[bytes], path: str) -> None:
        """Close a file that was written whole; once this returns it outlives a crash."""
        stream.close()

    def finish(self, part: str, path: str) -> None:
        """Give a part its finished name, under which it appears whole. Run and upkeep may both do
        so at once: to have been overtaken is no error."""
        try:
            self._move(part, path)
        except OSError:
            if self.holds(part) or not self.holds(path):
                raise

    def delete(self, path: str) -> None:
        """Remove a file; one that is not there is no error."""
        if self.holds(path):
            self._files.delete_file(self._at(path))

    def holds(self, path: str) -> bool:
        """Whether there is such a file."""
        info = self._files.get_file_info(self._at(path))
        return bool(info.type == fs.FileType.File)

    def months(self) -> Iterator[str]:
        """The folders <loader>/<year>/<month>, one after the other."""
        for loader in self._folders(""):
            for year in self._folders(loader):
                yield from self._folders(year)

    def files(self, folder: str) -> list[Found]:
        """The files that stand directly in a folder."""
        return [
            Found(f"{folder}/{info.base_name}", info.mtime)
            for info in self._entries(folder)
            if info.type == fs.FileType.File and info.mtime is not None
        ]

    def _move(self, path: str, new_path: str) -> None:
        self._files.move(self._at(path), self._at(new_path))

    def _folders(self, folder: str) -> list[str]:
        return sorted(
            f"{folder}/{info.base_name}".lstrip("/")
            for info in self._entries(folder)
            if info.type == fs.FileType.Directory
        )

    def _entries(self, folder: str) -> list[Any]:
        selector = fs.FileSelector(self._at(folder).rstrip("/"), allow_not_found=True)
        entries: list[Any] = self._files.get_file_info(selector)
        return entries

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}"


class Folder(Place):
    """A folder of this machine. What is made in it belongs to its owner alone. A new name is not
    synced to the disk: one that a crash takes back is given again by upkeep."""

    def create(self, path: str) -> IO[bytes]:
        """As of any place, closed to others; a link that stands there is not followed."""
        Path(self._root).mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
        for folder in reversed(self._folders_above(path)):
            folder.mkdir(mode=_DIRECTORY_MODE, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        return os.fdopen(os.open(self._at(path), flags, _FILE_MODE), "wb")

    def close_durably(self, stream: IO[bytes], path: str) -> None:
        """As of any place: the data, and the folders' entries that lead to it, are on the disk."""
        stream.flush()
        os.fsync(stream.fileno())
        stream.close()
        for folder in (*self._folders_above(path), Path(self._root)):
            _sync(folder)

    def _folders_above(self, path: str) -> list[Path]:
        """The folders of the path, innermost first, without the place itself."""
        above = Path(path).parents
        return [Path(self._root) / folder for folder in above if folder != Path()]


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def reason_of(error: OSError) -> str:
    """What the system says, without the path; the kind of an error that it did not number."""
    return error.strerror or type(error).__name__


def configured_place() -> Place:
    """The place that LOADERPORTAL_RAW_CAPTURE_URL names. Raises CaptureFailedError where it names
    none, or none that can be reached."""
    if not settings.RAW_CAPTURE_URL:
        raise CaptureFailedError(
            "The loader keeps its raw rows, and this portal has no place for them: "
            "LOADERPORTAL_RAW_CAPTURE_URL must name one."
        )
    return _place_at(settings.RAW_CAPTURE_URL)


@functools.lru_cache(maxsize=4)
def _place_at(url: str) -> Place:
    try:
        file_system, root = fs.FileSystem.from_uri(url)
    except (OSError, pa.ArrowException):  # its text quotes the address
        raise CaptureFailedError(
            "The place that LOADERPORTAL_RAW_CAPTURE_URL names can't be opened."
        ) from None
    kind = Folder if isinstance(file_system, fs.LocalFileSystem) else Place
    return kind(file_system, root)
