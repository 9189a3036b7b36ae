"""`manage.py backfill submit`, `execute`, `pause`, `resume`, `cancel` and `retry`. Nothing here
approves or rejects: there is nobody at a shell whom the portal could recognise."""

from __future__ import annotations

from argparse import ArgumentParser

from accounts.commands import Act, Answer, Call
from accounts.roles import Permission
from backfill import services
from backfill.commands.naming import JobAct, add_wish, job_of, loader_of, wanted_of
from backfill.models import BackfillJob
from backfill.serializers import JobAnswer
from backfill.states import JobStatus

_ID = "019a8f3c-7e52-7a10-8c44-2f1f0c5a9d31"


class SubmitJob(Act):
    """A new job."""

    name = "submit"
    help = (
        "Submit a backfill and print its id. A large one waits for a second person. See what it "
        "would do by preview, with the same options."
    )
    example = 'manage.py backfill submit PAYMENTS_HOURLY 2026-01-01 2026-02-01 --reason "Late rows"'
    needs = Permission.BACKFILL

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        add_wish(parser)

    def run(self, call: Call) -> Answer:
        job = services.submit(user=call.user, loader=loader_of(call), wanted=wanted_of(call))
        return Answer(JobAnswer(job).data, _told(job))


class ExecuteJob(JobAct):
    """Ask for it now."""

    name = "execute"
    help = "Let a pending backfill start now, ahead of the others; live runs still go first."
    example = f"manage.py backfill execute {_ID}"
    needs = Permission.BACKFILL

    def run(self, call: Call) -> Answer:
        return _answer(services.execute(user=call.user, job=job_of(call)))


class PauseJob(JobAct):
    """No further window."""

    name = "pause"
    help = "Pause a backfill; windows that are under way end in their own time."
    example = f"manage.py backfill pause {_ID} --as amal"
    needs = Permission.BACKFILL

    def run(self, call: Call) -> Answer:
        return _answer(services.pause(user=call.user, job=job_of(call)))


class ResumeJob(JobAct):
    """Go on."""

    name = "resume"
    help = "Let a paused backfill go on in its old place."
    example = f"manage.py backfill resume {_ID} --as amal"
    needs = Permission.BACKFILL

    def run(self, call: Call) -> Answer:
        return _answer(services.resume(user=call.user, job=job_of(call)))


class CancelJob(JobAct):
    """End it."""

    name = "cancel"
    help = "Cancel a backfill; what is under way stops at the source and is rolled back."
    example = f"manage.py backfill cancel {_ID} --as amal"
    needs = Permission.BACKFILL

    def run(self, call: Call) -> Answer:
        return _answer(services.cancel(user=call.user, job=job_of(call)))


class RetryJob(JobAct):
    """Once more."""

    name = "retry"
    help = "Submit a backfill that failed or was cancelled again, and print the new one's id."
    example = f"manage.py backfill retry {_ID} --as amal"
    needs = Permission.BACKFILL

    def run(self, call: Call) -> Answer:
        job = services.retry(user=call.user, job=job_of(call))
        return Answer(JobAnswer(job).data, _told(job))


def _told(job: BackfillJob) -> str:
    waits = job.status == JobStatus.PENDING_APPROVAL
    return f"{job.pk} (waits for approval)" if waits else str(job.pk)


def _answer(job: BackfillJob) -> Answer:
    return Answer(JobAnswer(job).data, f"{job.pk} is {JobStatus(job.status).label.lower()}.")
