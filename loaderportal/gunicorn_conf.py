"""How gunicorn serves the portal (`gunicorn --config python:loaderportal.gunicorn_conf`).

A client that neither sends nor reads for a minute is let go. gunicorn's threads wait for a client
without end: otherwise a few of them, who need not even sign in, could hold the whole web server.
"""

from __future__ import annotations

import socket
import struct
from typing import Any

PAUSE_SECONDS = 60

worker_class = "gthread"
threads = 4
accesslog = "-"
# Which proxies are believed says LOADERPORTAL_TRUSTED_PROXIES (audit.middleware), and nobody else.
forwarded_allow_ips = ""


def post_worker_init(worker: Any) -> None:
    """Called by gunicorn in each of its processes, before it serves."""
    for listener in worker.sockets:
        bound_pauses(listener.sock, PAUSE_SECONDS)


def bound_pauses(listener: socket.socket, seconds: float) -> None:
    """Let sockets that the listener accepts wait no longer for the other side to read or send.

    They inherit it (Linux; elsewhere a proxy in front must see to it). It is the kernel's limit for
    a single wait, so whoever reads slowly but steadily is served; Python's own timeout would end a
    whole answer.
    """
    whole = int(seconds)
    limit = struct.pack("@ll", whole, int((seconds - whole) * 1_000_000))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
