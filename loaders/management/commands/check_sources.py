"""`manage.py check_sources`: try every source database and say what to do."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import asdict, dataclass

from django.conf import settings
from rich.console import Group

from accounts.commands import Act, ActingCommand, Answer, Call, ExitCode, fields, table
from accounts.roles import Permission
from core.errors import PortalError
from loaders.connectors.connection_test import ConnectionReport
from loaders.models import SourceDatabase
from loaders.services import get_source, try_source

_COLUMNS = ("SOURCE", "ANSWERS", "VERSION", "CONNECTED IN", "CLOCK", "TLS", "ACCOUNT", "VERDICT")
_ACCOUNTS = {True: "can write", False: "read-only", None: "unknown"}


@dataclass(frozen=True)
class _Verdict:
    """A source's report, and whether it is as it should be."""

    report: ConnectionReport
    passed: bool

    def document(self) -> dict[str, object]:
        """The report as the API gives it, with the verdict."""
        return {**asdict(self.report), "passed": self.passed}

    def line(self) -> tuple[object, ...]:
        """One line of the table."""
        of = self.report
        return (
            of.db_code,
            of.ok or of.code,
            of.server_version,
            None if of.connect_ms is None else f"{of.connect_ms:.0f} ms",
            None if of.clock_skew_seconds is None else f"{of.clock_skew_seconds:+.3f} s",
            of.tls,
            _ACCOUNTS[of.privileges.can_write] if of.privileges else None,
            "ok" if self.passed else "FAILED",
        )

    def advice(self) -> str:
        """What to look at; empty when there is nothing."""
        of = self.report
        findings = of.privileges.findings if of.privileges else ()
        return " ".join(text for text in (of.message, *of.advice, *findings) if text)


class CheckSources(Act):
    """Connect to each source and look at its clock, TLS and the account's privileges."""

    help = (
        "Try source databases: reachable, clock, TLS, and whether the account can only read. Fails "
        "if one does not answer or its account can write."
    )
    example = "manage.py check_sources PAYMENTS AIRLINE --json"
    needs = Permission.MANAGE_SOURCES

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        parser.add_argument("codes", nargs="*", metavar="CODE", help="these only; else all")
        parser.add_argument(
            "--allow-writers", action="store_true", help="accounts that can write pass too"
        )

    def run(self, call: Call) -> Answer:
        codes = call.options["codes"]
        named = [get_source(code, user=call.user) for code in codes]
        sources = named or list(SourceDatabase.objects.visible_to(call.user))
        verdicts = []
        for number, source in enumerate(sources):
            call.progress.bar(number, len(sources), f"sources: {source.db_code}")
            verdicts.append(_try(call, source))
        passed = all(verdict.passed for verdict in verdicts)
        advice = {v.report.db_code: text for v in verdicts if (text := v.advice())}
        view = Group(table(_COLUMNS, [v.line() for v in verdicts]), "", fields(advice))
        document = {"ok": passed, "results": [v.document() for v in verdicts]}
        return Answer(document, view, ExitCode.DONE if passed else ExitCode.FAILED)


class Command(ActingCommand):
    """Its exit code says whether all is well, for a cron job or a deployment."""

    act = CheckSources


def _try(call: Call, source: SourceDatabase) -> _Verdict:
    """One source's verdict; one whose password can't be decrypted must not hide the others."""
    try:
        report = try_source(user=call.user, source=source)
    except PortalError as error:
        report = ConnectionReport(source.db_code, ok=False, code=error.code, message=error.message)
    return _Verdict(report, _passes(report, allow_writers=call.options["allow_writers"]))


def _passes(report: ConnectionReport, *, allow_writers: bool) -> bool:
    """Whether it answers, and by an account that this portal would use: one that was not found to
    write, and where LOADERPORTAL_REQUIRE_READ_ONLY_SOURCES demands it, one found not to."""
    if not report.ok or allow_writers:
        return report.ok
    can_write = report.privileges.can_write if report.privileges else None
    if settings.REQUIRE_READ_ONLY_SOURCES:
        return can_write is False
    return can_write is not True
