"""What waits for the person: decisions for approvers, work left over for operators."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.urls import reverse
from django.utils.http import urlencode

from accounts.object_access import reachable
from accounts.roles import Permission, User, may
from backfill.admin import waiting_jobs_address
from backfill.models import BackfillJob
from backfill.states import JobStatus
from core.display import Tone, ago_text
from execution.models import Gap, Recount, RecountState
from loaderportal.home.cards import SHOWN, Card
from loaderportal.home.loaders import LoaderCounts
from loaders.admin.loader_filters import loaders_address
from loaders.admin.version import waiting_address, waiting_for, waiting_for_anybody
from loaders.models import ApprovalStatus, Loader, LoaderVersion
from loaders.services import drafted_by

_MOST_GAPS = 999


@dataclass(frozen=True)
class Task:
    """So many things of a kind, and where they are listed."""

    number: int
    text: str
    address: str
    more: bool = False
    """Whether there are more than were counted."""


def waiting_context(user: User, counts: LoaderCounts, now: datetime) -> dict[str, Any]:
    """The card and the panel. A person without a task of any kind is told what waits for others."""
    versions = list(_versions(user)[: SHOWN + 1])
    number = len(versions) if len(versions) <= SHOWN else _versions(user).count()
    has_tasks = any(may(user, permission) for permission in _TASKS)
    tasks = [task for task in _tasks(user, counts, number) if task.number]
    if has_tasks:
        total = sum(task.number for task in tasks)
        where = tasks[0].address if len(tasks) == 1 else "#home-waiting"
        more = "+" if any(task.more for task in tasks) else ""
        card = Card("Waiting for me", f"{total:,}{more}", where, Tone.WAITING)
    else:
        card = Card("Waiting for approval", f"{number:,}", _everybodys(), Tone.WAITING)
    return {
        "waiting_card": card,
        "has_tasks": has_tasks,
        "tasks": tasks,
        "is_mine": may(user, Permission.APPROVE),
        "waiting": [
            {"version": version, "ago": ago_text(version.submitted_at, now)}
            for version in versions[:SHOWN]
        ],
        "others_waiting": Task(number, "wait for a second person's approval", _everybodys()),
    }


_TASKS = (
    Permission.APPROVE,
    Permission.EDIT_LOADERS,
    Permission.RUN,
    Permission.BACKFILL,
    Permission.MEND_COVERAGE,
)


def _tasks(user: User, counts: LoaderCounts, versions: int) -> list[Task]:
    """By the role table; each counts what its list shows."""
    tasks, jobs = [], _jobs(user)
    if may(user, Permission.APPROVE):
        tasks.append(_task(versions, "definition", "to approve or reject", waiting_address()))
        address = waiting_jobs_address()
        tasks.append(_task(jobs["mine"], "large backfill", "to decide on", address))
    if may(user, Permission.EDIT_LOADERS):
        drafts = _drafts(user)
        for status, (what, rest) in _DRAFTS.items():
            address = loaders_address(mine="yes", approval_status__exact=status.value)
            tasks.append(_task(drafts.get(status, 0), what, rest, address))
    if may(user, Permission.RUN):
        address = loaders_address(standing="held")
        tasks.append(_task(counts.held, "loader", "held until somebody acts", address))
    if may(user, Permission.BACKFILL):
        address = _list("backfill_backfilljob", status__exact=JobStatus.PAUSED.value)
        tasks.append(_task(jobs["paused"], "backfill", "on pause", address))
        address = _list("execution_recount", state__exact=RecountState.WAITS.value)
        rest = "with fewer records than are loaded"
        tasks.append(_task(_recounts(user).count(), "re-count", rest, address))
    if may(user, Permission.MEND_COVERAGE):
        gaps = reachable(user, Gap.objects.all()).order_by()[: _MOST_GAPS + 1].count()
        number, has_more = min(gaps, _MOST_GAPS), gaps > _MOST_GAPS
        found = _task(number, "gap", "in what should be loaded", _list("execution_gap"))
        tasks.append(replace(found, more=has_more))
    return tasks


def _task(number: int, what: str, rest: str, address: str) -> Task:
    """`what` is the name of one thing of the kind."""
    return Task(number, f"{what if number == 1 else what + 's'} {rest}", address)


_DRAFTS = {
    ApprovalStatus.REJECTED: ("definition", "of mine, rejected"),
    ApprovalStatus.DRAFT: ("draft", "of mine, not submitted"),
}


def _drafts(user: User) -> dict[str, int]:
    """How many of the person's own definitions are in each of the states that wait for them."""
    loaders = Loader.objects.filter(archived_at=None, approval_status__in=_DRAFTS)
    mine = loaders.visible_to(user).filter(drafted_by(user))
    return dict(mine.order_by().values_list("approval_status").annotate(Count("pk")))


def _jobs(user: User) -> dict[str, int]:
    jobs = reachable(user, BackfillJob.objects.active())
    mine = Q(pk__in=BackfillJob.objects.waiting_for(user).values("pk"))
    return jobs.aggregate(
        mine=Count("pk", filter=mine), paused=Count("pk", filter=Q(status=JobStatus.PAUSED))
    )


def _recounts(user: User) -> QuerySet[Recount]:
    return reachable(user, Recount.objects.filter(state=RecountState.WAITS))


def _versions(user: User) -> QuerySet[LoaderVersion]:
    """For an approver what waits for them; for others what waits for anybody."""
    waiting = waiting_for(user) if may(user, Permission.APPROVE) else waiting_for_anybody(user)
    found = waiting.select_related("loader", "submitted_by").order_by("submitted_at")
    return found.defer("definition", "loader__loader_sql")


def _everybodys() -> str:
    return _list("loaders_loaderversion", waiting="all")


def _list(model: str, **asked: str) -> str:
    page = reverse(f"admin:{model}_changelist")
    return f"{page}?{urlencode(asked)}" if asked else page
