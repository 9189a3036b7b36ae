"""Machines at the API: a token in place of a person."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from rest_framework.test import APIClient

from accounts.models import ApiToken
from accounts.tokens import NewToken, create_token
from core.clock import ClockTimestamp
from tests.support.api import ROOT


def make_token(owner: Any, role: str = "viewer", name: str = "export") -> NewToken:
    """A token of the owner's."""
    return create_token(actor=type(owner).objects.get(pk=owner.pk), name=name, role=role)


class Machine:
    """Whoever has a token's text."""

    def __init__(self, text: str) -> None:
        self._http = APIClient(raise_request_exception=False)
        self._http.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The answer to a call below `/api/v1/`."""
        return self._http.generic(
            method, f"{ROOT}/{path}", body or "{}", content_type="application/json"
        )

    def status(self, method: str, path: str, body: Any = None) -> int:
        """Only its status."""
        return int(self.call(method, path, body).status_code)

    def code(self, method: str, path: str, body: Any = None) -> str:
        """The code of its problem document."""
        return str(self.call(method, path, body).json()["code"])


def shift(token: ApiToken, **columns: timedelta) -> None:
    """Set times of a token, measured from now by the database's clock."""
    times = {name: ClockTimestamp() + away for name, away in columns.items()}
    ApiToken.objects.filter(pk=token.pk).update(**times)
