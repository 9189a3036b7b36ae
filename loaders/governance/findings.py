"""The register of governance rules, and what a rule finds. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Severity(StrEnum):
    """How much a finding matters, the gravest first."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"


class SubjectKind(StrEnum):
    """What a finding is about."""

    LOADER = "loader"
    SOURCE = "source"
    PEOPLE = "people"


class Area(StrEnum):
    """What a rule looks at; it decides who is told (`loaders.services.governance`)."""

    LOADERS = "loaders"
    SOURCES = "sources"
    APPROVALS = "approvals"


class Rule(StrEnum):
    """Stable codes, part of the API. Severity, area and meaning are in `REGISTER`."""

    OWNER_MISSING = "OWNER_MISSING"
    CONTACT_MISSING = "CONTACT_MISSING"
    DESCRIPTION_MISSING = "DESCRIPTION_MISSING"
    FRESHNESS_TARGET_MISSING = "FRESHNESS_TARGET_MISSING"
    NAME_AGAINST_PATTERN = "NAME_AGAINST_PATTERN"
    ENABLED_WITHOUT_SUCCESS = "ENABLED_WITHOUT_SUCCESS"
    DISABLED_FOR_LONG = "DISABLED_FOR_LONG"
    DRAFT_ABANDONED = "DRAFT_ABANDONED"
    REQUEST_WAITING = "REQUEST_WAITING"
    TEST_LOADER_IN_PRODUCTION = "TEST_LOADER_IN_PRODUCTION"
    SOURCE_CAN_WRITE = "SOURCE_CAN_WRITE"
    SOURCE_RIGHTS_UNKNOWN = "SOURCE_RIGHTS_UNKNOWN"
    SOURCE_VERDICT_OLD = "SOURCE_VERDICT_OLD"
    SOURCE_WITHOUT_LOADER = "SOURCE_WITHOUT_LOADER"
    APPROVED_BY_SAME_PAIR = "APPROVED_BY_SAME_PAIR"
    APPROVED_BY_EACH_OTHER = "APPROVED_BY_EACH_OTHER"


@dataclass(frozen=True)
class RuleEntry:
    """What is known of a rule: how grave, about what, and when it speaks."""

    severity: Severity
    area: Area
    meaning: str


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be. `subject` is a code or the names of two people, and
    `subject_id` the row, None for people. `team` owns the loader; empty where none does."""

    rule: Rule
    kind: SubjectKind
    subject: str
    subject_id: UUID | None
    team: str
    message: str

    @property
    def severity(self) -> Severity:
        """The rule's."""
        return REGISTER[self.rule].severity

    def order(self) -> tuple[int, str, str, str]:
        """The gravest first, then by rule and subject."""
        return list(Severity).index(self.severity), self.rule, self.subject, self.message


@dataclass(frozen=True)
class Report:
    """Findings in their order, and how many there are of each rule and severity before a rule or
    severity was chosen. `teams` are those that loaders with findings have."""

    findings: Sequence[Finding]
    by_rule: Mapping[Rule, int]
    by_severity: Mapping[Severity, int]
    teams: Sequence[str]

    def reaches(self, severity: Severity) -> bool:
        """Whether one of the findings is this grave or graver."""
        ranks = list(Severity)
        return any(ranks.index(f.severity) <= ranks.index(severity) for f in self.findings)


def make_report(
    findings: Iterable[Finding],
    *,
    rule: Rule | None = None,
    severity: Severity | None = None,
    team: str | None = None,
) -> Report:
    """The report of findings, narrowed where something is given; an empty team is those of no
    team."""
    every = sorted(findings, key=Finding.order)
    of_team = [f for f in every if team is None or f.team == team]
    by_rule = Counter(f.rule for f in of_team)
    by_severity = Counter(f.severity for f in of_team)
    shown = [
        f
        for f in of_team
        if (rule is None or f.rule == rule) and (severity is None or f.severity == severity)
    ]
    return Report(
        findings=shown,
        by_rule={each: by_rule[each] for each in Rule if by_rule[each]},
        by_severity={each: by_severity[each] for each in Severity},
        teams=sorted({f.team for f in every if f.team}),
    )


REGISTER: dict[Rule, RuleEntry] = {
    Rule.OWNER_MISSING: RuleEntry(
        Severity.ERROR, Area.LOADERS, "The loader names no owning team. Test loaders need none."
    ),
    Rule.CONTACT_MISSING: RuleEntry(
        Severity.WARNING, Area.LOADERS, "The loader names no contact. Test loaders need none."
    ),
    Rule.DESCRIPTION_MISSING: RuleEntry(
        Severity.WARNING, Area.LOADERS, "The loader has no description. Test loaders need none."
    ),
    Rule.FRESHNESS_TARGET_MISSING: RuleEntry(
        Severity.NOTICE,
        Area.LOADERS,
        "The loader has no freshness target, so nobody can tell when its data are too old. Test "
        "loaders need none.",
    ),
    Rule.NAME_AGAINST_PATTERN: RuleEntry(
        Severity.WARNING,
        Area.LOADERS,
        "The loader's code does not match `LOADERPORTAL_LOADER_CODE_PATTERN` as it is now.",
    ),
    Rule.ENABLED_WITHOUT_SUCCESS: RuleEntry(
        Severity.WARNING,
        Area.LOADERS,
        "An approved loader with SQL is enabled and no run has succeeded for 30 days. The 30 days "
        "begin with its approval or its start, if those are later; a loader that has reached its "
        "end is left out.",
    ),
    Rule.DISABLED_FOR_LONG: RuleEntry(
        Severity.NOTICE,
        Area.LOADERS,
        "An approved loader is disabled, and for 90 days no run succeeded and nothing of it was "
        "changed.",
    ),
    Rule.DRAFT_ABANDONED: RuleEntry(
        Severity.NOTICE, Area.LOADERS, "A draft or rejected loader was not changed for 30 days."
    ),
    Rule.REQUEST_WAITING: RuleEntry(
        Severity.WARNING,
        Area.LOADERS,
        "A request for approval has waited for 7 days. It expires after "
        "`LOADERPORTAL_REQUEST_DAYS`.",
    ),
    Rule.TEST_LOADER_IN_PRODUCTION: RuleEntry(
        Severity.WARNING,
        Area.LOADERS,
        "A test loader is approved and enabled, and `LOADERPORTAL_ENVIRONMENT` is `production`.",
    ),
    Rule.SOURCE_CAN_WRITE: RuleEntry(
        Severity.ERROR, Area.SOURCES, "The source's account was found to be able to write."
    ),
    Rule.SOURCE_RIGHTS_UNKNOWN: RuleEntry(
        Severity.WARNING,
        Area.SOURCES,
        "Nobody has found out yet what the source's account may do.",
    ),
    Rule.SOURCE_VERDICT_OLD: RuleEntry(
        Severity.WARNING,
        Area.SOURCES,
        "What the source's account may do was last read more than 7 days ago, though the portal "
        "tries every day.",
    ),
    Rule.SOURCE_WITHOUT_LOADER: RuleEntry(
        Severity.NOTICE,
        Area.SOURCES,
        "A source that was added more than 7 days ago has no loader, or only archived ones.",
    ),
    Rule.APPROVED_BY_SAME_PAIR: RuleEntry(
        Severity.WARNING,
        Area.APPROVALS,
        "The last 5 approvals of a loader within a year all stand between the same two people, "
        "whoever of them submitted.",
    ),
    Rule.APPROVED_BY_EACH_OTHER: RuleEntry(
        Severity.WARNING,
        Area.APPROVALS,
        "Within 90 days, each of two people approved at least 3 definitions of the other, and "
        "these are at least four in five of all approvals of what either of them submitted.",
    ),
}
