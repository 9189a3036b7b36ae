"""A worker imports no more than its work takes: a replica has a dozen processes, each with all that
it imported, and starts them again whenever one ends."""

from __future__ import annotations

import subprocess
import sys

from tests.portal_database import ROOT

_NOT_FOR_WORKERS = (
    "loaderportal.admin",
    "loaderportal.urls",
    "unfold.admin",
    "rest_framework.serializers",
    "drf_spectacular.openapi",
    "numpy",
    "pyarrow",
)
_WORKER = f"""
import os, sys, django
os.environ["DJANGO_SETTINGS_MODULE"] = "loaderportal.settings"
django.setup()
import execution.tasks, execution.management.commands.runportal
print(*[name for name in {_NOT_FOR_WORKERS} if name in sys.modules])
"""
_COMMANDS = """
import os, sys, django
os.environ["DJANGO_SETTINGS_MODULE"] = "loaderportal.settings"
django.setup()
from tests.support.commands import our_commands
assert len(our_commands()) > 10
print(*[name for name in ("loaderportal.admin", "unfold.admin") if name in sys.modules])
"""
_CHECK = """
import os, django
os.environ["DJANGO_SETTINGS_MODULE"] = "loaderportal.settings"
django.setup()
from django.contrib import admin
from django.core.checks import run_checks
from loaders.models import Loader
assert run_checks(tags=["admin"]) == []
print(admin.site.is_registered(Loader))
"""


def printed_by(program: str) -> list[str]:
    """Words that a process of its own prints."""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_a_worker_imports_no_pages_no_endpoints_and_no_arrays() -> None:
    assert printed_by(_WORKER) == []


def test_a_command_imports_no_pages() -> None:
    assert printed_by(_COMMANDS) == []


def test_djangos_checks_look_at_the_pages_all_the_same() -> None:
    assert printed_by(_CHECK) == ["True"]
