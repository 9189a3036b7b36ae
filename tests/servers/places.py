"""Where the files of throw-away servers lie: in memory, where there is room for them.

Tests make and drop hundreds of databases of some 300 files each. The kernel does that in memory at
a fifth of the price. What a killed run left behind is removed by the next one.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
ROOM_BYTES = 2 * 1024**3
_LOCK = ".in-use"


def places(memory: Path = MEMORY, room: int = ROOM_BYTES) -> list[Path]:
    """Directories for what nobody needs after the run, best first.

    A run takes 0.7 GB. The 64 MB that a container has in /dev/shm are left alone, and so is memory
    with less than `room` bytes to spare.
    """
    usual = Path(tempfile.gettempdir())
    spacious = (
        memory.is_dir()
        and os.access(memory, os.W_OK | os.X_OK)
        and shutil.disk_usage(memory).free >= room
        and _memory_available() >= room
    )
    return [memory, usual] if spacious else [usual]


class ThrowAway:
    """A directory in one of the `places` that is ours until we end, however we end."""

    def __init__(self, root: Path, prefix: str) -> None:
        for left in root.glob(f"{prefix}*"):
            _remove_if_abandoned(left)
        self.path = Path(tempfile.mkdtemp(prefix=prefix, dir=root))
        unheld = self.path / f"{_LOCK}.new"
        self._lock = unheld.open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        unheld.rename(self.path / _LOCK)  # nobody sees it before it is ours

    def remove(self) -> None:
        """Delete all that is in it; nothing happens when somebody did."""
        self._lock.close()
        shutil.rmtree(self.path, ignore_errors=True)


def _remove_if_abandoned(directory: Path) -> None:
    """Delete what a killed run left: a directory with a lock that nobody holds any more."""
    try:
        lock = (directory / _LOCK).open("r+")
    except OSError:  # it is just being made, or somebody else's
        return
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        shutil.rmtree(directory, ignore_errors=True)


def _memory_available() -> int:
    """Bytes that the machine can give without swapping (Linux); 0 where that is not known."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        return 0
    known = {name: value for name, _, value in (line.partition(":") for line in lines)}
    return int(known.get("MemAvailable", "0 kB").split()[0]) * 1024
