"""Models of the loaders app."""

from loaders.models.loader import ApprovalStatus, DefinitionEditor, Loader
from loaders.models.source_database import SourceDatabase
from loaders.models.state import LoaderState, LoadStatus
from loaders.models.version import Decision, LoaderVersion

__all__ = [
    "ApprovalStatus",
    "Decision",
    "DefinitionEditor",
    "LoadStatus",
    "Loader",
    "LoaderState",
    "LoaderVersion",
    "SourceDatabase",
]
