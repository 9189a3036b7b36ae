"""How acts name the loaders and sources they are about."""

from __future__ import annotations

from argparse import ArgumentParser

from django.db.models import QuerySet

from accounts.commands import Act, Call
from loaders.models import Loader, SourceDatabase
from loaders.services import get_loader, get_source


def add_code(parser: ArgumentParser) -> None:
    """The loader that an act is about."""
    parser.add_argument("code", metavar="CODE", help="the loader's code")


def loaders_of(call: Call) -> QuerySet[Loader]:
    """The loaders that the actor sees, with what is shown of them."""
    loaders = Loader.objects.visible_to(call.user)
    return loaders.select_related("source_database", "state", "approved_version")


def loader_of(call: Call, code: str | None = None) -> Loader:
    """The loader with this code, else the one that the act is about. Raises LoaderNotFoundError."""
    return get_loader(code or call.options["code"], user=call.user)


def source_of(call: Call, db_code: str) -> SourceDatabase:
    """The source with this code. Raises SourceNotFoundError."""
    return get_source(db_code, user=call.user)


class LoaderAct(Act):
    """An act on one loader, told its code and no more."""

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        add_code(parser)
