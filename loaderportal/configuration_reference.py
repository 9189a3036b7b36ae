"""Prints the reference of all environment variables.

`make docs` writes it to `docs/configuration.md`; a test keeps the two the same.
"""

from __future__ import annotations

import socket
import sys
from typing import Any

from core.env import REQUIRED, Variable
from loaderportal.configuration import VARIABLES

_HEAD = (
    "# Configuration\n\n"
    "Only the environment configures the portal. Each variable may be replaced by `NAME_FILE`, "
    "which names a file that holds the value (a mounted secret). A missing required variable, or "
    "a malformed value, stops the start with one line that names the variable and never shows "
    "its value. Changes need a restart.\n\n"
    "| variable | default | meaning |\n|---|---|---|\n"
    "| `DATABASE_URL` | required | Address of the portal's own PostgreSQL database, "
    "`postgresql://user:password@host:port/name`. Instead: `SPRING_DATASOURCE_URL`, "
    "`SPRING_DATASOURCE_USERNAME`, `SPRING_DATASOURCE_PASSWORD`. |\n"
)


def reference() -> str:
    """The reference as Markdown."""
    return _HEAD + "".join(map(_row, VARIABLES))


def _row(variable: Variable) -> str:
    names = " or ".join(f"`{name}`" for name in (variable.name, *variable.aliases))
    return f"| {names} | {_default(variable.default)} | {variable.description} |\n"


def _default(value: Any) -> str:
    if value is REQUIRED:
        return "required"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, list):
        return f"`{','.join(value)}`" if value else "empty"
    if value == socket.gethostname():
        return "host name"
    return f"`{value}`" if value != "" else "empty"


if __name__ == "__main__":
    sys.stdout.write(reference())
