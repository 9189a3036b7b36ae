"""Messages to the workers. A message is only a hint that there may be work: it commits with the
rows that tell the truth, and losing or repeating it harms nothing (spec 7)."""

from __future__ import annotations

import uuid
from typing import Any

import structlog
from django.db import DatabaseError, connection
from django.utils import timezone
from django_q.models import OrmQ
from django_q.tasks import async_task

logger = structlog.get_logger(__name__)

POLL_CLUSTER = "poll"
EXEC_CLUSTER = "exec"
MAINTENANCE_CLUSTER = "maintenance"


def hint_execution(lock_id: uuid.UUID) -> None:
    """Tell the exec workers that a window was dispatched."""
    async_task("execution.tasks.execute", str(lock_id), cluster=EXEC_CLUSTER)


def hint_cycle() -> None:
    """Ask for a scheduler cycle now; one request that nobody has fetched yet is enough."""
    _hint_once("execution.tasks.poll", POLL_CLUSTER)


def hint_maintenance() -> None:
    """Tell the maintenance workers that a job is due; one such message is enough."""
    _hint_once("execution.tasks.maintain", MAINTENANCE_CLUSTER)


def _hint_once(task: str, cluster: str) -> None:
    """Send a message unless one waits that nobody has fetched yet."""
    if not OrmQ.objects.filter(key=cluster, lock__lte=timezone.now()).exists():
        async_task(task, cluster=cluster)


def forget_taken_hint(sender: Any, task: dict[str, Any], **_: Any) -> None:
    """Delete a message when a worker takes it up, whatever becomes of the work: django-q2 leaves
    that to its monitor, and delivers again for ever when the monitor is gone."""
    try:
        OrmQ.objects.filter(pk=task.pop("ack_id", None)).delete()
    except DatabaseError:
        # It is delivered again, and found done. An error here would end the worker.
        logger.warning("hint.not_deleted")
        connection.close_if_unusable_or_obsolete()
