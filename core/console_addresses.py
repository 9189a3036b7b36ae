"""What the console refuses before it looks at an address."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest

_CONSOLE = "/admin/"


class RefuseNul:
    """Answers 400 where a parameter of the console holds NUL: PostgreSQL has no text with it, and
    no link of the console leads there. The API names the parameter (422)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """The answer."""
        query = request.META.get("QUERY_STRING", "")
        if request.path.startswith(_CONSOLE) and ("%00" in query or "\0" in query):
            return HttpResponseBadRequest("The address holds a character that no text has (NUL).")
        return self.get_response(request)
