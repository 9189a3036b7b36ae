"""`manage.py backfill list`, `show` and `preview`."""

from __future__ import annotations

from argparse import ArgumentParser

from rich.console import Group, RenderableType

from accounts.commands import Act, Answer, Call, fields, table
from accounts.roles import Permission
from backfill.api_answers import PreviewAnswer
from backfill.commands.naming import JobAct, add_wish, job_of, loader_of, wanted_of
from backfill.models import BackfillJob, BackfillRun
from backfill.preview_text import preview_facts, preview_notices
from backfill.serializers import JobAnswer, JobRow, RunAnswer
from backfill.services import preview
from backfill.services.reading import jobs_of, pace
from backfill.states import JobStatus
from core.display import span_text, window_text
from loaders.services import get_loader

_LIST = ("BACKFILL", "LOADER", "RANGE (UTC)", "STATUS", "DONE", "LOADED", "PRIORITY")
_RUNS = ("WINDOW (UTC)", "STATUS", "ATTEMPT", "LOADED", "REPLACED", "ERROR")
_WINDOWS = ("WINDOW (UTC)", "SIGNALS THERE NOW", "COVERAGE")


class ListJobs(Act):
    """One line a job."""

    name = "list"
    help = "List backfills, newest first."
    example = "manage.py backfill list --loader PAYMENTS_HOURLY --status RUNNING"
    needs = Permission.VIEW

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        parser.add_argument("--loader", metavar="CODE", help="only those of this loader")
        parser.add_argument(
            "--status",
            type=str.upper,
            choices=JobStatus.values,
            metavar="STATUS",
            help=f"only those of this status: {', '.join(JobStatus.values)}",
        )
        parser.add_argument("--limit", type=int, default=50, metavar="N", help="how many (50)")

    def run(self, call: Call) -> Answer:
        jobs = jobs_of(call.user)
        if code := call.options["loader"]:
            jobs = jobs.filter(loader=get_loader(code, user=call.user))
        if status := call.options["status"]:
            jobs = jobs.filter(status=status)
        found = list(jobs[: max(call.options["limit"], 0)])
        document = {"results": JobRow(found, many=True).data}
        return Answer(document, table(_LIST, map(_line, found)))


class ShowJob(JobAct):
    """Where a job stands, and its windows."""

    name = "show"
    help = "Show a backfill: how far it is, how fast it gets on, and its last windows."
    example = "manage.py backfill show 019a8f3c-7e52-7a10-8c44-2f1f0c5a9d31"
    needs = Permission.VIEW

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--windows", type=int, default=10, metavar="N", help="how many, newest first (10)"
        )

    def run(self, call: Call) -> Answer:
        job = job_of(call)
        runs = list(BackfillRun.objects.filter(job=job)[: max(call.options["windows"], 0)])
        document = {**JobAnswer(job).data, "windows": RunAnswer(runs, many=True).data}
        view = Group(job_fields(job), "", table(_RUNS, map(_run_line, runs)))
        return Answer(document, view)


class PreviewJob(Act):
    """What a backfill would do."""

    name = "preview"
    help = "Show the windows of a backfill, what stands there now, and what it will cost."
    example = "manage.py backfill preview PAYMENTS_HOURLY 2026-01-01 2026-02-01"
    needs = Permission.BACKFILL

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        add_wish(parser)
        parser.add_argument("--page", type=int, default=1, metavar="N", help="of the windows (1)")

    def run(self, call: Call) -> Answer:
        found = preview(
            user=call.user,
            loader=loader_of(call),
            wanted=wanted_of(call),
            page=max(call.options["page"], 1),
        )
        rows = [
            (
                window_text(shown.window.start, shown.window.end),
                f"{shown.rows:,}",
                ", ".join(shown.coverage),
            )
            for shown in found.windows
        ]
        view = Group(
            fields(preview_facts(found, window_text)),
            *preview_notices(found),
            "",
            table(_WINDOWS, rows, title=f"Page {found.page} of {found.pages}"),
        )
        return Answer(PreviewAnswer(found).data, view)


def job_fields(job: BackfillJob) -> RenderableType:
    """One job, for people."""
    found = pace(job)
    goes_on = found is not None and job.status in JobStatus.active()
    whole = job.windows_done + job.windows_left
    return fields(
        {
            "backfill": job.pk,
            "loader": job.loader_id,
            "range (UTC)": window_text(job.from_time, job.to_time),
            "status": job.get_status_display(),
            "waits for": job.get_waits_for_display() or job.get_pause_reason_display(),
            "done": f"{job.percent_done:g} %, {job.windows_done:,} of {whole:,} windows",
            "signals loaded": f"{job.records_loaded:,}",
            "signals replaced": f"{job.records_purged:,}",
            "rate": f"{found.rows_per_second:,.0f} signals/s" if found else None,
            "time left": span_text(found.left(job.seconds_left)) if found and goes_on else None,
            "error": f"{job.error_code}: {job.error_message}" if job.error_code else None,
        }
    )


def _line(job: BackfillJob) -> tuple[object, ...]:
    return (
        job.pk,
        job.loader_id,
        window_text(job.from_time, job.to_time),
        job.status,
        f"{job.percent_done:g} %",
        job.records_loaded,
        job.priority,
    )


def _run_line(run: BackfillRun) -> tuple[object, ...]:
    return (
        window_text(run.window_from, run.window_to),
        run.status,
        run.attempt,
        run.records_loaded,
        run.records_purged,
        run.error_code,
    )
