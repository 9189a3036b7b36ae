"""Backfills at the API, in the console and at the command line: one preview, one job."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.test import RequestFactory
from django.urls import reverse

from backfill.models import BackfillJob
from backfill.services import cancel
from backfill.states import JobStatus
from execution.models import LoadHistory, RunStatus
from loaderportal.navigation import navigation
from loaders.models import LoaderState
from signals.models import SignalsHistory
from tests.servers import SourceServer
from tests.support.api import Client
from tests.support.backfills import backfill_scene, cycle, execute_all, submitted, work_off
from tests.support.commands import manage
from tests.support.scenes import HOUR, START, Scene

BODY = {
    "loaderCode": "ORDERS_HOURLY",
    "fromTime": "2026-01-01T00:00:00Z",
    "toTime": "2026-01-02T00:00:00Z",
}
RANGE = ("2026-01-01", "2026-01-02")


@pytest.fixture
def scene(committed_db: None, postgres_source: SourceServer, settings: Any) -> Scene:
    settings.BACKFILL_APPROVAL = timedelta(hours=24)
    return backfill_scene(postgres_source)


def test_a_preview_tells_windows_what_stands_there_and_what_it_costs(scene: Scene) -> None:
    operator = Client(scene.people.operator)
    status, unknown = operator.post("backfill/preview", BODY)
    assert (status, unknown["estimate"]["seconds"]) == (200, None)
    work_off(scene, submitted(scene, to_time=START + 9 * HOUR))
    SignalsHistory.objects.filter(load_time_stamp__lt=START + 2 * HOUR).delete()
    LoadHistory.objects.update(end_time=START + timedelta(seconds=3), claimed_at=START)
    status, found = operator.post("backfill/preview", {**BODY, "pageSize": 3})
    assert status == 200
    assert (found["windowCount"], found["pages"], found["standingRows"]) == (4, 2, 7)
    assert [(w["standingRows"], w["replacedRows"]) for w in found["windows"]] == [
        (4, 4),
        (3, 3),
        (0, 0),
    ]
    assert [w["coverage"] for w in found["windows"]] == [
        ["LOADED"],
        ["LOADED", "MISSING"],
        ["MISSING"],
    ]
    assert found["windows"][0]["windowFrom"] == "2026-01-01T00:00:00Z"
    assert found["lastWindow"]["windowTo"] == "2026-01-02T00:00:00Z"
    estimate = found["estimate"]
    assert (estimate["seconds"], estimate["queries"], estimate["rows"]) == (12, 4, 24)
    assert (estimate["atOnce"], estimate["ofConnections"]) == (1, 10)
    _, rest = operator.post("backfill/preview", {**BODY, "pageSize": 3, "page": 2})
    assert len(rest["windows"]) == 1
    _, kept = operator.post("backfill/preview", {**BODY, "purgeStrategy": "FAIL_ON_DUPLICATE"})
    assert [w["failsOnDuplicates"] for w in kept["windows"]] == [True, True, False, False]
    _, some = operator.post("backfill/preview", {**BODY, "mode": "ONLY_NOT_LOADED"})
    assert (some["windowCount"], some["standingRows"]) == (3, 0)
    assert BackfillJob.objects.count() == 1


def test_a_job_at_the_api_from_submit_to_retry(scene: Scene) -> None:
    operator, viewer = Client(scene.people.operator), Client(scene.people.viewer)
    status, job = operator.post("backfill", {**BODY, "priority": 2, "reason": "Repaired."})
    assert (status, job["status"], job["purgeStrategy"]) == (201, "PENDING", "PURGE_AND_RELOAD")
    status, problem = operator.post("backfill/", BODY)
    assert (status, problem["code"], problem["jobId"]) == (409, "BACKFILL_JOB_EXISTS", job["id"])
    at = f"backfill/{job['id']}"
    assert operator.post(f"{at}/execute")[0] == 202
    cycle(scene)
    execute_all()
    cycle(scene)
    refused = operator.post(f"{at}/execute")[1]
    assert (refused["code"], refused["from"]) == ("BACKFILL_JOB_NOT_PENDING", "RUNNING")
    _, running = viewer.get(at)
    assert (running["status"], running["percentDone"], running["windowsLeft"]) == ("RUNNING", 25, 3)
    assert running["pace"]["secondsLeft"] >= 0
    assert operator.post(f"{at}/pause")[1]["pauseReason"] == "OPERATOR"
    refused = operator.post(f"{at}/pause")[1]
    assert [refused[name] for name in ("code", "from", "to", "allowed")] == [
        "INVALID_TRANSITION",
        "PAUSED",
        "PAUSED",
        ["CANCELLED", "PENDING", "PENDING_APPROVAL", "SUCCESS"],
    ]
    assert operator.post(f"{at}/resume")[1]["status"] == "PENDING"
    assert operator.post(f"{at}/retry")[1]["code"] == "INVALID_TRANSITION"
    assert operator.post(f"{at}/cancel")[1]["status"] == "CANCELLED"
    refused = operator.post(f"{at}/cancel")[1]
    assert (refused["code"], refused["allowed"]) == ("BACKFILL_JOB_NOT_CANCELLABLE", [])
    _, windows = viewer.get(f"{at}/windows")
    assert [w["status"] for w in windows["results"]] == ["RUNNING", "SUCCESS"]
    assert windows["results"][1]["executionId"] == str(
        LoadHistory.objects.get(status=RunStatus.SUCCESS).pk
    )
    status, again = operator.post(f"{at}/retry")
    assert (status, again["retryOf"], again["priority"]) == (201, job["id"], 2)
    operator.post(f"backfill/{again['id']}/cancel")
    _, other = operator.post(f"{at}/retry", {name: BODY[name] for name in ("fromTime", "toTime")})
    assert other["priority"] == 5
    _, listed = viewer.get("backfill", loaderCode="ORDERS_HOURLY", status="cancelled")
    assert [row["id"] for row in listed["results"]] == [again["id"], job["id"]]


BAD: list[tuple[int, str, dict[str, Any]]] = [
    (404, "LOADER_NOT_FOUND", {"loaderCode": "NO_SUCH"}),
    (409, "WINDOW_BEYOND_WATERMARK", {"toTime": "2026-02-01T00:00:00Z"}),
    (422, "VALIDATION_FAILED", {"toTime": "2025-02-01T00:00:00Z"}),
    (422, "VALIDATION_FAILED", {"toTime": "soon"}),
    (422, "VALIDATION_FAILED", {"priority": 10}),
    (422, "VALIDATION_FAILED", {"prio": 1}),
]


def test_bad_bodies_are_told_apart(scene: Scene) -> None:
    operator = Client(scene.people.operator)
    for status, code, values in BAD:
        for path in ("backfill", "backfill/preview"):
            found, problem = operator.post(path, {**BODY, **values})
            assert (found, problem["code"]) == (status, code), (path, values)


def test_a_large_job_is_approved_or_rejected_at_the_api(scene: Scene) -> None:
    operator, approver = Client(scene.people.operator), Client(scene.people.approver)
    large = {**BODY, "toTime": "2026-01-03T00:00:00Z"}
    assert operator.post("backfill/preview", large)[1]["needsApproval"]
    _, job = operator.post("backfill", large)
    assert job["status"] == "PENDING_APPROVAL"
    at = f"backfill/{job['id']}"
    assert approver.post(f"{at}/reject")[1]["code"] == "VALIDATION_FAILED"
    assert [waiting_shown(user) for user in vars(scene.people).values()] == [0, 0, 1, 1]
    _, approved = approver.post(f"{at}/approve", {"comment": "Fine."})
    assert (approved["status"], approved["decidedBy"]) == ("PENDING", "approver-person")
    refused = approver.post(f"{at}/reject", {"comment": "No."})[1]
    assert (refused["code"], refused["from"]) == ("INVALID_TRANSITION", "PENDING")
    assert (refused["to"], "CANCELLED" in refused["allowed"]) == ("CANCELLED", False)


def waiting_shown(user: Any) -> int:
    """What the sidebar counts beside the backfills."""
    request = RequestFactory().get("/")
    request.user = user
    items = [item for group in navigation(request) for item in group["items"]]
    (entry,) = [item for item in items if item["title"] == "Backfills"]
    return int(entry.get("badge", 0))


def test_nobody_finds_a_job_that_is_not_there(scene: Scene) -> None:
    nowhere = "backfill/00000000-0000-7000-8000-000000000000"
    assert Client(scene.people.viewer).get(nowhere)[1]["code"] == "BACKFILL_JOB_NOT_FOUND"


def test_the_command_line_knows_every_act(scene: Scene) -> None:
    shown = manage("backfill", "preview", "ORDERS_HOURLY", *RANGE)
    assert "2026-01-01 00:00 → 06:00" in shown.out
    assert manage("backfill", "preview", "ORDERS_HOURLY", "soon", "later").code == 2
    job_id = manage("backfill", "submit", "ORDERS_HOURLY", *RANGE, "--priority", "1").out.strip()
    job = BackfillJob.objects.get(pk=job_id)
    assert (job.priority, job.requested_by) == (1, None)
    doubled = manage("backfill", "submit", "ORDERS_HOURLY", *RANGE, "--json")
    assert (doubled.code, doubled.problem()["code"]) == (5, "BACKFILL_JOB_EXISTS")
    assert manage("backfill", "execute", job_id).out == f"{job_id} is pending.\n"
    cycle(scene)
    execute_all()
    cycle(scene)
    document = manage("backfill", "show", job_id, "--json").document()
    assert (document["status"], len(document["windows"])) == ("RUNNING", 2)
    assert "25 %, 1 of 4 windows" in manage("backfill", "show", job_id).out
    assert manage("backfill", "pause", job_id).out == f"{job_id} is paused.\n"
    assert manage("backfill", "resume", job_id).out == f"{job_id} is pending.\n"
    assert manage("backfill", "cancel", job_id).out == f"{job_id} is cancelled.\n"
    assert manage("backfill", "cancel", job_id).code == 5
    again = manage("backfill", "retry", job_id, "--json").document()
    assert again["retryOf"] == job_id
    (row,) = manage("backfill", "list", "--status", "pending", "--json").document()["results"]
    assert row["id"] == again["id"]


def browser_of(user: Any) -> Browser:
    browser = Browser()
    browser.force_login(user)
    return browser


def test_the_form_previews_before_it_submits_and_submits_what_it_previewed(scene: Scene) -> None:
    browser = browser_of(scene.people.operator)
    address = reverse("admin:backfill_backfilljob_add")
    values = {
        "loader": scene.loader.loader_code,
        "from_time": "2026-01-01 00:00",
        "to_time": "2026-01-02 00:00",
        "mode": "ALL",
        "purge_strategy": "PURGE_AND_RELOAD",
        "priority": "5",
        "reason": "Repaired.",
    }
    first = browser.post(address, {**values, "submit": "1"})
    assert not BackfillJob.objects.exists()
    assert "What would be done" in first.content.decode()
    previewed = first.context["fingerprint"]
    changed = {**values, "to_time": "2026-01-01 12:00", "submit": "1", "previewed": previewed}
    second = browser.post(address, changed)
    assert not BackfillJob.objects.exists()
    answer = browser.post(
        address, {**changed, "previewed": second.context["fingerprint"]}, follow=True
    )
    job = BackfillJob.objects.get()
    assert (job.to_time, job.reason) == (START + 12 * HOUR, "Repaired.")
    assert "The backfill is submitted. It starts by its priority." in answer.content.decode()
    beyond = browser.post(address, {**values, "to_time": "2027-01-01 00:00", "preview": "1"})
    assert "watermark is at 2026-01-04 00:00:00 UTC" in beyond.content.decode()


def test_a_retry_opens_the_form_with_the_old_values_and_makes_a_linked_job(scene: Scene) -> None:
    job = submitted(scene, priority=3, reason="Once.")
    page = reverse("admin:backfill_backfilljob_change", args=[job.pk])
    browser = browser_of(scene.people.operator)
    assert "?retry=" not in browser.get(page).content.decode()
    cancel(user=scene.people.operator, job=job)
    address = f"{reverse('admin:backfill_backfilljob_add')}?retry={job.pk}"
    assert address in browser.get(page).content.decode()
    form = browser.get(address).context["form"]
    values = {name: form[name].value() for name in form.fields}
    assert (values["priority"], values["reason"]) == (3, "Once.")
    shown = browser.post(address, {**values, "preview": "1"})
    done = browser.post(
        address, {**values, "submit": "1", "previewed": shown.context["fingerprint"]}
    )
    assert done.status_code == 302, done.content
    again = BackfillJob.objects.get(status=JobStatus.PENDING)
    assert again.retry_of_id == job.pk
    assert browser.get(f"{reverse('admin:backfill_backfilljob_add')}?retry=x").status_code == 404


def test_the_page_tells_how_far_the_job_is(scene: Scene) -> None:
    job = submitted(scene)
    cycle(scene)
    execute_all()
    LoaderState.objects.update(next_due_at=None)
    cycle(scene)
    page = reverse("admin:backfill_backfilljob_change", args=[job.pk])
    text = browser_of(scene.people.viewer).get(page).content.decode()
    for shown in ('aria-valuenow="25.0"', "1 of 4", "Time left", "Rate", "Only the roles operator"):
        assert shown in text, shown
    run = LoadHistory.objects.get(status=RunStatus.SUCCESS)
    assert reverse("admin:execution_loadhistory_change", args=[run.pk]) in text
    loader = reverse("admin:loaders_loader_change", args=[scene.loader.pk])
    text = browser_of(scene.people.operator).get(loader).content.decode()
    assert f"/admin/backfill/backfilljob/add/?loader={scene.loader.pk}" in text
