"""The base of `manage.py` commands that act for somebody (spec 1, 10).

A command is a thin face, as an API view is: each `Act` says which permission it needs, calls one
service and returns an `Answer`. `ActingCommand` and `ActingCommandGroup` do the rest: who acts,
whether that is allowed, JSON or text, errors and exit codes.
"""

from accounts.commands.act import Act, Answer, Call
from accounts.commands.base import ActingCommand, ActingCommandGroup
from accounts.commands.exit_codes import ExitCode
from accounts.commands.output import Unchanged, fields, table, verbatim
from accounts.commands.progress import Progress

__all__ = [
    "Act",
    "ActingCommand",
    "ActingCommandGroup",
    "Answer",
    "Call",
    "ExitCode",
    "Progress",
    "Unchanged",
    "fields",
    "table",
    "verbatim",
]
