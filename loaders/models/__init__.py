"""Models of the loaders app."""

from loaders.models.evidence import EvidencePack, EvidenceStatus
from loaders.models.loader import ApprovalStatus, Lateness, Loader, LogLevel
from loaders.models.source_database import ReadOnlyVerdict, SourceDatabase
from loaders.models.state import LoaderState, LoadStatus
from loaders.models.version import Decision, LoaderVersion

__all__ = [
    "ApprovalStatus",
    "Decision",
    "EvidencePack",
    "EvidenceStatus",
    "Lateness",
    "LoadStatus",
    "Loader",
    "LoaderState",
    "LoaderVersion",
    "LogLevel",
    "ReadOnlyVerdict",
    "SourceDatabase",
]
