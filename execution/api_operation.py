"""REST endpoints of locks and replicas: what is held, and who works (spec 1, 10)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.object_access import reachable
from accounts.roles import Permission, User
from core.api.operations import Operation
from core.api.pagination import CursorPages
from core.api.serializers import Parameters, SeveralField
from core.api.views import Endpoint, ListEndpoint
from execution.exceptions import LockNotFoundError
from execution.models import LoaderExecutionLock, Replica
from execution.models.lock import LockQuerySet
from execution.models.replica import ReplicaQuerySet
from loaders.exceptions import LoaderNotFoundError
from loaders.services import get_loader

_ACTIVE, _RELEASED = "ACTIVE", "RELEASED"


class LockFilter(Parameters):
    """Parameters of the list of locks, besides those of its pages."""

    state = SeveralField([_ACTIVE, _RELEASED], required=False)
    loader_code = serializers.CharField(max_length=64, required=False)
    replica_name = serializers.CharField(max_length=255, required=False)


class LockAnswer(serializers.ModelSerializer[LoaderExecutionLock]):
    """A lock. `isLive` tells a live run's from that of a window that somebody chose.
    `rowsSoFar` is what its run had read when it was last heard of."""

    loader_code = serializers.CharField(source="loader_id")
    execution_id = serializers.UUIDField(source="load_history_id")
    state = serializers.SerializerMethodField()

    class Meta:
        model = LoaderExecutionLock
        fields = (
            "lock_id",
            "loader_code",
            "execution_id",
            "state",
            "is_live",
            "window_from",
            "window_to",
            "replica_name",
            "worker_pid",
            "backend_pid",
            "acquired_at",
            "claimed_at",
            "lease_until",
            "rows_so_far",
            "cancel_requested",
            "released",
            "released_at",
        )

    def get_state(self, lock: LoaderExecutionLock) -> str:
        """ACTIVE or RELEASED."""
        return _RELEASED if lock.released else _ACTIVE


class LockPagination(CursorPages):
    """Active locks first, then the latest released."""

    ordering = ("-ended", "-lock_id")

    def check_position(self, text: str) -> None:
        datetime.fromisoformat(text)


def _locks(user: User) -> LockQuerySet:
    found: LockQuerySet = reachable(user, LoaderExecutionLock.objects.with_end())  # type: ignore[assignment]
    return found


class LockList(ListEndpoint[LoaderExecutionLock]):
    """Locks of all loaders: active ones first, then the latest released. Released ones are kept
    for some days."""

    needs = {"GET": Permission.VIEW_SQL}
    operations = {"GET": Operation("listLocks", "List locks", errors=(LoaderNotFoundError,))}
    parameters = LockFilter
    serializer_class = LockAnswer
    pagination_class = LockPagination

    def get_queryset(self) -> LockQuerySet:
        locks, asked = _locks(self.request.user), self.asked
        if "loader_code" in asked:
            loader = get_loader(asked["loader_code"], user=self.request.user)
            locks = locks.filter(loader=loader)
        if "replica_name" in asked:
            locks = locks.filter(replica_name=asked["replica_name"])
        if len(asked.get("state", ())) == 1:
            locks = locks.filter(released=asked["state"] == [_RELEASED])
        return locks


class LockDetail(Endpoint):
    """One lock."""

    needs = {"GET": Permission.VIEW_SQL}
    operations = {
        "GET": Operation("getLock", "Read a lock", answer=LockAnswer, errors=(LockNotFoundError,))
    }

    def get(self, request: Request, lock_id: str) -> Response:
        lock = _locks(request.user).filter(pk=UUID(lock_id)).first()
        if lock is None:
            raise LockNotFoundError(f"There is no lock {lock_id}.")
        return Response(LockAnswer(lock).data)


class ReplicaAnswer(serializers.ModelSerializer[Replica]):
    """A replica. `state` is LIVE, DRAINING (it takes no new work) or LOST (not heard of for 30 s);
    `slotsTaken` are the runs that it has under way; one replica at a time `isScheduling`."""

    state = serializers.SerializerMethodField()
    slots_taken = serializers.IntegerField()
    is_scheduling = serializers.BooleanField()

    class Meta:
        model = Replica
        fields = (
            "name",
            "state",
            "version",
            "slots",
            "slots_taken",
            "pid",
            "started_at",
            "heartbeat_at",
            "draining",
            "is_scheduling",
        )

    def get_state(self, replica: Any) -> str:
        """By the database's clock."""
        if not replica.is_heard_of:
            return "LOST"
        return "DRAINING" if replica.draining else "LIVE"


class ReplicaPagination(CursorPages):
    """By name, of which there is one each."""

    ordering = ("name",)


class ReplicaList(ListEndpoint[Replica]):
    """Who works: every `runportal` that was heard of, by name."""

    needs = {"GET": Permission.VIEW_SQL}
    operations = {"GET": Operation("listReplicas", "List replicas")}
    serializer_class = ReplicaAnswer
    pagination_class = ReplicaPagination

    def get_queryset(self) -> ReplicaQuerySet:
        return Replica.objects.with_work()
