"""The line between the portal and a source: it can freeze, and break in the middle of an answer."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress

_PIECE = 2048
_RESET = struct.pack("ii", 1, 0)


class Line:
    """A TCP proxy in front of a source on the loopback address. A source that is down is a
    refused connection for whoever calls; the line itself stays."""

    def __init__(self, target_port: int) -> None:
        self._target = ("127.0.0.1", target_port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._flowing = threading.Event()
        self._flowing.set()
        self._guard = threading.Lock()
        self._open: set[socket.socket] = set()
        self._break_after: int | None = None
        self.breaks = 0
        threading.Thread(target=self._accept, name="line", daemon=True).start()

    def freeze(self) -> None:
        """No byte passes until `thaw`."""
        self._flowing.clear()

    def thaw(self) -> None:
        """Let pass what waited, and all that follows."""
        self._flowing.set()

    def break_after(self, count: int) -> None:
        """Reset the next connection over which the source has sent this many bytes."""
        self._break_after = count

    def close(self) -> None:
        """End all connections and take no more."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._flowing.set()
        with self._guard:
            ends = list(self._open)
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(self._target, timeout=5)
                except OSError:
                    _reset(client)
                    continue
                server.settimeout(None)
                with self._guard:
                    self._open |= {client, server}
                for giver, taker in ((client, server), (server, client)):
                    threading.Thread(
                        target=self._forward,
                        args=(giver, taker),
                        kwargs={"counted": giver is server},
                        daemon=True,
                    ).start()

    def _forward(self, giver: socket.socket, taker: socket.socket, *, counted: bool) -> None:
        passed = 0
        with suppress(OSError):
            while data := giver.recv(_PIECE):
                self._flowing.wait()
                passed += len(data)
                if counted and self._breaks_at(passed):
                    _reset(taker)
                    break
                taker.sendall(data)
        for end in (giver, taker):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        with self._guard:
            self._open -= {giver, taker}

    def _breaks_at(self, passed: int) -> bool:
        with self._guard:
            if self._break_after is None or passed < self._break_after:
                return False
            self._break_after = None
            self.breaks += 1
            return True


def _reset(end: socket.socket) -> None:
    """Close with RST, as a line that broke. Who reads from it in another thread is woken first:
    the kernel keeps the connection as long as anybody does."""
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        end.shutdown(socket.SHUT_RD)
    end.close()
