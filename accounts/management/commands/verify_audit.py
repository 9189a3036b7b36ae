"""`manage.py verify_audit`: is the audit trail still what it was?"""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta

from rich.console import Group

from accounts.commands import Act, ActingCommand, Answer, Call, ExitCode, fields
from accounts.roles import Permission
from audit.models import AuditSeal
from audit.verification import Verification, verify_audit

_HEAD = re.compile(r"([1-9][0-9]{0,18}):([0-9a-f]{64})")


class VerifyAudit(Act):
    """Walk the chain of seals and name the first event that is not as it was sealed."""

    help = (
        "Check the audit trail against its chain of seals: names the first event that was changed, "
        "removed or reordered, and a tail that was cut off. Fails if there is one."
    )
    example = "manage.py verify_audit --late-after 10 --json"
    needs = Permission.READ_AUDIT

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--head",
            action="append",
            default=[],
            type=_head,
            metavar="NUMBER:HEX",
            help="a head that the log told (audit.sealed) and the chain must have; repeatable",
        )
        parser.add_argument(
            "--late-after",
            type=int,
            default=5,
            metavar="MINUTES",
            help="warn of events that are older than this and have no seal (default: 5)",
        )

    def run(self, call: Call) -> Answer:
        seals = AuditSeal.objects.count()
        found = verify_audit(
            heads=dict(call.options["head"]),
            late_after=timedelta(minutes=call.options["late_after"]),
            tell=lambda verified: call.progress.bar(verified, seals, "seals"),
        )
        warnings = _warnings(found)
        view = Group(fields(_lines(found)), *warnings)
        code = ExitCode.FAILED if found.finding else ExitCode.DONE
        return Answer(_document(found, warnings), view, code)


class Command(ActingCommand):
    """Its exit code says whether the trail holds, for a cron job on another machine."""

    act = VerifyAudit


def _head(text: str) -> tuple[int, str]:
    match = _HEAD.fullmatch(text.strip().lower())
    if match is None:
        raise ArgumentTypeError("a head reads NUMBER:HEX, as the log tells it")
    return int(match[1]), match[2]


def _document(found: Verification, warnings: list[str]) -> dict[str, object]:
    finding = found.finding
    return {
        "ok": finding is None,
        "seals": found.seals,
        "first_number": found.first,
        "last_number": found.last.number,
        "head": found.last.witness() if found.last.number else None,
        "unsealed": found.unsealed,
        "unsealed_late": found.unsealed_late,
        "finding": finding
        and {
            "fault": finding.fault.value,
            "number": finding.number,
            "event_id": finding.event_id,
            "message": finding.message,
        },
        "warnings": warnings,
    }


def _lines(found: Verification) -> dict[str, object]:
    finding = found.finding
    verdict = "holds" if finding is None else f"BROKEN, {finding.fault.value}: {finding.message}"
    return {
        "Audit trail": verdict,
        "Seals verified": f"{found.seals:,}",
        "From": found.first,
        "To": found.last.number,
        "Head": found.last.witness() if found.last.number else None,
        "Not sealed yet": found.unsealed,
    }


def _warnings(found: Verification) -> list[str]:
    warnings = []
    if found.unsealed_late:
        warnings.append(
            f"Warning: {found.unsealed_late} events should have been sealed by now. Is a "
            "maintenance cluster running (job audit seals)?"
        )
    if found.uncompared:
        numbers = ", ".join(map(str, found.uncompared))
        warnings.append(f"Warning: heads before the first seal were not compared: {numbers}.")
    return warnings
