"""The demo as a command: its arguments, its exit code, its one sentence when something fails."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import psycopg

from loaderportal.demo import flights, talk
from loaderportal.demo.failures import DemoError, Stopped, StopSignals, sentence_for
from loaderportal.demo.folder import Folder
from loaderportal.demo.options import OPTIONS
from loaderportal.demo.portal import clear_environment
from loaderportal.demo.processes import ServerError, free_port, is_free
from loaderportal.demo.self_check import difference
from loaderportal.demo.session import Session

DEFAULT_DIR = ".demo"
DEFAULT_PORT = 8000
_SIGNAL_BASE = 128


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo. Exit code: 0 when all went well (a signal ends `demo` well, and `--once` with
    128 + its number), 1 when something failed, which one sentence on standard error tells."""
    parser = argparse.ArgumentParser(
        prog="manage.py demo",
        description="Run Loader Portal on this machine, with real data.",
        epilog=f"DEMO_DIR ({DEFAULT_DIR}) and DEMO_PORT ({DEFAULT_PORT}) choose folder and port. "
        "Example: DEMO_PORT=8080 manage.py demo",
    )
    for name, told in OPTIONS.items():
        parser.add_argument(f"--{name}", **told)
    once: bool = parser.parse_args(arguments).once
    path = Path(os.environ.get("DEMO_DIR") or DEFAULT_DIR)
    clear_environment()
    stop_signals = StopSignals()
    stop_signals.listen()
    try:
        flights.archive()
        folder = Folder(path)
        with folder.taken():
            return _run(Session(folder, _port(once=once), stop_signals), once=once)
    except (DemoError, ServerError, OSError, psycopg.Error) as error:
        talk.say(sentence_for(error, path.absolute()))
        return 1
    except Stopped:
        return _SIGNAL_BASE + (stop_signals.received or 0) if once else 0


def _run(session: Session, *, once: bool) -> int:
    try:
        session.start()
        if not once:
            session.serve()
        outcome = session.catch_up()
    except psycopg.OperationalError:
        session.blame()
        raise
    finally:
        talk.say("Stopping ...")
        session.stop()
    if outcome.totals.agree:
        talk.agreed(outcome.totals)
    else:
        talk.say(difference(outcome.totals))
    sys.stdout.write(f"{outcome.line()}\n")
    sys.stdout.flush()
    return 0 if outcome.totals.agree else 1


def _port(*, once: bool) -> int:
    """The console's port. Raises DemoError when it can't be had."""
    text = os.environ.get("DEMO_PORT", "")
    if not text:
        if once:
            return free_port()
        text = str(DEFAULT_PORT)
    if not text.isdigit() or not 0 < int(text) < 1 << 16:
        raise DemoError("DEMO_PORT must be a port number, such as 8080.")
    if not is_free(int(text)):
        other = next(port for port in range(DEFAULT_PORT + 1, 1 << 16) if is_free(port))
        raise DemoError(f"Port {text} is taken: choose another, for example DEMO_PORT={other}.")
    return int(text)
