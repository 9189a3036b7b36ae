"""The REST API as a client sees it."""

from __future__ import annotations

from typing import Any

from rest_framework.test import APIClient

from tests.support.people import PASSWORD

ROOT = "/api/v1"


class Client:
    """One signed-in person at the API. Answers are (status, body)."""

    def __init__(self, user: Any = None) -> None:
        self._http = APIClient(raise_request_exception=False)
        if user is not None:
            status, tokens = self.post(
                "auth/login", {"username": user.get_username(), "password": PASSWORD}
            )
            assert status == 200, tokens
            self.tokens = tokens
            self._http.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens['accessToken']}")

    def get(self, path: str, **parameters: Any) -> tuple[int, Any]:
        """GET below `/api/v1/`."""
        return self._answer(self._http.get(f"{ROOT}/{path}", parameters))

    def post(self, path: str, body: Any = None) -> tuple[int, Any]:
        """POST a JSON body."""
        return self._answer(self._http.post(f"{ROOT}/{path}", body or {}, format="json"))

    def patch(self, path: str, body: Any) -> tuple[int, Any]:
        """PATCH a JSON body."""
        return self._answer(self._http.patch(f"{ROOT}/{path}", body, format="json"))

    def delete(self, path: str) -> tuple[int, Any]:
        """DELETE below `/api/v1/`."""
        return self._answer(self._http.delete(f"{ROOT}/{path}"))

    def put(self, path: str, body: Any) -> tuple[int, Any]:
        """PUT a JSON body."""
        return self._answer(self._http.put(f"{ROOT}/{path}", body, format="json"))

    @staticmethod
    def _answer(response: Any) -> tuple[int, Any]:
        return response.status_code, response.json() if response.content else None
