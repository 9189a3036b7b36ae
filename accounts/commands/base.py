"""ActingCommand: who acts, whether they may, and how the outcome is told."""

from __future__ import annotations

import argparse
import sys
from abc import ABC, abstractmethod
from textwrap import fill
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandParser, DjangoHelpFormatter
from django.db import OperationalError
from rest_framework.exceptions import APIException

from accounts.commands.act import Act, Answer, Call
from accounts.commands.actors import actor_named, shell_account
from accounts.commands.exit_codes import ExitCode, InterruptedByPersonError
from accounts.commands.output import Output
from accounts.commands.progress import Progress
from accounts.roles import User
from audit.services import record
from core.correlation import set_correlation_id
from core.errors import PortalError
from core.history import changes_by
from core.ids import uuid7

_HELP_WIDTH = 80


class _Help(DjangoHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Django's order of options, and an epilog whose lines stay as they are."""


class _CommandOfActs(BaseCommand, ABC):
    """What a command with subcommands and one without have in common."""

    requires_system_checks = []

    @property
    def command_name(self) -> str:
        """As `manage.py` calls it: its module's name."""
        return type(self).__module__.rpartition(".")[2]

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Django's parser with our epilog."""
        self.help = fill(self.help, _HELP_WIDTH)
        return super().create_parser(
            prog_name, subcommand, formatter_class=_Help, epilog=self._epilog(), **kwargs
        )

    @abstractmethod
    def act_of(self, options: dict[str, Any]) -> type[Act]:
        """What is asked for."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the act for its actor; any exit code but 0 ends the process."""
        set_correlation_id(str(uuid7()))
        progress = Progress(self.stderr, is_silent=options["json"])
        output = Output(
            self.stdout, self.stderr, is_json=options["json"], is_plain=options["no_color"]
        )
        try:
            answer = self._perform(options, progress)
        except (PortalError, APIException, OperationalError) as error:
            progress.end()
            code = output.problem(error)
        except KeyboardInterrupt:
            progress.end()
            code = output.problem(InterruptedByPersonError("Stopped by Ctrl-C."))
        else:
            progress.end()
            output.answer(answer.document, answer.view)
            code = answer.exit_code
        if code != ExitCode.DONE:
            sys.exit(code)

    def _perform(self, options: dict[str, Any], progress: Progress) -> Answer:
        act = self.act_of(options)
        user = actor_named(options["acting_as"])
        act.admit(user)
        if act.leaves_trace(options):
            _leave_trace(user, f"{self.command_name} {act.name}".strip())
        with changes_by(user):
            return act().run(Call(user, options, progress))

    @abstractmethod
    def _epilog(self) -> str:
        """What `--help` says below the options."""


class ActingCommand(_CommandOfActs):
    """A command that does one thing. `manage.py NAME ...`"""

    act: ClassVar[type[Act]]

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        self.help = self.act.help
        return super().create_parser(prog_name, subcommand, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        _add_shared(parser)
        self.act.add_arguments(parser)

    def act_of(self, options: dict[str, Any]) -> type[Act]:
        return self.act

    def _epilog(self) -> str:
        return _epilog(self.act.example)


class ActingCommandGroup(_CommandOfActs):
    """A command with subcommands. `manage.py NAME ACT ...`"""

    acts: ClassVar[tuple[type[Act], ...]]

    def add_arguments(self, parser: CommandParser) -> None:
        _add_shared(parser)
        subparsers = parser.add_subparsers(dest="act", required=True, metavar="ACT", title="acts")
        for act in self.acts:
            below = subparsers.add_parser(
                act.name,
                help=act.help,
                description=fill(act.help, _HELP_WIDTH),
                epilog=_epilog(act.example),
                formatter_class=_Help,
            )
            # Left out where not given, so that it doesn't undo what stands before the act's name.
            _add_shared(below, default=argparse.SUPPRESS)
            act.add_arguments(below)

    def act_of(self, options: dict[str, Any]) -> type[Act]:
        return next(act for act in self.acts if act.name == options["act"])

    def _epilog(self) -> str:
        return _epilog(*(act.example for act in self.acts))


def _add_shared(parser: argparse.ArgumentParser, *, default: Any = None) -> None:
    parser.add_argument(
        "--as",
        dest="acting_as",
        metavar="USERNAME",
        default=default,
        help="act as this user of the portal; without it, as the system",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        default=default or False,
        help="answer with one JSON document, and tell problems as JSON on standard error",
    )


def _epilog(*examples: str) -> str:
    codes = "\n".join(f"  {code.value:>3}  {code.meaning}" for code in ExitCode)
    shown = "\n".join(f"  {example}" for example in examples)
    return f"examples:\n{shown}\n\nexit codes:\n{codes}"


def _leave_trace(user: User, asked: str) -> None:
    """An event that says, beside those of the act, that it was asked for at a shell and by which
    account of the operating system: `--as` is a statement, not a proof."""
    record(
        actor=user,
        action="command.run",
        object_type="command",
        object_id=asked,
        after={"account": shell_account()},
    )
