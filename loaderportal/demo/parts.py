"""The demo's child processes: in process groups of their own, with a log file, with a sure end."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core.processes import end_with_parent
from loaderportal.demo.failures import PartDiedError, StopSignals, disk_full

ROOT = Path(__file__).resolve().parent.parent.parent
LOG_BYTES = 10 * 1024 * 1024


@dataclass
class Part:
    """One child. Ctrl-C reaches it only through us; it gets `on_our_death` when we are killed.

    Start it from the main thread (see `end_with_parent`).
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    on_our_death: signal.Signals = signal.SIGKILL
    _process: subprocess.Popen[bytes] | None = None

    def start(self, text: str = "") -> None:
        """Start it; it reads `text` from its standard input, else nothing."""
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.old"))
        with self.log.open("ab") as log:
            self.log.chmod(0o600)
            self._process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.PIPE if text else subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
                preexec_fn=end_with_parent(self.on_our_death),  # noqa: PLW1509 - it takes no lock
            )
        if self._process.stdin is not None:
            with suppress(BrokenPipeError), self._process.stdin as stream:
                stream.write(text.encode())

    @property
    def pid(self) -> int | None:
        """Process id once started."""
        return None if self._process is None else self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs or before it was started."""
        return None if self._process is None else self._process.poll()

    def finish(self, stop: StopSignals) -> None:
        """Wait for its end. Raises PartDiedError unless it ended well."""
        assert self._process is not None
        while self._process.poll() is None:
            stop.check()
            time.sleep(0.02)
        if self._process.returncode != 0:
            raise self.died()

    def died(self) -> PartDiedError:
        """The error to raise about its unexpected end."""
        if os.strerror(errno.ENOSPC) in self._last_words():
            return PartDiedError(disk_full(self.log.parent.parent))
        return PartDiedError(f"The {self.name} ended unexpectedly; its log is {self.log}.")

    def ask_to_stop(self) -> None:
        """Send SIGTERM, without waiting; harmless when it has ended or never started."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def stop(self, seconds: float) -> None:
        """Ask it to stop and give it that long; then end all of its process group."""
        if self._process is None:
            return
        self.ask_to_stop()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def _last_words(self) -> str:
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - 4096))
            return log.read().decode(errors="replace")
