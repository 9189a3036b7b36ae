"""What a source's account may do beyond reading, as sentences a DBA can act on (spec 4)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

MAX_FINDINGS = 20


@dataclass(frozen=True)
class Finding:
    """One thing the account may do and needs not; `writes` unless it only reads or waits."""

    sentence: str
    writes: bool = True


@dataclass(frozen=True)
class PrivilegeReport:
    """The inspector's answer.

    `can_write` is None where it could not be found out; the reason is among the findings then.
    An account that can't write may have findings too: it may do more than a reader needs.
    """

    can_write: bool | None
    findings: tuple[str, ...] = ()


def report_of(findings: Iterable[Finding], *, unknown: str = "") -> PrivilegeReport:
    """The report: what writes first, at most `MAX_FINDINGS` sentences and how many are left out.

    `unknown` says what could not be inspected: without a write found, the verdict is open then.
    """
    ordered = sorted(dict.fromkeys(findings), key=lambda finding: not finding.writes)
    can_write: bool | None = any(finding.writes for finding in ordered)
    sentences = [_printable(finding.sentence) for finding in ordered]
    if len(sentences) > MAX_FINDINGS:
        more = len(sentences) - MAX_FINDINGS
        sentences[MAX_FINDINGS:] = [f"and {more} more."]
    if unknown:
        sentences.append(unknown)
        can_write = can_write or None
    return PrivilegeReport(can_write, tuple(sentences))


def _printable(text: str) -> str:
    """Names at a source may hold anything; a sentence stays one line."""
    return "".join(c if c.isprintable() else "?" for c in text)
