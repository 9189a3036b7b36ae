"""What every server that the demo or the tests start needs: an account, a port, a sure end."""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


class ServerError(Exception):
    """The server cannot be had; the message is one sentence for the person who started it."""


@dataclass(frozen=True)
class Account:
    """The user a server runs as: `popen` holds what Popen needs for that, nothing if it is us."""

    uid: int
    gid: int

    @property
    def popen(self) -> dict[str, Any]:
        """Keyword arguments for `subprocess`."""
        if self.uid == os.geteuid():
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def can(self, *command: str | Path) -> bool:
        """Tell whether `command` succeeds when this account runs it; not reaching it is a no."""
        try:
            done = subprocess.run(
                command,
                env=ENVIRONMENT,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
                **self.popen,
            )
        except (PermissionError, FileNotFoundError):
            return False
        return done.returncode == 0

    def can_enter(self, directory: Path) -> bool:
        """Tell whether this account can reach `directory`."""
        return self.can("/bin/sh", "-c", 'cd -- "$1"', "sh", directory)


def unprivileged_account(*names: str) -> Account:
    """Choose who a server runs as: ourselves, or as root the first of `names` that exists."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    for name in names:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise ServerError(f"A server cannot run as root, and there is no account {' or '.join(names)}.")


def free_port() -> int:
    """Return a TCP port on the loopback address that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def command_of(pid: int) -> str:
    """Return the command line of a live process, empty when there is none."""
    if sys.platform == "linux":
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            return ""
        return os.fsdecode(b" ".join(words)).strip()
    else:  # noqa: RET505 - mypy knows the branch of another platform only so
        shown = subprocess.run(
            ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)],
            capture_output=True,
            text=True,
            check=False,
        )
        return shown.stdout.strip()
