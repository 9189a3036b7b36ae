"""What the demo's command line takes. Needs no Django, and no setting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "once": {
        "action": "store_true",
        "help": "on a free port: catch up, check the totals, print one JSON line, end",
    }
}
