"""Use cases of sources and loaders: permission, compare-and-set, audit event, return."""

from loaders.services.account_looks import look_at_accounts
from loaders.services.approval import (
    approve,
    decision_text,
    expire_stale_requests,
    reject,
    submit,
)
from loaders.services.archiving import archive_loader
from loaders.services.catalogue import read_catalogue
from loaders.services.definitions import (
    create_loader,
    get_loader,
    set_log_level,
    update_loader,
)
from loaders.services.drafting import drafted_by, edited_by, has_edited
from loaders.services.enabling import Switched, disable, enable, switch_many
from loaders.services.evidence import (
    evidence_of,
    finish_evidence,
    last_evidence,
    may_see_evidence,
    renew_evidence,
    waiting_packs,
)
from loaders.services.fitness import (
    approved_definition,
    approved_for_posts,
    check_source,
)
from loaders.services.following import follow_events
from loaders.services.governance import export_governance_report, governance_report
from loaders.services.interchange import export_loader, import_loaders
from loaders.services.preconditions import unchanged
from loaders.services.reach import require_on, require_reach
from loaders.services.sources import create_source, get_source, update_source
from loaders.services.teams import set_teams
from loaders.services.testing import inspect_source, keep_verdict, try_source
from loaders.services.validating import validate_draft
from loaders.services.versions import copy_loader, get_version, restore_version
from loaders.services.viewing import show_both, show_sql
from loaders.services.watermark import move_watermark

__all__ = [
    "Switched",
    "approve",
    "approved_definition",
    "approved_for_posts",
    "archive_loader",
    "check_source",
    "copy_loader",
    "create_loader",
    "create_source",
    "decision_text",
    "disable",
    "drafted_by",
    "edited_by",
    "enable",
    "evidence_of",
    "expire_stale_requests",
    "export_governance_report",
    "export_loader",
    "finish_evidence",
    "follow_events",
    "get_loader",
    "get_source",
    "get_version",
    "governance_report",
    "has_edited",
    "import_loaders",
    "inspect_source",
    "keep_verdict",
    "last_evidence",
    "look_at_accounts",
    "may_see_evidence",
    "move_watermark",
    "read_catalogue",
    "reject",
    "renew_evidence",
    "require_on",
    "require_reach",
    "restore_version",
    "set_log_level",
    "set_teams",
    "show_both",
    "show_sql",
    "submit",
    "switch_many",
    "try_source",
    "unchanged",
    "update_loader",
    "update_source",
    "validate_draft",
    "waiting_packs",
]
