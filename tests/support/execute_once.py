"""A worker for one run, to be killed: `python -m tests.support.execute_once LOCK_ID`."""

from __future__ import annotations

import sys
from uuid import UUID

import django


def main() -> None:
    """Take the lock and execute its run."""
    django.setup()
    from execution import engine

    engine.run(UUID(sys.argv[1]))


if __name__ == "__main__":
    main()
