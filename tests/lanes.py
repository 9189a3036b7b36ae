"""In which order and on which worker tests run, so that all workers end at about the same time.

Chaos and the journeys of acceptance wait a lot: for leases, polls, servers and browsers. Each makes
a lane: one worker runs its tests in a row, so that no more than two of them are under way at once.
The other workers keep the processors busy meanwhile. They take what comes next, integration test by
test, then unit file by file, and whoever is through with a lane joins them.
"""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

_ORDER = ("tests/chaos/", "tests/acceptance/", "tests/integration/")
# Chaos that runs in the lane of acceptance, to make both of them about equally long.
_MOVED = ("tests/chaos/test_crashes.py", "tests/chaos/test_recovery.py")
# Files that run whole: their fixtures are made once for all their tests, or the tests are short.
_WHOLE = (
    "tests/integration/connectors/test_tls.py",
    "tests/integration/test_postgres_server.py",
    "tests/unit/",
)


def lane(nodeid: str) -> str:
    """Name of what one worker runs in a row: chaos, journeys, a file, or a single test."""
    if nodeid.startswith(("tests/acceptance/", *_MOVED)):
        return "journeys"
    if nodeid.startswith("tests/chaos/"):
        return "chaos"
    return nodeid.partition("::")[0] if nodeid.startswith(_WHOLE) else nodeid


def rank(nodeid: str) -> int:
    """Place in the order of the folders."""
    return next((n for n, folder in enumerate(_ORDER) if nodeid.startswith(folder)), len(_ORDER))


class LaneScheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist carries no types
    """xdist's scheduling by scope, over lanes, in the order that the tests have."""

    def _split_scope(self, nodeid: str) -> str:
        return lane(nodeid)
