"""What the OpenAPI document says of the endpoints of loaders, SQL and sources."""

from __future__ import annotations

from core.api.operations import Operation
from loaders.api.answers import (
    ConnectionReportAnswer,
    DiffAnswer,
    InspectionAnswer,
    TeamsAnswer,
    VerdictAnswer,
    VersionDetailAnswer,
)
from loaders.api.serializers import (
    CopyBody,
    DecisionBody,
    LoaderAnswer,
    LoaderBody,
    LoaderChangeBody,
    LoaderWithSql,
    LogLevelBody,
    SourceBody,
    SubmitBody,
    TeamsBody,
    ValidateBody,
    WatermarkBody,
)
from loaders.exceptions import (
    DefinitionChangedError,
    DefinitionTamperedError,
    EvidenceNotReadyError,
    InvalidTransitionError,
    LoaderArchivedError,
    LoaderIsExternalError,
    LoaderNotFoundError,
    SelfApprovalError,
    SourceNotFoundError,
    SourceTestFailedError,
    SqlInvalidError,
    ValidationFailedError,
    VersionNotFoundError,
)

_ACT = (LoaderNotFoundError, LoaderArchivedError, DefinitionChangedError)

LIST_LOADERS = Operation("listLoaders", "List loaders")
CREATE_LOADER = Operation(
    "createLoader",
    "Add a loader as a draft",
    "The loader is disabled and a DRAFT: nothing runs before a second person approved it.",
    body=LoaderBody,
    answer=LoaderAnswer,
    status=201,
    has_etag=True,
    errors=(SourceNotFoundError, SqlInvalidError),
)
GET_LOADER = Operation(
    "getLoader",
    "Read a loader",
    "`loaderSql` is there for those who may see it; each such view is in the audit trail.",
    answer=LoaderWithSql,
    has_etag=True,
    takes_if_none_match=True,
    errors=(LoaderNotFoundError,),
)
CHANGE_LOADER = Operation(
    "changeLoader",
    "Change a loader",
    "Members that are left out stay as they are. A change of what is governed returns the loader "
    "to DRAFT at once. Its code and kind stay; `enable` and `disable` switch it.",
    body=LoaderChangeBody,
    body_is_optional=True,
    answer=LoaderAnswer,
    has_etag=True,
    takes_if_match=True,
    errors=(*_ACT, SourceNotFoundError, SqlInvalidError),
)
ARCHIVE_LOADER = Operation(
    "archiveLoader",
    "Archive a loader",
    "It is disabled and hidden; its code is never used again, its history is kept.",
    status=204,
    takes_if_match=True,
    errors=_ACT,
)
SUBMIT_LOADER = Operation(
    "submitLoader",
    "Submit a draft for approval",
    "A numbered version is made of the draft, and evidence about it is gathered.",
    body=SubmitBody,
    body_is_optional=True,
    answer=LoaderAnswer,
    has_etag=True,
    takes_if_match=True,
    errors=(*_ACT, InvalidTransitionError, SqlInvalidError, ValidationFailedError),
)
APPROVE_LOADER = Operation(
    "approveLoader",
    "Approve the waiting version",
    "Nobody approves what they edited since the last approval, administrators included.",
    body=DecisionBody,
    body_is_optional=True,
    answer=LoaderAnswer,
    has_etag=True,
    takes_if_match=True,
    errors=(
        *_ACT,
        InvalidTransitionError,
        SelfApprovalError,
        DefinitionTamperedError,
        EvidenceNotReadyError,
    ),
)
REJECT_LOADER = Operation(
    "rejectLoader",
    "Reject the waiting version",
    "Needs a comment that says why.",
    body=DecisionBody,
    body_is_optional=True,
    answer=LoaderAnswer,
    has_etag=True,
    takes_if_match=True,
    errors=(*_ACT, InvalidTransitionError, DefinitionTamperedError),
)
ENABLE_LOADER = Operation(
    "enableLoader",
    "Enable a loader",
    "It is due at once, and backfills that were paused with it go on. Already enabled is no error.",
    answer=LoaderAnswer,
    has_etag=True,
    takes_if_match=True,
    errors=_ACT,
)
COPY_LOADER = Operation(
    "copyLoader",
    "Copy a loader",
    "A new draft with this loader's definition, and another source or domain if wanted.",
    body=CopyBody,
    answer=LoaderAnswer,
    status=201,
    has_etag=True,
    takes_if_match=True,
    errors=(*_ACT, SourceNotFoundError, SqlInvalidError),
)
SET_LOG_LEVEL = Operation(
    "setLoaderLogLevel",
    "Set how much a loader's runs log",
    body=LogLevelBody,
    answer=LoaderAnswer,
    has_etag=True,
    takes_if_match=True,
    errors=_ACT,
)
MOVE_WATERMARK = Operation(
    "moveLoaderWatermark",
    "Move a loader's watermark",
    "The next run starts there; null goes back to the loader's start. The reason is audited.",
    body=WatermarkBody,
    answer=LoaderAnswer,
    has_etag=True,
    takes_if_match=True,
    errors=_ACT,
)
GET_LOADER_TEAMS = Operation(
    "getLoaderTeams",
    "Read which teams reach a loader",
    answer=TeamsAnswer,
    errors=(LoaderNotFoundError,),
)
SET_LOADER_TEAMS = Operation(
    "setLoaderTeams",
    "Say which teams reach a loader",
    body=TeamsBody,
    answer=TeamsAnswer,
    errors=(LoaderNotFoundError,),
)
LIST_VERSIONS = Operation(
    "listLoaderVersions", "List a loader's versions", errors=(LoaderNotFoundError,)
)
GET_VERSION = Operation(
    "getLoaderVersion",
    "Read a version",
    answer=VersionDetailAnswer,
    errors=(LoaderNotFoundError, VersionNotFoundError),
)
RESTORE_VERSION = Operation(
    "restoreLoaderVersion",
    "Make a draft of an old version",
    answer=LoaderAnswer,
    has_etag=True,
    takes_if_match=True,
    errors=(
        *_ACT,
        VersionNotFoundError,
        SourceNotFoundError,
        DefinitionTamperedError,
        SqlInvalidError,
        ValidationFailedError,
    ),
)
COMPARE_VERSIONS = Operation(
    "compareLoaderVersions",
    "Compare two versions",
    answer=DiffAnswer,
    errors=(LoaderNotFoundError, VersionNotFoundError),
)
LIST_LOADERS_AS_SEED = Operation(
    "listLoadersBySeedPath", "List loaders, by the path of the older service", tag="loaders"
)
VALIDATE_SQL = Operation(
    "validateSql",
    "Check a statement",
    "Nothing is stored or run. The guard that submit and runs use answers, so a statement that is "
    "valid here passes there too.",
    body=ValidateBody,
    answer=VerdictAnswer,
)

VALIDATE_LOADER = Operation(
    "validateLoader",
    "Check a loader's draft",
    "The answer is that of `sql/validate` about the statement as it is stored now. For those who "
    "may see the statement: findings quote identifiers of it.",
    answer=VerdictAnswer,
    errors=(LoaderNotFoundError, LoaderIsExternalError),
)

LIST_SOURCES = Operation("listSources", "List source databases", tag="sources")
CREATE_SOURCE = Operation(
    "createSource",
    "Add a source database",
    "The password is stored encrypted and never shown. `ip` and `passWord` are accepted for `host` "
    "and `password`.",
    body=SourceBody,
    answer=SourceBody,
    status=201,
    has_etag=True,
    tag="sources",
)
GET_SOURCE = Operation(
    "getSource",
    "Read a source database",
    answer=SourceBody,
    has_etag=True,
    takes_if_none_match=True,
    errors=(SourceNotFoundError,),
    tag="sources",
)
CHANGE_SOURCE = Operation(
    "changeSource",
    "Change a source database",
    "Members that are left out stay as they are. Loaders of a source that is reached in another "
    "way return to DRAFT.",
    body=SourceBody,
    body_is_optional=True,
    answer=SourceBody,
    has_etag=True,
    takes_if_match=True,
    errors=(SourceNotFoundError, DefinitionChangedError),
    tag="sources",
)
TEST_SOURCE = Operation(
    "testSource",
    "Try a source database",
    "A source that does not answer is a report too, not an error.",
    answer=ConnectionReportAnswer,
    errors=(SourceNotFoundError,),
    tag="sources",
)
INSPECT_SOURCE = Operation(
    "inspectSource",
    "Look up what a source's account may do",
    answer=InspectionAnswer,
    errors=(SourceNotFoundError, SourceTestFailedError),
    tag="sources",
)
GET_SOURCE_TEAMS = Operation(
    "getSourceTeams",
    "Read which teams reach a source",
    answer=TeamsAnswer,
    errors=(SourceNotFoundError,),
    tag="sources",
)
SET_SOURCE_TEAMS = Operation(
    "setSourceTeams",
    "Say which teams reach a source",
    body=TeamsBody,
    answer=TeamsAnswer,
    errors=(SourceNotFoundError,),
    tag="sources",
)
