"""A server that speaks enough of Redis's protocol (RESP 3) to keep values: SET with EX, and GET."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class RedisLike:
    """What was kept, and for how many seconds; the server's address."""

    url: str
    values: dict[bytes, bytes] = field(default_factory=dict)
    seconds: dict[bytes, int] = field(default_factory=dict)

    def answer(self, command: list[bytes]) -> bytes:
        name = command[0].upper()
        if name == b"SET":
            _, key, value, _, seconds = command
            self.values[key], self.seconds[key] = value, int(seconds)
            return b"+OK\r\n"
        if name == b"GET":
            value_kept = self.values.get(command[1])
            if value_kept is None:
                return b"_\r\n"
            return b"$%d\r\n%b\r\n" % (len(value_kept), value_kept)
        if name == b"HELLO":
            return b"%1\r\n$5\r\nproto\r\n:3\r\n"
        return b"+OK\r\n"


@contextmanager
def redis_like() -> Iterator[RedisLike]:
    """The server, on a free port of this machine."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while line := self.rfile.readline():
                command = []
                for _ in range(int(line[1:])):
                    length = int(self.rfile.readline()[1:])
                    command.append(self.rfile.read(length + 2)[:-2])
                self.wfile.write(kept.answer(command))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        kept = RedisLike(f"redis://127.0.0.1:{server.server_address[1]}/0")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield kept
        finally:
            server.shutdown()
            thread.join()
