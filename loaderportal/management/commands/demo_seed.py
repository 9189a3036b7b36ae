"""`manage.py demo_seed`: people, sources and loaders of the demo."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand

from loaderportal.demo.seed import SeedValues, seed


class Command(BaseCommand):
    """Reads passwords and addresses as JSON from standard input, never from its arguments."""

    help = "Internal: fill the demo's portal; the demo calls it with JSON on standard input."

    def handle(self, *args: Any, **options: Any) -> None:
        values = json.load(sys.stdin)
        begin = datetime.fromisoformat(values["payments_begin"])
        seed(SeedValues(values["users"], values["sources"], begin))
