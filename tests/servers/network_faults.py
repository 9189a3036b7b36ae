"""What goes wrong on the way to a source: a line that freezes, breaks or is tampered with."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any


class Proxy:
    """A TCP proxy in front of a source that a test may freeze or cut.

    `alter` changes the first words of the source.
    """

    def __init__(
        self, host: str, port: int, alter: Callable[[bytes], bytes] = lambda data: data
    ) -> None:
        self._target = (host, port)
        self._alter = alter
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._flowing = threading.Event()
        self._flowing.set()
        self._sockets: list[socket.socket] = []
        self._start(self._accept)

    def freeze(self) -> None:
        self._flowing.clear()

    def cut(self) -> None:
        for end in self._sockets:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._flowing.set()
        self.cut()
        for thread in self._threads:
            thread.join(10)
        for end in (*self._sockets, self._listener):
            end.close()

    def _start(self, target: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads = [*getattr(self, "_threads", []), thread]
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                self._sockets += [client, server]
                self._start(self._forward, client, server)
                self._start(self._forward, server, client, self._alter)

    def _forward(
        self,
        giver: socket.socket,
        taker: socket.socket,
        alter: Callable[[bytes], bytes] = lambda data: data,
    ) -> None:
        with suppress(OSError):
            taker.sendall(alter(giver.recv(65536)))
            while data := giver.recv(65536):
                self._flowing.wait()
                taker.sendall(data)
        # Both ends are really closed, so a server that still sends is reset and doesn't wait.
        for end in (giver, taker):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


def without_tls(greeting: bytes) -> bytes:
    """The source's first words as somebody in between would change them to keep TLS off."""
    if greeting in {b"S", b"N"}:  # PostgreSQL's answer to the question for TLS
        return b"N"
    if not greeting or greeting[4] != 10:
        return greeting
    flags = greeting.index(0, 5) + 1 + 4 + 8 + 1
    return greeting[: flags + 1] + bytes([greeting[flags + 1] & ~0x08]) + greeting[flags + 2 :]
