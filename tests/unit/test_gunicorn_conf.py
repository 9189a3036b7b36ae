"""The web server lets go of a client that neither sends nor reads, and of no other."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from loaderportal.gunicorn_conf import bound_pauses

PAUSE = 0.3
Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def sockets() -> Iterator[Pair]:
    """Ours, accepted by a listener that bounds pauses, and the client's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        bound_pauses(listener, PAUSE)
        listener.setblocking(False)  # as gunicorn's are, and those it accepts are not
        with socket.create_connection(listener.getsockname()) as client:
            while True:
                try:
                    ours, _ = listener.accept()
                except BlockingIOError:
                    continue
                break
            ours.setblocking(True)
            with closing(ours):
                yield ours, client


def test_who_does_not_go_on_with_a_request_is_let_go(sockets: Pair) -> None:
    ours, client = sockets
    client.sendall(b"GET / HT")
    assert ours.recv(100) == b"GET / HT"
    started = time.monotonic()
    with pytest.raises(BlockingIOError):
        ours.recv(100)
    assert time.monotonic() - started < 10 * PAUSE


def test_who_does_not_read_the_answer_is_let_go(sockets: Pair) -> None:
    ours, _ = sockets
    with pytest.raises(BlockingIOError):
        ours.sendall(b"." * 50_000_000)


def test_who_reads_slowly_but_steadily_is_served(sockets: Pair) -> None:
    ours, client = sockets
    whole, read = 12_000_000, 0

    def reads() -> None:
        nonlocal read
        while read < whole:
            read += len(client.recv(250_000))
            time.sleep(PAUSE / 10)

    reader = threading.Thread(target=reads)
    reader.start()
    started = time.monotonic()
    ours.sendall(b"." * whole)
    taken = time.monotonic() - started
    reader.join()
    assert read == whole
    assert taken > PAUSE, "it took longer than a pause may"
