"""`manage.py` as a person or a script sees it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import dataclass
from io import StringIO
from typing import Any

from django.core.management import CommandError, call_command, get_commands, load_command_class

from accounts.commands.base import ActingCommand, ActingCommandGroup
from tests.portal_database import ROOT, PortalDatabase
from tests.support.portal import portal_environment

OUR_APPS = ("core", "audit", "accounts", "loaders", "signals", "execution", "backfill")


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str

    def document(self) -> Any:
        """Its JSON answer, which is all of standard output."""
        return json.loads(self.out)

    def problem(self) -> Any:
        """Its JSON problem, which is all of standard error; and then there is no answer."""
        assert self.out == ""
        return json.loads(self.err)


def manage(*words: str, as_user: Any = None) -> Outcome:
    """Run a command in this process, as the user or else as the system."""
    out, err = StringIO(), StringIO()
    named = () if as_user is None else ("--as", as_user.get_username())
    code = 0
    try:
        call_command(*words, *named, stdout=out, stderr=err)
    except SystemExit as end:
        code = int(end.code or 0)
    except CommandError as error:  # how a wrong option shows when called from within
        code, err = 2, StringIO(str(error))
    return Outcome(code, out.getvalue(), err.getvalue())


def start(database: PortalDatabase, *words: str) -> subprocess.Popen[str]:
    """Start `manage.py` as a process of its own, which minds Ctrl-C: what a shell starts in the
    background inherits that it is ignored."""
    return subprocess.Popen(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env=portal_environment(database),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_mind_ctrl_c,  # noqa: PLW1509 - this process has no threads
    )


def _mind_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def our_commands() -> dict[str, Any]:
    """The commands of the portal's own apps, by name."""
    return {
        name: load_command_class(app, name)
        for name, app in get_commands().items()
        if app in {*OUR_APPS, "loaderportal"}
    }


def our_acts() -> dict[str, Any]:
    """`loader run` and the like, to what they are: an Act, or None for a command without one."""
    found: dict[str, Any] = {}
    for name, command in our_commands().items():
        if isinstance(command, ActingCommandGroup):
            found |= {f"{name} {act.name}": act for act in command.acts}
        else:
            found[name] = command.act if isinstance(command, ActingCommand) else None
    return found
