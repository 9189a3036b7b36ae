"""`manage.py loader enable`, `disable`, `archive`, `copy` and `submit`. Nothing here approves or
rejects: there is nobody at a shell whom the portal could recognise."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from accounts.commands import Act, Answer, Call
from accounts.roles import Permission
from execution.services import disable_and_cancel
from loaderportal.commands.naming import LoaderAct, add_code, loader_of, source_of
from loaders import services
from loaders.api.serializers import LoaderAnswer
from loaders.models import Loader


class EnableLoader(LoaderAct):
    """Let a loader run."""

    name = "enable"
    help = "Enable a loader: approved, it is due at once."
    example = "manage.py loader enable PAYMENTS_HOURLY --as amal"
    needs = Permission.RUN

    def run(self, call: Call) -> Answer:
        loader = services.enable(user=call.user, loader=loader_of(call))
        return _answer(call, loader, "is enabled.")


class DisableLoader(LoaderAct):
    """Let no new run start."""

    name = "disable"
    help = (
        "Disable a loader: no new runs; what runs now ends in its own time, or with --cancel at "
        "once."
    )
    example = "manage.py loader disable PAYMENTS_HOURLY --cancel"
    needs = Permission.RUN

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--cancel", action="store_true", help="stop what runs of it too")

    def run(self, call: Call) -> Answer:
        loader = loader_of(call)
        if call.options["cancel"]:
            asked = disable_and_cancel(user=call.user, loader=loader)
            return _answer(call, loader, f"is disabled. Runs that were asked to stop: {asked}.")
        return _answer(call, services.disable(user=call.user, loader=loader), "is disabled.")


class ArchiveLoader(LoaderAct):
    """Disable a loader for good and hide it."""

    name = "archive"
    help = "Archive a loader: disabled for good and hidden, its code never used again."
    example = "manage.py loader archive PAYMENTS_HOURLY --as amal"
    needs = Permission.ARCHIVE

    def run(self, call: Call) -> Answer:
        loader = services.archive_loader(user=call.user, loader=loader_of(call))
        return _answer(call, loader, "is archived.")


class CopyLoader(Act):
    """A new draft with a loader's definition."""

    name = "copy"
    help = "Copy a loader as a new draft, disabled, over the same or another source."
    example = "manage.py loader copy PAYMENTS_HOURLY REFUNDS_HOURLY --source REFUNDS"
    needs = Permission.EDIT_LOADERS

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        add_code(parser)
        parser.add_argument("new_code", metavar="NEW_CODE", help="code of the copy")
        parser.add_argument("--source", metavar="DB_CODE", help="another source database")
        parser.add_argument("--domain", help="another business domain")

    def run(self, call: Call) -> Answer:
        db_code = call.options["source"]
        copied = services.copy_loader(
            user=call.user,
            loader=loader_of(call),
            loader_code=call.options["new_code"],
            source=source_of(call, db_code) if db_code else None,
            domain=call.options["domain"],
        )
        return _answer(call, copied, f"is a draft with the definition of {call.options['code']}.")


class SubmitLoader(Act):
    """Ask a second person to approve a draft."""

    name = "submit"
    help = "Submit a draft for approval by a second person. --as must say who submits it."
    example = 'manage.py loader submit PAYMENTS_HOURLY --as amal --note "New grain"'
    needs = Permission.EDIT_LOADERS
    by_persons_only = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        add_code(parser)
        parser.add_argument(
            "--note", "--comment", dest="note", default="", help="what the approver should know"
        )

    def run(self, call: Call) -> Answer:
        loader = loader_of(call)
        version = services.submit(user=call.user, loader=loader, note=call.options["note"])
        return _answer(call, loader, f"waits for approval as version {version.number}.")


def _answer(call: Call, loader: Loader, sentence: str) -> Answer:
    fresh: Any = loader_of(call, loader.loader_code)
    return Answer(LoaderAnswer(fresh).data, f"{loader.loader_code} {sentence}")
