"""One thing that a command does: what it needs, what it is told, what it answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from argparse import ArgumentParser
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from rich.console import RenderableType

from accounts.commands.exit_codes import ExitCode
from accounts.commands.progress import Progress
from accounts.roles import Permission, User, require, require_person


@dataclass(frozen=True)
class Call:
    """What an act is told. `user` is who acts, as a request's user is; serializers that ask for a
    request's user take the call in its place."""

    user: User
    options: Mapping[str, Any]
    progress: Progress


@dataclass(frozen=True)
class Answer:
    """What an act answers: a document in the API's words for `--json`, and a view for people."""

    document: object
    view: RenderableType
    exit_code: ExitCode = ExitCode.DONE


class Act(ABC):
    """One subcommand, or a command that has none. Thin: it reads its options, calls a service and
    answers. Errors of the product pass; the command tells them."""

    name: ClassVar[str] = ""
    """The subcommand; empty for the act of a command that has none."""

    help: ClassVar[str]
    example: ClassVar[str]
    """A line that works, shown by `--help`; a test parses it."""

    needs: ClassVar[Permission]
    by_persons_only: ClassVar[bool] = False
    """Whether `--as` must name somebody."""

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Declare the act's own options; none, unless it says so."""
        return

    @classmethod
    def admit(cls, user: User) -> None:
        """Raise PermissionDeniedError, as the API would, unless the user may do this at all."""
        require(user, cls.needs)
        if cls.by_persons_only:
            require_person(user)

    @classmethod
    def leaves_trace(cls, options: Mapping[str, Any]) -> bool:
        """Whether the audit trail tells that it was asked for at a shell; looking does not."""
        return cls.needs != Permission.VIEW

    @abstractmethod
    def run(self, call: Call) -> Answer:
        """Do it. Raises PortalError."""
