"""The governance report: who is told what, and its export."""

from __future__ import annotations

from accounts.roles import Permission, User, may, require
from audit.services import record
from loaders.governance.collection import collect
from loaders.governance.findings import Area, Report, Rule, Severity, make_report
from loaders.governance.rules import all_findings

AUDIENCE = {
    Area.LOADERS: Permission.VIEW,
    Area.SOURCES: Permission.VIEW_SQL,
    Area.APPROVALS: Permission.READ_AUDIT,
}
"""Documentation is everybody's matter. Sources are shown to whom their pages are. A judgement about
two colleagues is evidence, and the administrator's."""


def governance_report(
    *,
    user: User,
    rule: Rule | None = None,
    severity: Severity | None = None,
    team: str | None = None,
) -> Report:
    """What of loaders, sources and approvals is not as it should be, as far as the user's roles
    and teams reach; narrowed where something is given. Raises PermissionDeniedError."""
    require(user, Permission.VIEW)
    areas = frozenset(area for area, needed in AUDIENCE.items() if may(user, needed))
    findings = all_findings(collect(user, areas))
    return make_report(findings, rule=rule, severity=severity, team=team)


def export_governance_report(
    *,
    user: User,
    rule: Rule | None = None,
    severity: Severity | None = None,
    team: str | None = None,
) -> Report:
    """The same to be taken away, which the audit trail tells."""
    report = governance_report(user=user, rule=rule, severity=severity, team=team)
    asked = {"rule": rule, "severity": severity, "team": team}
    record(
        actor=user,
        action="governance.export",
        object_type="governance",
        object_id="report",
        after={
            "findings": len(report.findings),
            **{name: value for name, value in asked.items() if value is not None},
        },
    )
    return report
