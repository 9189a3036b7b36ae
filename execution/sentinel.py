"""django-q2's guard of a cluster's processes, made to give up where it would hang (spec 7)."""

from __future__ import annotations

import os
import signal
from typing import Any

import structlog
from django_q import cluster

logger = structlog.get_logger(__name__)

_WAITING = -1
"""What a worker's timer says while it executes nothing."""


class Sentinel(cluster.Sentinel):  # type: ignore[misc] # django-q2 is untyped
    """Ends its whole cluster when a process died that may have held one of the queues' locks.

    A worker that waits for work sits inside the queue's lock: killed there, it keeps the lock for
    ever, and those who take its place wait for ever. The supervisor starts the cluster anew. A
    worker killed in the middle of a run holds no lock; it is just replaced.
    """

    def reincarnate(self, process: Any) -> None:
        """Replace a dead process, or end the cluster."""
        is_worker = process not in (self.monitor, self.pusher)
        was_killed = not process.is_alive() and (process.exitcode or 0) < 0
        if was_killed and not (is_worker and process.timer.value != _WAITING):
            logger.error("cluster.process_died", pid=process.pid, exit_code=process.exitcode)
            os.killpg(os.getpgrp(), signal.SIGKILL)
        super().reincarnate(process)
