"""The portal as a web server of its own, and people in headless Chromium."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page

from loaderportal.demo.processes import free_port
from tests.portal_database import ROOT, PortalDatabase
from tests.support.chromium import chromium
from tests.support.people import PASSWORD

__all__ = ["Site", "Visit", "Visitor", "chromium", "portal_server", "write_sql"]

_GUNICORN = (
    *("--config", "python:loaderportal.gunicorn_conf", "--workers", "1", "--log-level", "warning"),
    *("--access-logfile", os.devnull),
)
_START_SECONDS = 30.0


@contextmanager
def portal_server(database: PortalDatabase) -> Iterator[str]:
    """Serve the portal over this database, as production does; the address."""
    address = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "loaderportal.wsgi", "--bind", address, *_GUNICORN],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": database.url(), "LOADERPORTAL_LOG_LEVEL": "WARNING"},
        stdin=subprocess.DEVNULL,
    )
    try:
        _wait_for(f"http://{address}/admin/login/", process)
        yield f"http://{address}"
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise AssertionError(f"The web server ended with {process.returncode}.")
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.1)
    raise AssertionError(f"The web server did not answer within {_START_SECONDS} s.")


@dataclass(frozen=True)
class Site:
    """A running portal, and a browser to look at it."""

    address: str
    browser: Browser


class Visitor:
    """One signed-in person. Keeps the source of every page opened and what the browser
    complained about."""

    def __init__(
        self,
        browser: Browser,
        address: str,
        user: Any,
        *,
        width: int = 1440,
        runs_scripts: bool = True,
        **options: Any,
    ) -> None:
        self._address = address
        self.sources: list[str] = []
        self.complaints: list[str] = []
        context = browser.new_context(
            viewport={"width": width, "height": 900}, java_script_enabled=runs_scripts, **options
        )
        self.page: Page = context.new_page()
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self._user = user
        self._sign_in(self.page)

    def leave(self) -> None:
        """Close all pages, and forget the sign-in."""
        self.page.context.close()

    def open(self, path: str) -> None:
        """Go to a page of the portal, which must answer with it."""
        answer = self.page.goto(self._address + path)
        assert answer is not None
        assert answer.status == 200, (answer.status, path)
        self.sources += [answer.text(), self.page.content()]

    def click(self, target: Locator) -> None:
        """Click what leads to another page of the portal."""
        with self.page.expect_navigation():
            target.click()
        self.sources.append(self.page.content())

    def action(self, name: str) -> Locator:
        """A button above the form of an object's page."""
        return self.page.locator(f'[data-action="{name}"]')

    def open_menu(self) -> None:
        """Unfold the menu with the buttons that are seldom wanted or can't be pressed now."""
        self.page.locator("#page-actions [data-menu] > summary").click()

    def text(self, selector: str = "body") -> str:
        """What a person reads there."""
        return self.page.locator(selector).inner_text()

    def address_of(self, name: str, query: str) -> str:
        """Path of the first object that a list finds."""
        self.open(f"/admin/{name}/?q={query}")
        link = self.page.locator("#result_list tbody a").first.get_attribute("href")
        assert link is not None, f"{name} shows no {query}"
        return link

    def sign_in_in_another_tab(self) -> None:
        """The same person once more, beside the page that is open."""
        page = self.page.context.new_page()
        self._sign_in(page)
        page.close()

    def _sign_in(self, page: Page) -> None:
        page.goto(f"{self._address}/admin/")
        page.fill("#id_username", self._user.get_username())
        page.fill("#id_password", PASSWORD)
        with page.expect_navigation():
            page.locator("#login-form button[type=submit]").click()
        self.sources.append(page.content())

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.text} ({message.location})")


Visit = Callable[..., Visitor]
"""Lets a person sign in, with a Visitor's options."""


def write_sql(visitor: Visitor, sql: str) -> None:
    """Put a text into the SQL editor in place of what is there."""
    visitor.page.locator(".cm-content").click()
    visitor.page.keyboard.press("Control+a")
    visitor.page.keyboard.insert_text(sql)
