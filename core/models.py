"""What the REST API remembers about its callers: no models of the domain."""

from __future__ import annotations

from django.db import models


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
