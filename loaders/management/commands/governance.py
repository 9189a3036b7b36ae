"""`manage.py governance`: what is not as it should be, with an exit code for CI."""

from __future__ import annotations

from argparse import ArgumentParser

from rich.console import Group
from rich.table import Table

from accounts.commands import Act, ActingCommand, Answer, Call, ExitCode, fields, table
from accounts.roles import Permission
from loaders.governance.findings import Report, Rule, Severity
from loaders.governance.presentation import document_of
from loaders.services import governance_report

_COLUMNS = ("SEVERITY", "RULE", "SUBJECT", "TEAM", "WHAT TO DO")


class Governance(Act):
    """The governance report, narrowed where asked."""

    help = (
        "Report loaders, sources and approvals that are not as they should be. With --fail-on, "
        "fails where a finding is that grave or graver, for a CI job."
    )
    example = "manage.py governance --team Payments --fail-on error --json"
    needs = Permission.VIEW

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--rule", type=str.upper, choices=[rule.value for rule in Rule], metavar="CODE"
        )
        parser.add_argument("--severity", choices=[each.value for each in Severity])
        parser.add_argument("--team", help="only loaders of this owning team; '' for those of none")
        parser.add_argument(
            "--fail-on",
            choices=[Severity.ERROR.value, Severity.WARNING.value],
            help="end with 1 if a finding shown is this grave",
        )

    def run(self, call: Call) -> Answer:
        asked = call.options
        report = governance_report(
            user=call.user,
            rule=Rule(asked["rule"]) if asked["rule"] else None,
            severity=Severity(asked["severity"]) if asked["severity"] else None,
            team=asked["team"],
        )
        fails = asked["fail_on"] and report.reaches(Severity(asked["fail_on"]))
        counts = {severity.value: report.by_severity[severity] for severity in Severity}
        document = {
            "ok": not fails,
            "counts": counts,
            "results": [document_of(finding) for finding in report.findings],
        }
        view = Group(_table(report), "", fields(counts))
        return Answer(document, view, ExitCode.FAILED if fails else ExitCode.DONE)


class Command(ActingCommand):
    """Its exit code says whether all is well enough."""

    act = Governance


def _table(report: Report) -> Table:
    return table(
        _COLUMNS,
        [(f.severity.value, f.rule.value, f.subject, f.team, f.message) for f in report.findings],
    )
