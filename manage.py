#!/usr/bin/env python
"""Command line of Loader Portal."""

from __future__ import annotations

import importlib
import os
import sys

WITHOUT_SETTINGS = {"demo": "loaderportal.demo.__main__", "bench": "benchmarks.__main__"}
"""Commands that make the environment which the settings need, and load them then."""


def main() -> None:
    """Run a management command."""
    if (name := "".join(sys.argv[1:2])) in WITHOUT_SETTINGS:
        sys.exit(run_without_settings(name, sys.argv[2:]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loaderportal.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


def run_without_settings(name: str, arguments: list[str]) -> int:
    """Run the command and return its exit code, 1 where this installation does not have it."""
    try:
        module = importlib.import_module(WITHOUT_SETTINGS[name])
    except ModuleNotFoundError as error:
        sys.stderr.write(
            f"manage.py {name} needs the Python package {error.name}, which is not part of this "
            f"installation: `make {name}` installs what it needs.\n"
        )
        return 1
    code: int = module.main(arguments)
    return code


if __name__ == "__main__":
    main()
