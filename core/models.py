"""What the REST API remembers about its callers: no models of the domain."""

from __future__ import annotations

from django.db import models

from core.clock import ClockTimestamp
from core.encrypted_fields import EncryptedTextField
from core.ids import uuid7


class RequestCount(models.Model):
    """How many requests somebody made since their present period began; one row a caller.

    The table is UNLOGGED: a count costs no wait for the disk, and after a crash of the database
    everybody begins anew. `subject` is a user's key or an address (`core.api.throttle`).
    """

    subject = models.CharField(max_length=64, primary_key=True)
    began_at = models.DateTimeField()
    requests = models.IntegerField()

    class Meta:
        db_table = "api_request_count"

    def __str__(self) -> str:
        return self.subject


class StoredAnswer(models.Model):
    """The answer to a request that came with an Idempotency-Key, written in the transaction of
    what the request did. `content` is JSON, encrypted: the request's fingerprint, the status, the
    header fields and the body (`core.api.idempotency`)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    caller = models.CharField(max_length=64)
    key = models.CharField(max_length=255)
    created_at = models.DateTimeField(db_default=ClockTimestamp(), db_index=True)
    content = EncryptedTextField(place="api_stored_answer.content")

    class Meta:
        db_table = "api_stored_answer"
        constraints = [
            models.UniqueConstraint(fields=["caller", "key"], name="api_stored_answer_once")
        ]

    def __str__(self) -> str:
        return str(self.pk)
