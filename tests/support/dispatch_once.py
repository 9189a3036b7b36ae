"""A process that dispatches one loader when told to: `python -m tests.support.dispatch_once CODE`.

Says `ready`, waits for a line, and prints what became of it.
"""

from __future__ import annotations

import sys

import django


def main() -> None:
    """Dispatch, and print `dispatched` or the code of the refusal."""
    django.setup()
    from core.errors import PortalError
    from execution.models import Trigger
    from execution.services import dispatch
    from loaders.models import Loader

    loader = Loader.objects.get(loader_code=sys.argv[1])
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    try:
        dispatch(loader_id=loader.pk, trigger=Trigger.SCHEDULE)
    except PortalError as error:
        sys.stdout.write(error.code)
    else:
        sys.stdout.write("dispatched")


if __name__ == "__main__":
    main()
