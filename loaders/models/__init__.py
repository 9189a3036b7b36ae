"""Models of the loaders app."""

from loaders.models.loader import ApprovalStatus, Loader, LogLevel
from loaders.models.source_database import ReadOnlyVerdict, SourceDatabase
from loaders.models.state import LoaderState, LoadStatus
from loaders.models.version import Decision, LoaderVersion

__all__ = [
    "ApprovalStatus",
    "Decision",
    "LoadStatus",
    "Loader",
    "LoaderState",
    "LoaderVersion",
    "LogLevel",
    "ReadOnlyVerdict",
    "SourceDatabase",
]
