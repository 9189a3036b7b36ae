"""A throw-away Redis: `redis-server` on the loopback address, which keeps nothing on disk."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from redis import Redis
from redis.exceptions import ConnectionError as NotThereYet

from core.processes import end_with_parent
from loaderportal.demo.processes import ENVIRONMENT, HOST, ServerError, free_port
from tests.servers import new_password
from tests.servers.certificates import SERVER_NAMES, Authority

_START_SECONDS = 20.0
_CLOSED = 0
"""The port that redis-server does not listen on."""


@dataclass(frozen=True)
class RedisServer:
    """Its address with the password, and its process."""

    url: str = field(repr=False)
    process: subprocess.Popen[bytes]

    def client(self) -> Redis:
        """A connection of the test's own; close it."""
        return Redis.from_url(self.url)

    def stop_answering(self) -> None:
        """From now on connections are taken by the kernel, and nobody reads what they say."""
        self.process.send_signal(signal.SIGSTOP)


@contextmanager
def redis_server(*, tls: bool = False) -> Iterator[RedisServer]:
    """The server, with a password; `tls` is by a certificate of an authority made for it alone.

    Raises ServerError when it is not installed or does not come up.
    """
    program = shutil.which("redis-server")
    if program is None:
        raise ServerError("redis-server is not installed: install Debian's package of that name.")
    port, password = free_port(), new_password()
    with tempfile.TemporaryDirectory(prefix="loaderportal-redis-") as name:
        directory = Path(name)
        url = f"redis://:{password}@{HOST}:{port}/0"
        if tls:
            _certify(directory)
            url = f"rediss://:{password}@{HOST}:{port}/0?ssl_ca_certs={directory / 'ca.pem'}"
        settings = {"bind": HOST, "requirepass": password, "save": '""', **_listens(port, tls=tls)}
        with (directory / "redis.log").open("wb") as log:
            process = subprocess.Popen(
                [program, "-"],  # a password does not belong into the arguments
                env=ENVIRONMENT,
                cwd=directory,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=end_with_parent(signal.SIGKILL),  # noqa: PLW1509 - it takes no lock
            )
        server = RedisServer(url, process)
        try:
            assert process.stdin is not None
            with process.stdin as configuration:
                lines = "".join(f"{name} {value}\n" for name, value in settings.items())
                configuration.write(lines.encode())
            _wait_until_ready(server, directory)
            yield server
        finally:
            process.kill()
            process.wait()


def _listens(port: int, *, tls: bool) -> dict[str, str | int]:
    if not tls:
        return {"port": port}
    return {
        "port": _CLOSED,
        "tls-port": port,
        "tls-cert-file": "server.pem",
        "tls-key-file": "server.key",
        "tls-ca-cert-file": "ca.pem",
        "tls-auth-clients": "no",
    }


def _certify(directory: Path) -> None:
    authority = Authority()
    (directory / "ca.pem").write_text(authority.pem, encoding="ascii")
    authority.issue(*SERVER_NAMES).write(directory / "server.pem", directory / "server.key")


def _wait_until_ready(server: RedisServer, directory: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while server.process.poll() is None and time.monotonic() < deadline:
        with server.client() as client:
            try:
                client.ping()
            except NotThereYet:
                time.sleep(0.02)
                continue
            return
    said = (directory / "redis.log").read_text(errors="replace").strip().splitlines()
    raise ServerError(f"redis-server did not start: {said[-1] if said else 'it said nothing'}.")
