"""Addresses of the portal. Every API path works with and without a trailing slash."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import path, re_path
from django.urls.resolvers import URLPattern
from django.views.generic import RedirectView

import loaderportal.admin  # noqa: F401 - the console's pages register themselves
from accounts import api as accounts
from accounts import api_audit as audit
from accounts import api_tokens as tokens
from accounts.zone_page import zone_urls
from backfill import api as backfill
from backfill import api_gaps as scans
from backfill import api_recounts as recounts
from core.api import problems
from execution import api as execution
from execution import api_coverage as coverage
from execution import api_external as external
from execution import api_metrics as metrics
from execution import api_operation as operation
from execution import api_outputs as outputs
from execution import api_trials as trials
from loaderportal import api_document, health
from loaderportal.evidence import api as evidence
from loaderportal.explorer_page import explorer_urls
from loaders.api import catalogue, events, governance, seed_paths
from loaders.api import teams as grants
from loaders.api import views as loaders
from signals import api as signals
from signals import api_export as downloads
from signals import api_segment_search as search
from signals import api_segments as segments

API = "api/v1/"
_CODE = r"(?P<code>[A-Za-z0-9_]{1,64})"
_NUMBER = r"(?P<number>[1-9][0-9]{0,8})"
_HEX = "[0-9a-fA-F]"
_UUID = rf"{_HEX}{{8}}(?:-{_HEX}{{4}}){{3}}-{_HEX}{{12}}"
_ID = f"(?P<execution_id>{_UUID})"
_RECOUNT = f"(?P<recount_id>{_UUID})"
_TOKEN = f"(?P<token_id>{_UUID})"
_OUTPUT = f"(?P<output_id>{_UUID})"
_JOB = f"(?P<job_id>{_UUID})"
_WAIVER = f"(?P<waiver_id>{_UUID})"
_SCAN = f"(?P<scan_id>{_UUID})"
_LOCK = f"(?P<lock_id>{_UUID})"
_SEGMENT = f"(?P<segment_code>{_UUID})"
_GAP = r"(?P<gap>[A-Z0-9_]{1,64}(?:\.[0-9]{8}T[0-9]{6}Z){2})"


def _endpoint(address: str, view: Any) -> URLPattern:
    pattern: URLPattern = re_path(rf"^{API}{address}/?$", view.as_view())
    return pattern


urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("favicon.ico", RedirectView.as_view(url=f"{settings.STATIC_URL}console/icon.svg")),
    *explorer_urls(),
    *zone_urls(),
    path("admin/", admin.site.urls),
    re_path(r"^(?:actuator/)?health/liveness/?$", health.liveness),
    re_path(r"^(?:actuator/)?health/readiness/?$", health.readiness),
    _endpoint("auth/login", accounts.LoginView),
    _endpoint("auth/refresh", accounts.RefreshView),
    _endpoint("auth/logout", accounts.LogoutView),
    _endpoint("auth/me", accounts.MeView),
    _endpoint("tokens", tokens.TokenList),
    _endpoint(f"tokens/{_TOKEN}", tokens.TokenDetail),
    _endpoint("sql/validate", loaders.SqlValidate),
    _endpoint("loaders", loaders.LoaderList),
    _endpoint(f"loaders/{_CODE}", loaders.LoaderDetail),
    _endpoint(f"loaders/{_CODE}/submit", loaders.LoaderSubmit),
    _endpoint(f"loaders/{_CODE}/approve", loaders.LoaderApprove),
    _endpoint(f"loaders/{_CODE}/reject", loaders.LoaderReject),
    _endpoint(f"loaders/{_CODE}/enable", loaders.LoaderEnable),
    _endpoint(f"loaders/{_CODE}/disable", execution.LoaderDisable),
    _endpoint(f"loaders/{_CODE}/copy", loaders.LoaderCopy),
    _endpoint(f"loaders/{_CODE}/log-level", loaders.LoaderLogLevel),
    _endpoint(f"loaders/{_CODE}/watermark", loaders.LoaderWatermark),
    _endpoint(f"loaders/{_CODE}/teams", grants.LoaderTeams),
    _endpoint(f"loaders/{_CODE}/diff", loaders.VersionDiff),
    _endpoint(f"loaders/{_CODE}/versions", loaders.VersionList),
    _endpoint(f"loaders/{_CODE}/versions/{_NUMBER}", loaders.VersionDetail),
    _endpoint(f"loaders/{_CODE}/versions/{_NUMBER}/restore", loaders.VersionRestore),
    _endpoint(f"loaders/{_CODE}/versions/{_NUMBER}/evidence", trials.VersionEvidence),
    _endpoint(f"loaders/{_CODE}/validate", loaders.LoaderValidate),
    _endpoint(f"loaders/{_CODE}/test-query", trials.LoaderTestQuery),
    _endpoint(f"loaders/{_CODE}/dry-run", trials.LoaderDryRun),
    _endpoint(f"loaders/{_CODE}/evidence", evidence.LoaderEvidence),
    _endpoint(f"loaders/{_CODE}/run", execution.LoaderRun),
    _endpoint(f"loaders/{_CODE}/history", execution.LoaderHistory),
    _endpoint(f"loaders/{_CODE}/metrics", metrics.LoaderMetrics),
    _endpoint(f"loaders/{_CODE}/outputs", outputs.OutputList),
    _endpoint(f"loaders/{_CODE}/coverage", coverage.LoaderCoverage),
    _endpoint(f"loaders/{_CODE}/gaps", coverage.LoaderGapList),
    _endpoint(f"loaders/{_CODE}/gaps/waive", coverage.LoaderWaive),
    _endpoint(f"loaders/{_CODE}/waivers", coverage.WaiverList),
    _endpoint("gaps", coverage.GapList),
    _endpoint(f"gaps/{_GAP}/waive", coverage.GapWaive),
    _endpoint("gaps/scans", scans.GapScanList),
    _endpoint(f"gaps/scans/{_SCAN}", scans.GapScanDetail),
    _endpoint(f"gaps/scans/{_SCAN}/findings", scans.GapFindingList),
    _endpoint(f"waivers/{_WAIVER}/withdraw", coverage.WaiverWithdraw),
    _endpoint(f"outputs/{_OUTPUT}", outputs.OutputDetail),
    _endpoint(f"outputs/{_OUTPUT}/restore", outputs.OutputRestore),
    _endpoint("executions", execution.ExecutionList),
    _endpoint(f"executions/{_ID}", execution.ExecutionDetail),
    _endpoint(f"executions/{_ID}/cancel", execution.ExecutionCancel),
    _endpoint(f"executions/{_ID}/trial", trials.ExecutionTrial),
    _endpoint(f"loaders/{_CODE}/recounts", recounts.RecountList),
    _endpoint(f"loaders/{_CODE}/lateness", recounts.LoaderLateness),
    _endpoint("recounts", recounts.AnyRecountList),
    _endpoint(f"recounts/{_RECOUNT}", recounts.RecountDetail),
    _endpoint(f"recounts/{_RECOUNT}/reload", recounts.RecountReload),
    _endpoint(f"recounts/{_RECOUNT}/decline", recounts.RecountDecline),
    _endpoint("backfill", backfill.BackfillList),
    _endpoint("backfill/preview", backfill.BackfillPreview),
    _endpoint(f"backfill/{_JOB}", backfill.BackfillDetail),
    _endpoint(f"backfill/{_JOB}/windows", backfill.BackfillWindows),
    _endpoint(f"backfill/{_JOB}/execute", backfill.BackfillExecute),
    _endpoint(f"backfill/{_JOB}/cancel", backfill.BackfillCancel),
    _endpoint(f"backfill/{_JOB}/pause", backfill.BackfillPause),
    _endpoint(f"backfill/{_JOB}/resume", backfill.BackfillResume),
    _endpoint(f"backfill/{_JOB}/retry", backfill.BackfillRetry),
    _endpoint(f"backfill/{_JOB}/approve", backfill.BackfillApprove),
    _endpoint(f"backfill/{_JOB}/reject", backfill.BackfillReject),
    _endpoint("admin/res/db-sources", loaders.SourceList),
    _endpoint(f"admin/res/db-sources/{_CODE}", loaders.SourceDetail),
    _endpoint(f"admin/res/db-sources/{_CODE}/teams", grants.SourceTeams),
    _endpoint(f"admin/res/db-sources/{_CODE}/test", loaders.SourceTest),
    _endpoint(f"admin/res/db-sources/{_CODE}/inspect", loaders.SourceInspect),
    _endpoint(f"admin/res/db-sources/{_CODE}/catalogue", catalogue.SourceCatalogue),
    _endpoint("locks", operation.LockList),
    _endpoint(f"locks/{_LOCK}", operation.LockDetail),
    _endpoint("replicas", operation.ReplicaList),
    _endpoint("audit", audit.AuditTrail),
    _endpoint("governance", governance.GovernanceReport),
    _endpoint("events", events.EventList),
    # `loaders` is no loader's code: codes are in capitals.
    _endpoint("res/loaders/loaders", seed_paths.SeedLoaderList),
    _endpoint(f"res/loaders/{_CODE}", seed_paths.SeedLoader),
    _endpoint("signals/query", signals.SignalsQueryView),
    _endpoint("segments", segments.SegmentList),
    _endpoint(f"segments/{_SEGMENT}", segments.SegmentDetail),
    _endpoint("signals/export", downloads.SignalsExport),
    _endpoint("res/signals/bulk", external.SignalsBulk),
    _endpoint(f"res/signals/signal/{_CODE}", downloads.SignalList),
    re_path(rf"^{API}schema/?$", api_document.ApiDocument.as_view(), name="api-document"),
    re_path(r"^api/docs/?$", api_document.api_page, name="api-page"),
    _endpoint("signals/segments", search.SegmentFinder),
]


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """A problem document for the API, a page for people."""
    if _is_for_api(request):
        return problems.bad_request(exception)
    return _page("400.html", HTTPStatus.BAD_REQUEST, reason=problems.why_refused(exception))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """A problem document for the API, a page for people."""
    return problems.not_found() if _is_for_api(request) else _page("404.html", HTTPStatus.NOT_FOUND)


def server_error(request: HttpRequest) -> HttpResponse:
    """A problem document for the API, a page for people."""
    if _is_for_api(request):
        return problems.server_error()
    return _page("500.html", HTTPStatus.INTERNAL_SERVER_ERROR)


def _is_for_api(request: HttpRequest) -> bool:
    return request.path.startswith(f"/{API}")


def _page(template: str, status: HTTPStatus, **told: str) -> HttpResponse:
    """Without what the console's pages know: asking for it may be what failed."""
    return HttpResponse(render_to_string(template, told), status=status)


handler400 = bad_request
handler404 = not_found
handler500 = server_error
