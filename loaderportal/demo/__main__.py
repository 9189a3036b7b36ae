"""`python -m loaderportal.demo [--once]`; DEMO_DIR and DEMO_PORT choose folder and port."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence

_NEEDED = ("django", "django_q", "gunicorn", "psycopg", "rich")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo and return its exit code; see `loaderportal.demo.command`."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        sys.stderr.write(
            f"The Python package {missing[0]} is not installed in this environment: `make demo` "
            "makes one.\n"
        )
        return 1
    from loaderportal.demo.command import main as run

    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
