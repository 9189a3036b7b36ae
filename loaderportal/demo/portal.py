"""The portal's own processes, and the environment they run in."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping

from loaderportal.demo.databases import APP_ROLE, OWNER_ROLE, Databases
from loaderportal.demo.folder import Folder, Secrets
from loaderportal.demo.parts import Part
from loaderportal.demo.processes import HOST

REPLICA = "demo"
_OURS = ("PG", "SPRING_DATASOURCE_", "GUNICORN_", "DJANGO_")
"""Variables of the person's shell that would lead libpq, Django or gunicorn astray."""
_CHOICES = {"LOADERPORTAL_THREAD_POOL_SIZE": "4"}


def clear_environment() -> None:
    """Forget what the shell says to libpq, Django and gunicorn, for this process and all it
    starts."""
    for name in [name for name in os.environ if name.startswith(_OURS)]:
        del os.environ[name]


class Portal:
    """Makes the portal's processes; starting and stopping them is the caller's."""

    def __init__(self, folder: Folder, secrets: Secrets, databases: Databases) -> None:
        self._folder = folder
        self._secrets = secrets
        self._databases = databases

    def migration(self) -> Part:
        """`manage.py migrate`, as the owner of the tables."""
        return self._command("migration", OWNER_ROLE, "migrate", "--verbosity", "0")

    def seed(self) -> Part:
        """`manage.py demo_seed`, as the application; it reads its values from standard input."""
        return self._command("seed", APP_ROLE, "demo_seed")

    def workers(self) -> Part:
        """`manage.py runportal`: scheduler and executions."""
        return self._command("worker", APP_ROLE, "runportal")

    def web(self, port: int) -> Part:
        """Gunicorn on the loopback address."""
        command = [
            *(sys.executable, "-m", "gunicorn", "loaderportal.wsgi"),
            *("--config", "python:loaderportal.gunicorn_conf"),
            *("--bind", f"{HOST}:{port}", "--workers", "2"),
            *("--graceful-timeout", "5", "--no-control-socket"),
        ]
        return Part(
            "web server",
            command,
            self.environment(APP_ROLE),
            self._folder.log("web"),
            on_our_death=signal.SIGQUIT,
        )

    def _command(self, name: str, role: str, *words: str) -> Part:
        command = [sys.executable, "manage.py", *words]
        return Part(name, command, self.environment(role), self._folder.log(name))

    def environment(self, role: str) -> Mapping[str, str]:
        """Variables of a process of the portal that works as this database role."""
        return {
            **_CHOICES,
            **os.environ,
            "DATABASE_URL": self._databases.portal_url(role),
            "ENCRYPTION_KEY": self._secrets.encryption_key,
            "LOADERPORTAL_SECRET_KEY": self._secrets.secret_key,
            "LOADERPORTAL_APP_ROLE": APP_ROLE,
            "LOADERPORTAL_ENVIRONMENT": "demo",
            "LOADERPORTAL_INSECURE_COOKIES": "true",
            "LOADERPORTAL_REPLICA_NAME": REPLICA,
            "PYTHONUNBUFFERED": "1",
        }
