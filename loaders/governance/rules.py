"""The governance rules over loaders and sources. Pure: all they know is in `Facts`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta

from core.display import instant_text
from loaders.governance.approvals import approval_findings
from loaders.governance.facts import Facts, LoaderFacts, SourceFacts
from loaders.governance.findings import Finding, Rule, SubjectKind
from loaders.models import ApprovalStatus, ReadOnlyVerdict
from loaders.policies import LoaderKind

WITHOUT_SUCCESS = timedelta(days=30)
DISABLED = timedelta(days=90)
DRAFT = timedelta(days=30)
REQUEST = timedelta(days=7)
VERDICT = timedelta(days=7)
NEW_SOURCE = timedelta(days=7)

_DOCUMENTATION: tuple[tuple[Rule, Callable[[LoaderFacts], object], str], ...] = (
    (Rule.OWNER_MISSING, lambda it: it.owning_team.strip(), "No team owns it. Name the team."),
    (
        Rule.CONTACT_MISSING,
        lambda it: it.contact.strip(),
        "Nobody is named to be asked about it. Name a contact.",
    ),
    (
        Rule.DESCRIPTION_MISSING,
        lambda it: it.description.strip(),
        "It does not say what it loads. Write a description.",
    ),
    (
        Rule.FRESHNESS_TARGET_MISSING,
        lambda it: it.freshness_target_seconds,
        "It does not say how old its data may be. Set a freshness target.",
    ),
)


def all_findings(facts: Facts) -> Iterator[Finding]:
    """What all rules find, in no order."""
    pattern = re.compile(facts.code_pattern) if facts.code_pattern else None
    for loader in facts.loaders:
        team = loader.owning_team.strip()
        for rule, message in _of_loader(loader, facts, pattern):
            yield Finding(rule, SubjectKind.LOADER, loader.code, loader.id, team, message)
    for source in facts.sources:
        for rule, message in _of_source(source, facts):
            yield Finding(rule, SubjectKind.SOURCE, source.code, source.id, "", message)
    yield from approval_findings(facts)


def _of_loader(
    loader: LoaderFacts, facts: Facts, pattern: re.Pattern[str] | None
) -> Iterator[tuple[Rule, str]]:
    if not loader.is_test:
        yield from _documentation(loader)
    if pattern is not None and not pattern.fullmatch(loader.code):
        yield (
            Rule.NAME_AGAINST_PATTERN,
            "Its code is not of the agreed form. A code never changes: copy it under one that is, "
            "have the copy approved, and archive this one.",
        )
    yield from _use(loader, facts)
    yield from _waiting(loader, facts)
    runs = loader.enabled and loader.status == ApprovalStatus.APPROVED
    if loader.is_test and runs and facts.is_production:
        yield (
            Rule.TEST_LOADER_IN_PRODUCTION,
            "It is marked as a test and runs in production. Disable it, or document it and take "
            "the mark away.",
        )


def _documentation(loader: LoaderFacts) -> Iterator[tuple[Rule, str]]:
    for rule, said, message in _DOCUMENTATION:
        if not said(loader):
            yield rule, message


def _use(loader: LoaderFacts, facts: Facts) -> Iterator[tuple[Rule, str]]:
    """Approved loaders that bring nothing, whether they should or not."""
    if loader.status != ApprovalStatus.APPROVED or loader.approved_at is None:
        return
    told = "No run has ever succeeded"
    if loader.last_success_at is not None:
        told = f"No run has succeeded since {instant_text(loader.last_success_at)}"
    if loader.enabled and loader.kind == LoaderKind.SQL and not _has_reached_its_end(loader):
        began = max(loader.approved_at, loader.start_at or loader.approved_at)
        if max(began, loader.last_success_at or began) < facts.now - WITHOUT_SUCCESS:
            yield (
                Rule.ENABLED_WITHOUT_SUCCESS,
                f"It is enabled. {told}. Look at its last executions, or disable it.",
            )
    if not loader.enabled:
        last = max(loader.updated_at, loader.last_success_at or loader.updated_at)
        if last < facts.now - DISABLED:
            yield (
                Rule.DISABLED_FOR_LONG,
                f"It is approved, disabled and unchanged since {instant_text(loader.updated_at)}. "
                "Enable it, or archive it.",
            )


def _has_reached_its_end(loader: LoaderFacts) -> bool:
    return (
        loader.end_at is not None
        and loader.watermark is not None
        and loader.watermark >= loader.end_at
    )


def _waiting(loader: LoaderFacts, facts: Facts) -> Iterator[tuple[Rule, str]]:
    """Drafts and requests that lie about."""
    unfinished = {ApprovalStatus.DRAFT: "a draft", ApprovalStatus.REJECTED: "rejected"}
    if loader.status in unfinished and loader.updated_at < facts.now - DRAFT:
        yield (
            Rule.DRAFT_ABANDONED,
            f"It is {unfinished[loader.status]} and unchanged since "
            f"{instant_text(loader.updated_at)}. Submit it, or have it archived.",
        )
    if loader.submitted_at is not None and loader.submitted_at < facts.now - REQUEST:
        yield (
            Rule.REQUEST_WAITING,
            f"It waits for approval since {instant_text(loader.submitted_at)}. Approve or reject "
            "it.",
        )


def _of_source(source: SourceFacts, facts: Facts) -> Iterator[tuple[Rule, str]]:
    if source.verdict == ReadOnlyVerdict.CAN_WRITE:
        yield (
            Rule.SOURCE_CAN_WRITE,
            "Its account can write. Take away every right but to read, then test the source.",
        )
    if source.verdict == ReadOnlyVerdict.UNKNOWN:
        yield (
            Rule.SOURCE_RIGHTS_UNKNOWN,
            "What its account may do is not known. Test the source, and mend what the test says.",
        )
    elif source.checked_at is None or source.checked_at < facts.now - VERDICT:
        yield (
            Rule.SOURCE_VERDICT_OLD,
            "What its account may do was last read at "
            f"{instant_text(source.checked_at, empty='an unknown time')}. Test the source: it "
            "does not answer the portal's daily look.",
        )
    if not source.loaders and source.created_at < facts.now - NEW_SOURCE:
        yield (
            Rule.SOURCE_WITHOUT_LOADER,
            "No loader reads it. Add one, or lock its account at the source.",
        )
