"""The governance rules, each at its edge."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from loaders.governance.facts import Approval, ApprovalCount, Facts, LoaderFacts, SourceFacts
from loaders.governance.findings import (
    REGISTER,
    Finding,
    Rule,
    Severity,
    SubjectKind,
    make_report,
)
from loaders.governance.presentation import csv_of
from loaders.governance.rules import all_findings
from loaders.models import ApprovalStatus, ReadOnlyVerdict
from loaders.policies import LoaderKind

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
ID = UUID(int=1)
GOOD = LoaderFacts(
    id=ID,
    code="ORDERS",
    kind=LoaderKind.SQL,
    status=ApprovalStatus.APPROVED,
    enabled=True,
    is_test=False,
    owning_team="Shop",
    contact="shop@example.org",
    description="Orders.",
    freshness_target_seconds=3600,
    updated_at=NOW - 200 * DAY,
    approved_at=NOW - 200 * DAY,
    submitted_at=None,
    start_at=None,
    end_at=None,
    watermark=NOW - DAY,
    last_success_at=NOW - DAY,
)
UNDOCUMENTED = replace(
    GOOD, owning_team=" ", contact="", description="\n", freshness_target_seconds=None
)
SOURCE = SourceFacts(
    id=ID,
    code="SHOP",
    verdict=ReadOnlyVerdict.READ_ONLY,
    checked_at=NOW - DAY,
    created_at=NOW - 200 * DAY,
    loaders=1,
)


def facts(**known: Any) -> Facts:
    return Facts(**{"now": NOW, "code_pattern": "", "is_production": True, **known})


def rules_of(**known: Any) -> set[Rule]:
    return {finding.rule for finding in all_findings(facts(**known))}


def of_loader(**values: Any) -> set[Rule]:
    return rules_of(loaders=[replace(GOOD, **values)])


def of_source(**values: Any) -> set[Rule]:
    return rules_of(sources=[replace(SOURCE, **values)])


def test_nothing_is_found_where_all_is_well() -> None:
    assert rules_of(loaders=[GOOD], sources=[SOURCE]) == set()


def test_documentation_is_missed_unless_it_is_a_test_loader() -> None:
    documentation = {
        Rule.OWNER_MISSING,
        Rule.CONTACT_MISSING,
        Rule.DESCRIPTION_MISSING,
        Rule.FRESHNESS_TARGET_MISSING,
    }
    assert rules_of(loaders=[UNDOCUMENTED]) == documentation
    test_loader = replace(UNDOCUMENTED, is_test=True)
    assert rules_of(loaders=[test_loader], is_production=False) == set()


@pytest.mark.parametrize(
    ("pattern", "found"), [("", False), ("ORD", True), ("ORD.*", False), ("SHOP_.*", True)]
)
def test_a_code_must_match_the_pattern_as_a_whole(pattern: str, *, found: bool) -> None:
    wanted = {Rule.NAME_AGAINST_PATTERN} if found else set()
    assert rules_of(loaders=[GOOD], code_pattern=pattern) == wanted


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({"last_success_at": NOW - 31 * DAY}, True),
        ({"last_success_at": NOW - 30 * DAY}, False),
        ({"last_success_at": None}, True),
        ({"last_success_at": None, "approved_at": NOW - 29 * DAY}, False),
        ({"last_success_at": None, "start_at": NOW - 29 * DAY}, False),
        ({"last_success_at": None, "start_at": NOW + 29 * DAY}, False),
        ({"last_success_at": None, "kind": LoaderKind.EXTERNAL}, False),
        ({"last_success_at": None, "status": ApprovalStatus.PENDING_APPROVAL}, False),
        ({"last_success_at": None, "end_at": NOW - DAY}, False),
        ({"last_success_at": None, "end_at": NOW - DAY / 2}, True),
        ({"last_success_at": None, "end_at": NOW - DAY, "watermark": None}, True),
    ],
)
def test_an_enabled_loader_should_succeed_within_a_month(
    values: dict[str, Any], *, found: bool
) -> None:
    assert (Rule.ENABLED_WITHOUT_SUCCESS in of_loader(**values)) == found


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({"last_success_at": None}, True),
        ({"last_success_at": NOW - 91 * DAY, "updated_at": NOW - 91 * DAY}, True),
        ({"last_success_at": NOW - 90 * DAY}, False),
        ({"last_success_at": None, "updated_at": NOW - 90 * DAY}, False),
        ({"last_success_at": None, "enabled": True}, False),
    ],
)
def test_an_approved_loader_is_not_left_disabled_for_a_quarter(
    values: dict[str, Any], *, found: bool
) -> None:
    given = of_loader(**{"enabled": False, **values})
    assert (Rule.DISABLED_FOR_LONG in given) == found


@pytest.mark.parametrize("status", [ApprovalStatus.DRAFT, ApprovalStatus.REJECTED])
def test_a_draft_is_not_left_lying_for_a_month(status: ApprovalStatus) -> None:
    unapproved: dict[str, Any] = {"status": status, "approved_at": None, "enabled": False}
    assert of_loader(**unapproved, updated_at=NOW - 31 * DAY) == {Rule.DRAFT_ABANDONED}
    assert of_loader(**unapproved, updated_at=NOW - 30 * DAY) == set()


def test_a_request_is_decided_within_a_week() -> None:
    waiting: dict[str, Any] = {"status": ApprovalStatus.PENDING_APPROVAL, "approved_at": None}
    assert of_loader(**waiting, submitted_at=NOW - 8 * DAY) == {Rule.REQUEST_WAITING}
    assert of_loader(**waiting, submitted_at=NOW - 7 * DAY) == set()


def test_a_test_loader_does_not_run_in_production() -> None:
    test_loader = replace(GOOD, is_test=True)
    assert rules_of(loaders=[test_loader]) == {Rule.TEST_LOADER_IN_PRODUCTION}
    assert rules_of(loaders=[test_loader], is_production=False) == set()
    assert of_loader(is_test=True, enabled=False, updated_at=NOW) == set()
    assert of_loader(is_test=True, status=ApprovalStatus.DRAFT, updated_at=NOW) == set()


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({"verdict": ReadOnlyVerdict.CAN_WRITE}, {Rule.SOURCE_CAN_WRITE}),
        (
            {"verdict": ReadOnlyVerdict.CAN_WRITE, "checked_at": NOW - 8 * DAY},
            {Rule.SOURCE_CAN_WRITE, Rule.SOURCE_VERDICT_OLD},
        ),
        ({"verdict": ReadOnlyVerdict.UNKNOWN}, {Rule.SOURCE_RIGHTS_UNKNOWN}),
        (
            {"verdict": ReadOnlyVerdict.UNKNOWN, "checked_at": None},
            {Rule.SOURCE_RIGHTS_UNKNOWN},
        ),
        ({"checked_at": NOW - 8 * DAY}, {Rule.SOURCE_VERDICT_OLD}),
        ({"checked_at": None}, {Rule.SOURCE_VERDICT_OLD}),
        ({"checked_at": NOW - 7 * DAY}, set()),
        ({"loaders": 0}, {Rule.SOURCE_WITHOUT_LOADER}),
        ({"loaders": 0, "created_at": NOW - 7 * DAY}, set()),
    ],
)
def test_a_source_is_read_only_known_to_be_so_and_used(
    values: dict[str, Any], found: set[Rule]
) -> None:
    assert of_source(**values) == found


def approvals(*pairs: tuple[str, str]) -> list[Approval]:
    return [Approval(ID, "ORDERS", "Shop", author, second) for author, second in pairs]


@pytest.mark.parametrize(
    ("pairs", "found"),
    [
        ([("amal", "basim")] * 5, True),
        ([("amal", "basim")] * 2 + [("basim", "amal")] * 3, True),
        ([("amal", "basim")] * 4, False),
        ([("amal", "basim")] * 4 + [("amal", "chadi")], False),
        ([("amal", "basim")] * 4 + [("chadi", "basim")], False),
    ],
)
def test_five_approvals_of_a_loader_take_a_third_person(
    pairs: list[tuple[str, str]], *, found: bool
) -> None:
    findings = list(all_findings(facts(approvals=approvals(*pairs))))
    assert len(findings) == found
    for finding in findings:
        assert (finding.rule, finding.subject) == (Rule.APPROVED_BY_SAME_PAIR, "ORDERS")
        assert "amal and basim" in finding.message


def test_approvals_of_different_loaders_are_not_added_up() -> None:
    apart = [replace(a, loader_id=UUID(int=n)) for n, a in enumerate(approvals(*[("a", "b")] * 5))]
    assert rules_of(approvals=apart) == set()


@pytest.mark.parametrize(
    ("counts", "found"),
    [
        ([("amal", "basim", 3), ("basim", "amal", 3)], True),
        ([("amal", "basim", 3), ("basim", "amal", 2)], False),
        ([("amal", "basim", 9)], False),
        ([("amal", "basim", 4), ("basim", "amal", 4), ("amal", "chadi", 2)], True),
        ([("amal", "basim", 4), ("basim", "amal", 4), ("basim", "chadi", 3)], False),
        ([("amal", "basim", 4), ("basim", "amal", 4), ("chadi", "amal", 50)], True),
    ],
)
def test_two_people_do_not_pass_each_other_everything(
    counts: list[tuple[str, str, int]], *, found: bool
) -> None:
    given = [ApprovalCount(*count) for count in counts]
    findings = list(all_findings(facts(approval_counts=given)))
    assert [finding.rule for finding in findings] == [Rule.APPROVED_BY_EACH_OTHER] * found
    for finding in findings:
        assert (finding.kind, finding.subject) == (SubjectKind.PEOPLE, "amal and basim")


def test_a_report_has_the_gravest_first_and_counts_what_a_team_has() -> None:
    other = replace(UNDOCUMENTED, id=UUID(int=2), code="AAA", owning_team="Till")
    findings = list(all_findings(facts(loaders=[UNDOCUMENTED, other])))
    report = make_report(findings)
    assert report.findings[0].rule == Rule.OWNER_MISSING
    assert [f.subject for f in report.findings if f.rule == Rule.CONTACT_MISSING] == [
        "AAA",
        "ORDERS",
    ]
    assert report.by_severity == {Severity.ERROR: 1, Severity.WARNING: 4, Severity.NOTICE: 2}
    assert report.teams == ["Till"]
    narrowed = make_report(findings, team="Till", rule=Rule.CONTACT_MISSING)
    assert [f.subject for f in narrowed.findings] == ["AAA"]
    assert narrowed.by_severity[Severity.WARNING] == 2
    assert not narrowed.reaches(Severity.ERROR)
    assert narrowed.reaches(Severity.WARNING)
    assert report.reaches(Severity.ERROR)
    notices = make_report(findings, severity=Severity.NOTICE)
    assert not notices.reaches(Severity.WARNING)


def test_no_cell_of_the_download_is_a_formula() -> None:
    finding = Finding(Rule.OWNER_MISSING, SubjectKind.PEOPLE, "=1+1", None, "-2", "@x")
    assert "'=1+1,'-2,'@x," in csv_of([finding]).splitlines()[1]


def test_every_rule_is_registered_and_stands_in_the_docs_as_it_is_in_code() -> None:
    assert set(REGISTER) == set(Rule)
    doc = (Path(__file__).parents[2] / "docs" / "governance.md").read_text(encoding="utf-8")
    for rule, entry in REGISTER.items():
        row = f"| `{rule}` | {entry.severity} | {entry.area} | {entry.meaning} |"
        assert row in doc.splitlines(), row
    assert sum(line.startswith("| `") for line in doc.splitlines()) == len(Rule)
