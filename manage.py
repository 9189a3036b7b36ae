#!/usr/bin/env python
"""Command line of Loader Portal."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run a management command."""
    if sys.argv[1:2] == ["demo"]:  # it makes the environment that the settings need
        from loaderportal.demo.__main__ import main as run_demo

        sys.exit(run_demo(sys.argv[2:]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loaderportal.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
