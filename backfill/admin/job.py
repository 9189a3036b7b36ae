"""Console pages of backfills: a list, a job's page, and the form with its preview."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.admin_access import name_of
from accounts.admin_actions import ActionPageAdmin
from accounts.admin_lists import SearchedFilter
from accounts.object_access import reachable
from accounts.roles import Permission
from backfill.admin.actions import APPROVE, CANCEL, EXECUTE, PAUSE, REJECT, RESUME, RETRY
from backfill.admin.form import SubmitForm, preview_context
from backfill.models import BackfillJob, BackfillRun
from backfill.services import preview, retry, submit
from backfill.services.reading import pace
from backfill.services.submitting import not_retryable
from backfill.states import JobStatus
from core.display import NOTHING, Tone, badge, number_text, span_text, time_shown, window_shown
from core.errors import PortalError
from core.shown_zone import in_shown_zone
from execution.admin import loader_link
from execution.models import RunStatus
from loaders.models import Loader

_TONES = {
    JobStatus.PENDING_APPROVAL: Tone.WAITING,
    JobStatus.PENDING: Tone.WAITING,
    JobStatus.RUNNING: Tone.BUSY,
    JobStatus.PAUSED: Tone.QUIET,
    JobStatus.SUCCESS: Tone.GOOD,
    JobStatus.FAILED: Tone.BAD,
    JobStatus.CANCELLED: Tone.QUIET,
}
_RUN_TONES = {
    RunStatus.RUNNING: Tone.BUSY,
    RunStatus.SUCCESS: Tone.GOOD,
    RunStatus.PARTIAL: Tone.WAITING,
    RunStatus.FAILED: Tone.BAD,
    RunStatus.CANCELLED: Tone.QUIET,
}
_SHOWN_RUNS = 50


def job_badge(job: BackfillJob) -> SafeString:
    """Where the job stands."""
    status = JobStatus(job.status)
    return badge(status.label, _TONES[status])


class WaitingJobsFilter(admin.SimpleListFilter):
    """Large backfills that the person may decide on: asked for by others."""

    title = "waiting"
    parameter_name = "waiting"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("me", "For my approval")]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[BackfillJob]
    ) -> QuerySet[BackfillJob]:
        if self.value() != "me":
            return queryset
        return queryset.filter(pk__in=BackfillJob.objects.waiting_for(request.user).values("pk"))


class BackfillJobAdmin(ActionPageAdmin):
    """Jobs, newest first."""

    audited_as = "backfill"
    list_fullwidth = True
    add_permission = Permission.BACKFILL
    page_actions = (APPROVE, REJECT, EXECUTE, PAUSE, RESUME, CANCEL, RETRY)
    change_form_outer_before_template = "console/backfill_box.html"
    list_display = (
        "submitted",
        "loader_shown",
        "range_shown",
        "status_shown",
        "progress",
        "loaded",
        "priority",
        "requester",
    )
    list_filter = (WaitingJobsFilter, "status", "mode", ("loader", SearchedFilter))
    list_filter_submit = True
    list_select_related = ("loader", "requested_by")
    search_fields = ("=loader__loader_code", "=error_code", "=correlation_id")
    search_help_text = "Loader, error code or correlation id"

    def get_queryset(self, request: HttpRequest) -> QuerySet[BackfillJob]:
        found: QuerySet[BackfillJob] = super().get_queryset(request)
        return found.select_related("loader", "version", "requested_by", "decided_by").defer(
            "version__definition"
        )

    # --- list -----------------------------------------------------------------------------------

    @admin.display(description=in_shown_zone("Submitted"), ordering="requested_at")
    def submitted(self, job: BackfillJob) -> str:
        return time_shown(job.requested_at)

    @admin.display(description="Loader", ordering="loader")
    def loader_shown(self, job: BackfillJob) -> SafeString:
        return loader_link(job.loader_id, job.loader.pk)

    @admin.display(description=in_shown_zone("Range"), ordering="from_time")
    def range_shown(self, job: BackfillJob) -> str:
        return window_shown(job.from_time, job.to_time)

    @admin.display(description="Status", ordering="status")
    def status_shown(self, job: BackfillJob) -> SafeString:
        return job_badge(job)

    @admin.display(description="Progress")
    def progress(self, job: BackfillJob) -> str:
        whole = job.windows_done + job.windows_left
        return f"{job.percent_done:g} %, {job.windows_done:,} of {whole:,} windows"

    @admin.display(description="Loaded", ordering="records_loaded")
    def loaded(self, job: BackfillJob) -> str:
        return number_text(job.records_loaded)

    @admin.display(description="Asked for by")
    def requester(self, job: BackfillJob) -> str:
        return job.origin or name_of(job.requested_by)

    # --- page -----------------------------------------------------------------------------------

    def get_fieldsets(self, request: HttpRequest, obj: BackfillJob | None = None) -> Any:
        what = (
            ("range_shown", "version_shown"),
            ("mode", "purge_strategy"),
            ("priority", "reason"),
        )
        who = (
            ("requester", "submitted"),
            ("decider", "decided"),
            ("comment", "correlation_id"),
            "retried",
        )
        sections = [("What is loaded", {"fields": what}), ("By whom", {"fields": who})]
        if obj is not None and obj.error_code:
            sections.insert(0, ("Why it ended", {"fields": ("error_code", "error_message")}))
        return sections

    def page_context(self, request: HttpRequest, obj: BackfillJob) -> dict[str, Any]:
        runs = obj.runs.select_related("load_history").defer(
            "load_history__source_error", "load_history__stack_trace"
        )
        return {
            "badges": [job_badge(obj)],
            "waits": obj.get_waits_for_display() or obj.get_pause_reason_display(),
            "loader_address": reverse("admin:loaders_loader_change", args=[obj.loader.pk]),
            "facts": _facts(obj),
            "percent": obj.percent_done,
            "left": 100 - obj.percent_done,
            "job_runs": [_run_row(run) for run in runs[:_SHOWN_RUNS]],
            "most_runs": _SHOWN_RUNS,
        }

    @admin.display(description="Version")
    def version_shown(self, job: BackfillJob) -> SafeString:
        address = reverse("admin:loaders_loaderversion_change", args=[job.version_id])
        return format_html('<a class="lp-link" href="{}">{}</a>', address, job.version.number)

    @admin.display(description="Decided by")
    def decider(self, job: BackfillJob) -> str:
        return name_of(job.decided_by) if job.decided_by_id else NOTHING

    @admin.display(description=in_shown_zone("Decided"))
    def decided(self, job: BackfillJob) -> str:
        return time_shown(job.decided_at)

    @admin.display(description="Retry of")
    def retried(self, job: BackfillJob) -> SafeString | str:
        if job.retry_of_id is None:
            return NOTHING
        address = reverse("admin:backfill_backfilljob_change", args=[job.retry_of_id])
        return format_html('<a class="lp-link" href="{}">{}</a>', address, job.retry_of_id)

    # --- form -----------------------------------------------------------------------------------

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The form. It shows what would be done, and only what was shown is submitted."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        loader, retried = self._given(request)
        form = SubmitForm(
            request.user,
            request.POST if request.method == "POST" else None,
            initial=SubmitForm.initial_for(
                loader=loader, retried=retried, asked=request.GET.dict()
            ),
            retried=retried,
        )
        shown = None
        if form.is_bound and form.is_valid():
            try:
                if _is_previewed(request, form):
                    return self._submitted(request, form, retried)
                shown = preview(
                    user=request.user,
                    loader=form.cleaned_data["loader"],
                    wanted=form.wanted(),
                    page=_page_of(request),
                )
            except PortalError as error:
                form.show(error)
        context = {
            **self.admin_site.each_context(request),
            "model_admin": self,
            "title": "Retry a backfill" if retried else "Submit a backfill",
            "form": form,
            "back": reverse("admin:backfill_backfilljob_changelist"),
            "preview": preview_context(shown) if shown else None,
            "fingerprint": form.fingerprint() if shown else "",
        }
        return TemplateResponse(request, "console/backfill_form.html", context)

    def _submitted(
        self, request: HttpRequest, form: SubmitForm, retried: BackfillJob | None
    ) -> HttpResponse:
        if retried is None:
            loader = form.cleaned_data["loader"]
            job = submit(user=request.user, loader=loader, wanted=form.wanted())
        else:
            job = retry(user=request.user, job=retried, wanted=form.wanted())
        waits = job.status == JobStatus.PENDING_APPROVAL
        told = "It waits for a second person." if waits else "It starts by its priority."
        messages.success(request, f"The backfill is submitted. {told}")
        return redirect("admin:backfill_backfilljob_change", job.pk)

    def _given(self, request: HttpRequest) -> tuple[Loader | None, BackfillJob | None]:
        """The loader, or the job to retry, that a link to the form named."""
        loader, retried = None, None
        try:
            if "retry" in request.GET:
                retried = self.get_queryset(request).get(pk=request.GET["retry"])
            elif "loader" in request.GET:
                loaders = reachable(request.user, Loader.objects.all())
                loader = loaders.get(pk=request.GET["loader"])
        except (BackfillJob.DoesNotExist, Loader.DoesNotExist, ValidationError):
            raise Http404 from None
        if retried is not None and (why := not_retryable(retried)) != "":
            messages.error(request, why)
            raise Http404
        return loader, retried


def _is_previewed(request: HttpRequest, form: SubmitForm) -> bool:
    return "submit" in request.POST and request.POST.get("previewed") == form.fingerprint()


def _page_of(request: HttpRequest) -> int:
    text = request.POST.get("page", "1")
    return max(1, int(text)) if text.isdecimal() else 1


def _facts(job: BackfillJob) -> list[tuple[str, str]]:
    """How far it is, how fast it gets on, and how long it will take."""
    whole = job.windows_done + job.windows_left
    goes_on = job.status in JobStatus.active()
    found = pace(job) if job.windows_done else None
    facts = [
        ("Windows", f"{job.windows_done:,} of {whole:,}"),
        ("Signals loaded", number_text(job.records_loaded)),
        ("Signals replaced", number_text(job.records_purged)),
        (in_shown_zone("Started"), time_shown(job.started_at)),
        (in_shown_zone("Ended"), time_shown(job.ended_at)),
    ]
    if found is not None:
        facts.append(("Rate", f"{found.rows_per_second:,.0f} signals/s"))
        if goes_on:
            facts.append(("Time left", span_text(found.left(job.seconds_left))))
    if job.retry_at is not None and goes_on:
        facts.append((in_shown_zone("Looked at again"), time_shown(job.retry_at)))
    return facts


def _run_row(run: BackfillRun) -> dict[str, Any]:
    status = RunStatus(run.status)
    address = ""
    if run.load_history_id is not None:
        address = reverse("admin:execution_loadhistory_change", args=[run.load_history_id])
    return {
        "window": window_shown(run.window_from, run.window_to),
        "address": address,
        "status": badge(status.label, _RUN_TONES[status]),
        "attempt": run.attempt,
        "loaded": number_text(run.records_loaded),
        "replaced": number_text(run.records_purged),
        "duration": span_text(run.ended_at - run.dispatched_at) if run.ended_at else NOTHING,
        "error": run.error_code,
    }
