"""`manage.py gaps`: what is missing, a scan for it now, and what is not missing after all."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from datetime import timedelta

from django.db.models import F
from rich.console import Group, RenderableType

from accounts.commands import Act, Answer, Call, ExitCode, fields, table
from accounts.object_access import reachable
from accounts.roles import Permission
from backfill.api_gaps import GapFindingAnswer, GapScanAnswer
from backfill.gaps import Fate
from backfill.models import GapFinding, GapScan
from backfill.services.gap_scan import scan_gaps
from core.display import span_text, window_text
from core.window import Window
from execution.api_coverage import GapAnswer, WaiverAnswer
from execution.coverage import GAPS, CoverageState
from execution.models import Gap, read_gap_id
from execution.services import waive_gaps
from loaderportal.commands.covering import instant
from loaderportal.commands.naming import loader_of
from loaders.exceptions import ValidationFailedError

_SHOWN = 200


class ScanForGaps(Act):
    """Scan now, in this process."""

    name = "scan"
    help = (
        "Scan all loaders for gaps now and submit backfills, as the maintenance cluster does every "
        "few hours. Ends with 1 if a backfill was refused."
    )
    example = "manage.py gaps scan --json"
    needs = Permission.MEND_COVERAGE

    def run(self, call: Call) -> Answer:
        call.progress.say("Scanning ...")
        scan = scan_gaps(user=call.user)
        findings = scan.findings.all()[:_SHOWN]
        document = {
            **GapScanAnswer(scan).data,
            "findings": GapFindingAnswer(findings, many=True).data,
        }
        code = ExitCode.FAILED if scan.gaps_by_fate.get(Fate.REFUSED) else ExitCode.DONE
        return Answer(document, Group(*_scan_view(scan, findings)), code)


class ListGaps(Act):
    """Gaps, newest first."""

    name = "list"
    help = "List the gaps of all loaders or of one, newest first."
    example = "manage.py gaps list PAYMENTS_HOURLY --state FAILED"
    needs = Permission.VIEW

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        parser.add_argument("code", nargs="?", metavar="LOADER", help="only of this loader")
        parser.add_argument("--state", choices=sorted(GAPS), help="only such gaps")
        parser.add_argument(
            "--min-seconds", type=int, default=0, help="only gaps that are at least so long"
        )
        parser.add_argument("--most", type=int, default=_SHOWN, help=f"so many at most ({_SHOWN})")

    def run(self, call: Call) -> Answer:
        gaps = reachable(call.user, Gap.objects.all())
        if call.options["code"]:
            gaps = gaps.filter(loader=loader_of(call))
        if call.options["state"]:
            gaps = gaps.filter(state=call.options["state"])
        shortest = timedelta(seconds=call.options["min_seconds"])
        gaps = gaps.filter(range_to__gte=F("range_from") + shortest)
        found = list(gaps[: max(call.options["most"], 0)])
        columns = ("Id", "Loader", "Stretch (UTC)", "Length", "State")
        view: RenderableType = table(columns, map(_line, found)) if found else "There are no gaps."
        return Answer({"results": GapAnswer(found, many=True).data}, view)


class WaiveGap(Act):
    """Declare a gap to be none."""

    name = "waive"
    help = (
        "Waive a gap by its id, or what of a loader's stretch is a gap: nothing is missing there. "
        "The gap scanner leaves it alone."
    )
    example = (
        "manage.py gaps waive PAYMENTS_HOURLY --from 2026-01-31 --to 2026-02-01 "
        '--reason "Closed on Fridays" --as amal'
    )
    needs = Permission.MEND_COVERAGE

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        parser.add_argument("gap", metavar="GAP", help="id of a gap, or code of a loader")
        for name in ("from", "to"):
            parser.add_argument(
                f"--{name}",
                dest=f"{name}_time",
                type=instant,
                metavar="TIME",
                help="the stretch, UTC, with a loader's code: 2026-01-31 or 2026-01-31T10:00",
            )
        parser.add_argument("--reason", required=True, help="why nothing is missing; audited")

    def run(self, call: Call) -> Answer:
        code, window = _stretch_of(call)
        waivers = waive_gaps(
            user=call.user,
            loader=loader_of(call, code),
            window=window,
            reason=call.options["reason"],
        )
        shown = ", ".join(window_text(one.range_from, one.range_to) for one in waivers)
        document = {"results": WaiverAnswer(waivers, many=True).data}
        return Answer(document, f"{code}: waived {shown} UTC.")


def _stretch_of(call: Call) -> tuple[str, Window]:
    first, last = call.options["from_time"], call.options["to_time"]
    if first is None and last is None:
        return read_gap_id(call.options["gap"])
    if first is None or last is None or first >= last:
        raise ValidationFailedError("Give both --from and --to, the first before the second.")
    return call.options["gap"], Window(first, last)


def _line(gap: Gap) -> tuple[object, ...]:
    window = window_text(gap.range_from, gap.range_to)
    length = span_text(gap.range_to - gap.range_from)
    return gap.pk, gap.loader_id, window, length, CoverageState(gap.state).label


def _scan_view(scan: GapScan, findings: Iterable[GapFinding]) -> Iterator[RenderableType]:
    yield fields(
        {
            "looked back to (UTC)": scan.looked_from,
            "loaders": scan.loaders_scanned,
            "left out": ", ".join(f"{n} {why}" for why, n in scan.loaders_left_out.items()),
            "signals gone": scan.stretches_lost,
            "gaps": scan.gaps_found,
            "seen first": scan.gaps_new,
            "backfills made": scan.jobs_made,
        }
    )
    if rows := [
        (one.loader_code, window_text(one.range_from, one.range_to), one.fate, one.error_message)
        for one in findings
    ]:
        yield ""
        yield table(("Loader", "Stretch (UTC)", "What became of it", "Why"), rows)
