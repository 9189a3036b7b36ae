"""The portal's web server as production starts it, with its log, and people who call it."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.urls import Resolver404, resolve

from loaderportal.demo.processes import HOST, free_port
from tests.portal_database import ROOT, PortalDatabase
from tests.support.people import PASSWORD
from tests.support.portal import portal_environment
from tests.support.replica import wait_until

API = "/api/v1/"
_GUNICORN = (
    *("--config", "python:loaderportal.gunicorn_conf", "--workers", "2", "--log-level", "debug"),
)
_REDIRECTS = {301, 302, 303}


@dataclass(frozen=True)
class WebServer:
    """A running web server."""

    port: int
    pid: int


@contextmanager
def web_server(database: PortalDatabase, log: Path, **values: str) -> Iterator[WebServer]:
    """Serve the portal; all that it prints, its access log too, goes to `log`."""
    port = free_port()
    address = f"{HOST}:{port}"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "loaderportal.wsgi", "--bind", address, *_GUNICORN],
            cwd=ROOT,
            env=portal_environment(database, **values),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        try:
            wait_until(lambda: _answers(port), seconds=30, what="the web server answers")
            yield WebServer(port, process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/health/liveness", timeout=5):
            return True
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


@dataclass(frozen=True)
class Answer:
    """One answer: who got it, from which view, and all of it, head and body."""

    role: str
    place: str
    status: int
    text: str = field(repr=False)
    body: str = field(repr=False)
    location: str = ""

    @property
    def json(self) -> Any:
        """The body of an API's answer."""
        return json.loads(self.body)


def place_of(method: str, path: str) -> str:
    """Name of the view that a path leads to: `GET LoaderDetail`, `GET admin:index`."""
    try:
        match = resolve(urlsplit(path).path)
    except Resolver404:
        return f"{method} nowhere"
    view = getattr(match.func, "view_class", None)
    return f"{method} {view.__name__ if path.startswith(API) and view else match.view_name}"


class Caller:
    """Somebody with a role (or nobody) at console and API. Keeps every answer."""

    def __init__(self, server: WebServer, role: str, username: str | None = None) -> None:
        self._port = server.port
        self.role = role
        self.answers: list[Answer] = []
        self._cookies: dict[str, str] = {}
        self.token = ""
        if username is not None:
            self._sign_in(username)

    def api(self, method: str, path: str, body: Any = None) -> Answer:
        """Call the API with a JSON body; with text instead, whatever it says."""
        sent = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
        head = {"Content-Type": "application/json"}
        if self.token:
            head["Authorization"] = f"Bearer {self.token}"
        return self._call(method, API + path, sent.encode() if body is not None else None, head)

    def open(self, path: str) -> Answer:
        """Look at a page, wherever it leads."""
        answer = self._call("GET", path, None, self._page_head())
        return self._follow(answer)

    def post(self, path: str, **fields: Any) -> Answer:
        """Send a form, and look at what follows."""
        form = {"csrfmiddlewaretoken": self._cookies.get("csrftoken", ""), **fields}
        head = {"Content-Type": "application/x-www-form-urlencoded", **self._page_head()}
        return self._follow(self._call("POST", path, urlencode(form).encode(), head))

    def _follow(self, answer: Answer) -> Answer:
        while answer.status in _REDIRECTS:
            answer = self._call("GET", answer.location, None, self._page_head())
        return answer

    def _page_head(self) -> dict[str, str]:
        return {"Cookie": "; ".join(f"{name}={v}" for name, v in self._cookies.items())}

    def _sign_in(self, username: str) -> None:
        self.open("/admin/login/")
        home = self.post("/admin/login/?next=/admin/", username=username, password=PASSWORD)
        assert (home.status, home.place) == (200, "GET admin:index")
        signed = self.api("POST", "auth/login", {"username": username, "password": PASSWORD})
        assert signed.status == 200, signed.body
        self.token = signed.json["accessToken"]

    def _call(self, method: str, path: str, body: bytes | None, head: dict[str, str]) -> Answer:
        connection = http.client.HTTPConnection(HOST, self._port, timeout=60)
        try:
            connection.request(method, path, body, {**head, "Connection": "close"})
            response = connection.getresponse()
            content = response.read().decode("utf-8", "replace")
        finally:
            connection.close()
        for line in response.headers.get_all("Set-Cookie") or []:
            self._cookies.update({name: m.value for name, m in SimpleCookie(line).items()})
        answer = Answer(
            role=self.role,
            place=place_of(method, path),
            status=response.status,
            text=f"{response.status} {response.reason}\n{response.headers}\n{content}",
            body=content,
            location=_path(response.headers.get("Location", "")),
        )
        self.answers.append(answer)
        return answer


def _path(location: str) -> str:
    parts = urlsplit(location)
    return parts.path + (f"?{parts.query}" if parts.query else "")
