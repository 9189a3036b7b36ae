"""`audit/`: the audit trail, read-only (spec 10)."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from accounts.audit_trail import audit_events
from accounts.roles import Permission
from audit.models import AuditEvent
from core.api.operations import Operation
from core.api.pagination import LatestFirstPagination
from core.api.serializers import Parameters, span_error
from core.api.views import ListEndpoint


class AuditParameters(Parameters):
    """What to look for; texts in full."""

    actor = serializers.CharField(max_length=150, default="")
    action = serializers.CharField(max_length=64, default="")
    object_type = serializers.CharField(max_length=64, default="")
    object = serializers.CharField(max_length=64, default="")
    correlation_id = serializers.CharField(max_length=64, default="")
    to = serializers.DateTimeField(default=None)

    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of the language."""
        return {"from": serializers.DateTimeField(default=None), **super().get_fields()}

    def validate(self, asked: dict[str, Any]) -> dict[str, Any]:
        """A span that ends before it starts is a slip, not an empty one."""
        span_error(asked, "from", "to")
        return asked


class AuditAnswer(serializers.ModelSerializer[AuditEvent]):
    """One event; `actor` is `system` for the portal itself."""

    actor = serializers.CharField(source="actor_name")

    class Meta:
        model = AuditEvent
        fields = (
            "id",
            "at",
            "actor",
            "source_address",
            "action",
            "object_type",
            "object_id",
            "before",
            "after",
            "correlation_id",
        )


class AuditTrail(ListEndpoint[AuditEvent]):
    """Audit events, latest first, by `actor`, `action`, `objectType`, `object`, `correlationId`,
    `from` and `to`."""

    needs = {"GET": Permission.READ_AUDIT}
    operations = {"GET": Operation("listAuditEvents", "Read the audit trail")}

    parameters = AuditParameters
    serializer_class = AuditAnswer
    pagination_class = LatestFirstPagination

    def get_queryset(self) -> QuerySet[AuditEvent]:
        asked = self.asked
        return audit_events(
            user=self.request.user,
            actor=asked["actor"],
            action=asked["action"],
            object_type=asked["object_type"],
            object_id=asked["object"],
            correlation_id=asked["correlation_id"],
            start=asked["from"],
            end=asked["to"],
        )
