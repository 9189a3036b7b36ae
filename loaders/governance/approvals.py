"""The governance rules over approvals: is the second person more than a signature? Pure.

Four eyes are kept by the portal: nobody approves what they edited. Two people can still pass each
other everything. One rule looks at each loader, the other at two people over all loaders.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta

from loaders.governance.facts import Approval, Facts
from loaders.governance.findings import Finding, Rule, SubjectKind

LAST_APPROVALS = 5
LAST_APPROVALS_WITHIN = timedelta(days=365)
MUTUAL_WITHIN = timedelta(days=90)
MUTUAL_LEAST = 3
MUTUAL_SHARE = 0.8


def approval_findings(facts: Facts) -> Iterator[Finding]:
    """What both rules find."""
    yield from _same_pair(facts)
    yield from _each_other(facts)


def _same_pair(facts: Facts) -> Iterator[Finding]:
    """Loaders whose last approvals all stand between the same two people."""
    by_loader: dict[object, list[Approval]] = defaultdict(list)
    for approval in facts.approvals:
        by_loader[approval.loader_id].append(approval)
    for approvals in by_loader.values():
        pairs = {frozenset((each.submitted_by, each.approved_by)) for each in approvals}
        if len(approvals) < LAST_APPROVALS or len(pairs) > 1:
            continue
        one, other = sorted(pairs.pop())
        loader = approvals[0]
        yield Finding(
            Rule.APPROVED_BY_SAME_PAIR,
            SubjectKind.LOADER,
            loader.loader_code,
            loader.loader_id,
            loader.team,
            f"Its last {len(approvals)} approvals all stand between {one} and {other}. Let a third "
            "person decide about the next version.",
        )


def _each_other(facts: Facts) -> Iterator[Finding]:
    """Pairs of people who approve what the other submits, and little else approves it."""
    counts = {(c.submitted_by, c.approved_by): c.count for c in facts.approval_counts}
    submitted: dict[str, int] = defaultdict(int)
    for (author, _), count in counts.items():
        submitted[author] += count
    for (one, other), first in sorted(counts.items()):
        second = counts.get((other, one), 0)
        if one > other or min(first, second) < MUTUAL_LEAST:
            continue
        every = submitted[one] + submitted[other]
        if first + second < MUTUAL_SHARE * every:
            continue
        yield Finding(
            Rule.APPROVED_BY_EACH_OTHER,
            SubjectKind.PEOPLE,
            f"{one} and {other}",
            None,
            "",
            f"Of the {every} definitions of theirs that were approved in {MUTUAL_WITHIN.days} "
            f"days, {other} approved {first} of {one}'s and {one} approved {second} of {other}'s. "
            "Let others decide about what they submit.",
        )
