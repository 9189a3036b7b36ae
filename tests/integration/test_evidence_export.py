"""Evidence packages: what is in them, who may have them, and that any change of them shows."""

from __future__ import annotations

import io
import json
import tracemalloc
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from rest_framework.test import APIClient

from audit.models import AuditEvent
from audit.sealing import seal_all
from core.keyring import keyring
from execution.models import CoverageInterval, LoadHistory
from execution.services import waive_gaps
from loaderportal.evidence.check import Verdict, check_package
from loaderportal.evidence.export import export_evidence
from loaderportal.evidence.package import MANIFEST, SEAL, Part, write_package
from loaders import services
from loaders.models import Loader
from tests.portal_database import PortalDatabase
from tests.support.by_hand import ByHand
from tests.support.commands import manage
from tests.support.coverage import hour, hours
from tests.support.definitions import make_source
from tests.support.people import People
from tests.support.scenes import START, make_loader

PASSWORD = "zqPasswordOfTheSource"
PERIOD = (hour(2), hour(30))
WORDS = ("evidence", "ORDERS_HOURLY", "--from", "2026-01-01T02:00", "--to", "2026-01-02T06:00")


@pytest.fixture
def people(db: None) -> People:
    return People()


@pytest.fixture
def loader(people: People) -> Loader:
    """A loader with a year of nothing but its first day: loaded, failed, waived and open time."""
    source = make_source(people)
    services.update_source(user=people.admin, source=source, values={"password": PASSWORD})
    loader = make_loader(people, source, "ORDERS_HOURLY")
    hand = ByHand(loader)
    hand.run(0, 6, [0, 1, 5], moves_to=5)
    hand.fail(6, 8)
    hand.run(10, 12, [10, 11], moves_to=11)
    waive_gaps(user=people.operator, loader=loader, window=hours(8, 9), reason="Closed.")
    for run in LoadHistory.objects.all():
        run.source_error, run.stack_trace = "zqWordsOfTheSource", "zqTrace"
        run.save()
    seal_all()
    return loader


def package(people: People, loader: Loader) -> bytes:
    target = io.BytesIO()
    export_evidence(user=people.admin, loader=loader, start=PERIOD[0], end=PERIOD[1], target=target)
    return target.getvalue()


def unzipped(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def lines(files: dict[str, bytes], name: str) -> list[Any]:
    return [json.loads(line) for line in files[name].splitlines()]


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def verdicts(path: Path) -> dict[str, Verdict]:
    return {check.what: check.verdict for check in check_package(path).checks}


# --- what is in it ------------------------------------------------------------------------------


def test_a_package_holds_what_is_known_of_the_loader_in_the_period(
    people: People, loader: Loader
) -> None:
    files = unzipped(package(people, loader))
    (version,) = lines(files, "versions.jsonl")
    assert json.loads(version["definition"])["loader_sql"] == loader.loader_sql
    (approval,) = lines(files, "approvals.jsonl")
    assert (approval["decidedBy"], approval["decision"]) == ("approver-person", "APPROVED")
    assert approval["sealHolds"] is True
    runs = lines(files, "executions.jsonl")
    assert [(run["status"], run["recordsLoaded"]) for run in runs] == [
        ("SUCCESS", 3),
        ("FAILED", None),
        ("SUCCESS", 2),
    ]
    coverage = [
        (one["fromTime"][11:16], one["toTime"][11:16], one["state"])
        for one in lines(files, "coverage.jsonl")
    ]
    assert coverage[:6] == [
        ("02:00", "06:00", "LOADED"),
        ("06:00", "08:00", "FAILED"),
        ("08:00", "09:00", "WAIVED"),
        ("09:00", "10:00", "MISSING"),
        ("10:00", "12:00", "LOADED"),
        ("12:00", "00:00", "PENDING"),
    ]
    (waiver,) = lines(files, "waivers.jsonl")
    assert (waiver["reason"], waiver["waivedBy"]) == ("Closed.", "operator-person")
    actions = [json.loads(row["event"])[5] for row in lines(files, "audit.jsonl")]
    assert {"loader.create", "loader.submit", "loader.approve"} <= set(actions)
    assert files["definition.yaml"].startswith(b"loaderCode: ORDERS_HOURLY\n")


def test_it_says_of_itself_what_it_holds_and_no_secret_is_in_it(
    people: People, loader: Loader
) -> None:
    files = unzipped(package(people, loader))
    manifest = json.loads(files[MANIFEST])
    assert manifest["format"] == "loader-portal-evidence/1"
    assert (manifest["from"], manifest["to"]) == ("2026-01-01T02:00:00Z", "2026-01-02T06:00:00Z")
    assert (manifest["sqlIncluded"], manifest["secretsIncluded"]) == (True, False)
    assert manifest["audit"]["notSealedYet"] == 0
    assert {one["name"] for one in manifest["files"]} | {MANIFEST, SEAL} == set(files)
    everything = b"".join(files.values())
    for secret in (PASSWORD, "zqWordsOfTheSource", "zqTrace", "lp1:"):
        assert secret.encode() not in everything


def test_the_same_state_gives_the_same_files(people: People, loader: Loader) -> None:
    one, two = (unzipped(package(people, loader)) for _ in range(2))
    assert {name for name in one if one[name] != two[name]} == {MANIFEST, SEAL}
    (first, second) = AuditEvent.objects.filter(action="evidence.export").order_by("at")
    assert first.after["manifest_sha256"] != second.after["manifest_sha256"]


def test_what_another_loader_did_is_not_in_it(people: People, loader: Loader) -> None:
    before = unzipped(package(people, loader))["audit.jsonl"]
    services.copy_loader(user=people.operator, loader=loader, loader_code="OTHER")
    seal_all()
    assert unzipped(package(people, loader))["audit.jsonl"] == before


def test_a_loader_that_never_ran_has_a_package_too(people: People, loader: Loader) -> None:
    new = services.copy_loader(user=people.operator, loader=loader, loader_code="NEVER_RAN")
    files = unzipped(package(people, services.get_loader(new.loader_code, user=people.admin)))
    assert lines(files, "coverage.jsonl") == lines(files, "versions.jsonl") == []


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    def rows() -> Iterator[dict[str, Any]]:
        for number in range(2_000):
            yield {"number": number, "text": "x" * 5_000}

    tracemalloc.start()
    with (tmp_path / "large.zip").open("wb") as target:
        write_package(target, [Part("rows.jsonl", rows())], dict)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3_000_000


def test_a_package_is_as_of_one_instant(committed_db: PortalDatabase) -> None:
    people = People()
    loader = make_loader(people, make_source(people), "ORDERS_HOURLY")
    ByHand(loader).run(0, 6, [0, 1, 5], moves_to=5)
    target, meanwhile = io.BytesIO(), []

    def forget_coverage(name: str, rows: int) -> None:
        with committed_db.server.admin_connection(committed_db.name) as other:
            meanwhile.append(other.execute("DELETE FROM loader.coverage").rowcount)

    export_evidence(
        user=people.admin,
        loader=services.get_loader("ORDERS_HOURLY", user=people.admin),
        start=PERIOD[0],
        end=PERIOD[1],
        target=target,
        tell=forget_coverage,
    )
    states = [one["state"] for one in lines(unzipped(target.getvalue()), "coverage.jsonl")]
    assert (meanwhile[0], states) == (1, ["LOADED", "PENDING"])
    assert AuditEvent.objects.filter(action="evidence.export").count() == 1


# --- checking -----------------------------------------------------------------------------------


def test_an_intact_package_holds(people: People, loader: Loader, tmp_path: Path) -> None:
    path = tmp_path / "p.zip"
    path.write_bytes(package(people, loader))
    report = check_package(path)
    assert report.is_sound
    assert set(verdicts(path).values()) == {Verdict.HOLDS}
    counts = {check.what: check.count for check in report.checks}
    assert counts["digests and approvals"] == 1
    assert counts["audit seals"] > 3


def sealed_anew(files: dict[str, bytes], name: str, content: bytes) -> dict[str, bytes]:
    """Replaced by somebody who makes the manifest fit; only the portal's key they do not have."""
    buffer = io.BytesIO()
    manifest = json.loads(files[MANIFEST])
    changed = {**files, name: content}
    parts = [
        Part(one["name"], changed[one["name"]].decode())
        for one in manifest["files"]
        if one["name"] != "README.txt"
    ]
    about = {key: value for key, value in manifest.items() if key not in {"files", "format"}}
    write_package(buffer, parts, lambda: about)
    return unzipped(buffer.getvalue())


def test_any_change_shows(people: People, loader: Loader, tmp_path: Path) -> None:
    files = unzipped(package(people, loader))
    altered = files["executions.jsonl"].replace(b'"FAILED"', b'"SUCCESS"')
    changed = zipped(tmp_path / "a.zip", files | {"executions.jsonl": altered})
    assert verdicts(changed)["files"] is Verdict.BROKEN
    added = zipped(tmp_path / "b.zip", files | {"more.jsonl": b""})
    assert verdicts(added)["files"] is Verdict.BROKEN
    removed = {name: content for name, content in files.items() if name != "waivers.jsonl"}
    assert verdicts(zipped(tmp_path / "c.zip", removed))["files"] is Verdict.BROKEN
    text = files[MANIFEST].replace(b"2026-01-02", b"2026-01-03")
    told = verdicts(zipped(tmp_path / "d.zip", files | {MANIFEST: text}))
    assert told["manifest's seal"] is Verdict.BROKEN
    seal = keyring().digest(b"something else").encode()
    told = verdicts(zipped(tmp_path / "e.zip", files | {SEAL: seal}))
    assert told["manifest's seal"] is Verdict.BROKEN
    foreign = zipped(tmp_path / "f.zip", files | {SEAL: b"lp1d:00000000:00"})
    assert verdicts(foreign)["manifest's seal"] is Verdict.UNKNOWN_KEY


def test_events_and_approvals_are_held_to_their_seals_whatever_the_manifest_says(
    people: People, loader: Loader, tmp_path: Path
) -> None:
    files = unzipped(package(people, loader))
    audit = files["audit.jsonl"]
    events = audit.splitlines(keepends=True)
    versions = files["versions.jsonl"]
    for number, (name, content, what) in enumerate(
        (
            ("audit.jsonl", audit.replace(b"operator-person", b"innocent-person"), "audit seals"),
            ("audit.jsonl", b"".join([events[1], events[0], *events[2:]]), "audit seals"),
            ("audit.jsonl", b"{}\n", "audit seals"),
            ("versions.jsonl", versions.replace(b"region", b"regio2"), "digests and approvals"),
            (
                "versions.jsonl",
                versions.replace(b'"submittedById":', b'"submittedById":9'),
                "digests and approvals",
            ),
        )
    ):
        assert content != files[name]
        path = zipped(tmp_path / f"{number}.zip", sealed_anew(files, name, content))
        told = verdicts(path)
        assert told["files"] is Verdict.HOLDS
        assert told[what] is Verdict.BROKEN, (name, told)


def test_the_check_needs_no_database_and_its_exit_code_tells(
    people: People, loader: Loader, tmp_path: Path, django_db_blocker: Any
) -> None:
    path = tmp_path / "p.zip"
    path.write_bytes(package(people, loader))
    bad = zipped(tmp_path / "bad.zip", {**unzipped(path.read_bytes()), "waivers.jsonl": b"{}\n"})
    with django_db_blocker.block():
        good = manage("evidence", "--check", str(path), "--json")
        broken = manage("evidence", "--check", str(bad))
        none = manage("evidence", "--check", __file__, "--json")
        missing = manage("evidence", "--check", str(tmp_path / "none.zip"))
    assert (good.code, good.document()["ok"]) == (0, True)
    assert broken.code == 1
    assert "waivers.jsonl is not what the manifest tells." in broken.out
    assert (none.code, none.problem()["code"]) == (6, "NOT_AN_EVIDENCE_PACKAGE")
    assert (missing.code, missing.err.partition(":")[0]) == (6, "FILE_NOT_ACCESSIBLE")


# --- faces --------------------------------------------------------------------------------------


def test_the_command_writes_the_file_once_it_is_whole(
    people: People, loader: Loader, tmp_path: Path
) -> None:
    path = tmp_path / "p.zip"
    outcome = manage(*WORDS, "--output", str(path), "--json", as_user=people.admin)
    assert outcome.code == 0
    document = outcome.document()
    (event,) = AuditEvent.objects.filter(action="evidence.export")
    assert document["manifestSha256"] == event.after["manifest_sha256"]
    assert check_package(path).is_sound
    assert [file.name for file in tmp_path.iterdir()] == ["p.zip"]
    assert path.stat().st_mode & 0o077 == 0
    backwards = ("evidence", "ORDERS_HOURLY", "--from", "2026-02-01", "--to", "2026-01-01")
    refused = manage(*backwards, "--output", str(tmp_path / "q.zip"))
    assert (refused.code, refused.err) == (
        6,
        "VALIDATION_FAILED: The end must be after the start.\n",
    )
    assert [file.name for file in tmp_path.iterdir()] == ["p.zip"]
    assert manage("evidence", "ORDERS_HOURLY").code == 6
    assert manage("evidence", "NO_SUCH", *WORDS[2:]).code == 4
    assert manage(*WORDS, "--output", "/nowhere/p.zip").code == 6


def test_the_api_answers_a_zip_and_problems_as_json(
    people: People, loader: Loader, tmp_path: Path
) -> None:
    client = APIClient()
    client.force_login(people.admin)
    address = "/api/v1/loaders/ORDERS_HOURLY/evidence"
    period = {"from": "2026-01-01T02:00:00Z", "to": "2026-01-02T06:00:00Z"}
    for accepted in ("application/zip", "*/*", "application/json"):
        answer = client.get(address, period, headers={"accept": accepted})
        assert answer.status_code == 200
        assert answer["Content-Type"] == "application/zip"
        assert 'filename="evidence-ORDERS_HOURLY-20260101T020000Z-' in answer["Content-Disposition"]
        path = tmp_path / "p.zip"
        path.write_bytes(b"".join(answer.streaming_content))  # type: ignore[attr-defined]
        assert check_package(path).is_sound
    for parameters, status in (({}, 422), ({**period, "to": period["from"]}, 422)):
        answer = client.get(address, parameters, headers={"accept": "application/zip"})
        assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
        assert answer.json()["errors"]["to"]
    answer = client.get("/api/v1/loaders/NO_SUCH/evidence", period)
    assert answer.json()["code"] == "LOADER_NOT_FOUND"


def test_the_page_asks_for_a_period_and_downloads(people: People, loader: Loader) -> None:
    browser = Browser()
    browser.force_login(people.admin)
    address = reverse("admin:loaders_loader_do", args=[loader.pk, "evidence"])
    assert b"That you exported it is audited." in browser.get(address).content
    wrong = {"from_time": "2026-01-02 00:00", "to_time": "2026-01-01 00:00"}
    assert b"The end must be after the start." in browser.post(address, wrong).content
    answer = browser.post(address, {"from_time": "2026-01-01 00:00", "to_time": "2026-01-02 00:00"})
    content = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    assert json.loads(unzipped(content)[MANIFEST])["exportedBy"] == "admin-person"


def test_only_the_time_asked_for_is_in_it(people: People, loader: Loader) -> None:
    CoverageInterval.objects.all().delete()
    target = io.BytesIO()
    start, end = datetime(2025, 1, 1, tzinfo=UTC), START
    export_evidence(user=people.admin, loader=loader, start=start, end=end, target=target)
    files = unzipped(target.getvalue())
    for name in ("executions", "backfills", "coverage", "waivers"):
        assert lines(files, f"{name}.jsonl") == [], name
    assert {json.loads(row["event"])[5] for row in lines(files, "audit.jsonl")} == {
        "loader.create",
        "loader.submit",
        "loader.approve",
        "source.create",
        "source.update",
    }
