"""Where a run's time goes."""

from __future__ import annotations

import time


class Phases:
    """How long a run took over what, in milliseconds by the phase's name."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self.milliseconds: dict[str, int] = {}

    def ends(self, name: str) -> None:
        """The phase of this name ends now, and the next begins."""
        now = time.monotonic()
        self.milliseconds[name] = round((now - self._since) * 1000)
        self._since = now
