"""Commands that run apart from this installation's settings: `manage.py` itself starts them, before
settings are loaded. Here they stand so that `manage.py help` lists them and `call_command` works.
"""

from __future__ import annotations

import subprocess
import sys
from abc import ABC
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Mapping
from typing import Any, ClassVar

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

Options = Mapping[str, Mapping[str, Any]]
"""Options of a command by name, each with what argparse is told of it."""


def parser_of(name: str, options: Options, description: str, example: str) -> ArgumentParser:
    """The parser that the command itself uses."""
    parser = ArgumentParser(
        prog=f"manage.py {name}",
        description=description,
        epilog=example,
        formatter_class=RawDescriptionHelpFormatter,
    )
    add_options(parser, options)
    return parser


def add_options(parser: ArgumentParser, options: Options) -> None:
    """Declare the options."""
    for name, told in options.items():
        parser.add_argument(f"--{name}", **told)


class ApartCommand(BaseCommand, ABC):
    """Passes its options on to a process of its own and ends with its exit code."""

    requires_system_checks = []
    module: ClassVar[str]
    options: ClassVar[Options]

    def run_from_argv(self, argv: list[str]) -> None:
        """As at a shell, where even --help is the other one's."""
        sys.exit(self._run(argv[2:]))

    def add_arguments(self, parser: CommandParser) -> None:
        add_options(parser, self.options)

    def handle(self, *args: Any, **options: Any) -> None:
        """As called from within; any exit code but 0 ends the caller."""
        words = []
        for name in self.options:
            if (value := options[name]) not in {None, False}:
                words += [f"--{name}"] if value is True else [f"--{name}", str(value)]
        if code := self._run(words):
            sys.exit(code)

    def _run(self, arguments: list[str]) -> int:
        command = [sys.executable, "-m", self.module, *arguments]
        return subprocess.run(command, cwd=settings.BASE_DIR, check=False).returncode
