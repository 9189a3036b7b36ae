"""A TLS front before a source: it shows a certificate of the test's choice and hands on the rest.

The embedded PostgreSQL is built without OpenSSL. So its TLS ends here, as it ends at a pooler in
real places, and the server behind sees plain text. MySQL's packets are numbered across the
handshake, so before MariaDB both sides are encrypted: there the front is a machine in the middle.
"""

from __future__ import annotations

import select
import socket
import ssl
import struct
import threading
from contextlib import ExitStack, suppress
from enum import StrEnum
from typing import Self

from loaders.dialects import DatabaseType
from tests.servers.network_faults import without_tls

_POSTGRESQL_TLS_REQUEST = struct.pack("!II", 8, 80877103)
_MYSQL_TLS_REQUEST_BYTES = 32
_PATIENCE_SECONDS = 10.0


class Contact(StrEnum):
    """How far a client went: it sent a login or a cancel request, or left before that."""

    ENCRYPTED = "ENCRYPTED"
    PLAIN = "PLAIN"
    LEFT = "LEFT"


class TlsFront:
    """Listens on 127.0.0.1 for sources of one kind; `contacts` tells of clients as they came.

    `tls` is the server's side of TLS and may be changed for clients to come; None is a server
    without TLS. Clients that ask for none are served in plain text.
    """

    def __init__(
        self, kind: DatabaseType, host: str, port: int, tls: ssl.SSLContext | None
    ) -> None:
        self.tls = tls
        self.contacts: list[Contact] = []
        self._meet = self._meet_postgresql if kind is DatabaseType.POSTGRESQL else self._meet_mysql
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._start(threading.Thread(target=self._accept, daemon=True))
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(_PATIENCE_SECONDS)
        self._listener.close()

    def _start(self, thread: threading.Thread) -> None:
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._start(threading.Thread(target=self._serve, args=(client,), daemon=True))

    def _serve(self, client: socket.socket) -> None:
        client.settimeout(_PATIENCE_SECONDS)
        with ExitStack() as ends, suppress(OSError):
            ends.enter_context(client)
            server = ends.enter_context(socket.create_connection(self._target, _PATIENCE_SECONDS))
            first = b""
            with suppress(OSError):
                client, server = self._meet(client, server)
                ends.enter_context(client)
                ends.enter_context(server)
                first = client.recv(65536)
            if not first:
                self.contacts.append(Contact.LEFT)
                return
            encrypted = isinstance(client, ssl.SSLSocket)
            self.contacts.append(Contact.ENCRYPTED if encrypted else Contact.PLAIN)
            server.sendall(first)
            _hand_on(client, server)

    def _meet_postgresql(
        self, client: socket.socket, server: socket.socket
    ) -> tuple[socket.socket, socket.socket]:
        """Agree about TLS; both ends as they are to be read from then on."""
        if client.recv(8, socket.MSG_PEEK | socket.MSG_WAITALL) != _POSTGRESQL_TLS_REQUEST:
            return client, server
        client.recv(8)
        client.sendall(b"S" if self.tls else b"N")
        return (self.tls.wrap_socket(client, server_side=True) if self.tls else client), server

    def _meet_mysql(
        self, client: socket.socket, server: socket.socket
    ) -> tuple[socket.socket, socket.socket]:
        """As for PostgreSQL; here the server speaks first and hears of TLS too."""
        greeting = _mysql_packet(server)
        client.sendall(greeting if self.tls else without_tls(greeting))
        head = client.recv(4, socket.MSG_PEEK | socket.MSG_WAITALL)
        if self.tls is None or int.from_bytes(head[:3], "little") != _MYSQL_TLS_REQUEST_BYTES:
            return client, server
        server.sendall(_mysql_packet(client))
        secured = self.tls.wrap_socket(client, server_side=True)
        return secured, _trusting().wrap_socket(server)


def _trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _mysql_packet(giver: socket.socket) -> bytes:
    """One packet with its head; empty where the other side left."""
    head = giver.recv(4, socket.MSG_WAITALL)
    return head + giver.recv(int.from_bytes(head[:3], "little"), socket.MSG_WAITALL)


def _hand_on(client: socket.socket, server: socket.socket) -> None:
    """Hand on both ways until one side ends; one thread, for a TLS socket bears no second one."""
    client.settimeout(None)
    server.settimeout(None)
    takers = {client: server, server: client}
    while True:
        decrypted = [end for end in takers if isinstance(end, ssl.SSLSocket) and end.pending()]
        for giver in decrypted or select.select(list(takers), (), ())[0]:
            data = giver.recv(65536)
            if not data:
                return
            takers[giver].sendall(data)
