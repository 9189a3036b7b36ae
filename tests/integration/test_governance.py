"""The governance report over real rows: who is told what, by page, API, CSV and command."""

from __future__ import annotations

import csv
import re
import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.urls import reverse

from accounts.roles import SYSTEM, PermissionDeniedError, Role
from audit.models import AuditEvent
from core.clock import database_now
from loaders import services
from loaders.governance.findings import Finding, Rule, Severity
from loaders.models import ApprovalStatus, Decision, Loader, LoaderState, LoaderVersion
from loaders.models import SourceDatabase as Source
from tests.support.api import Client
from tests.support.commands import manage
from tests.support.definitions import fresh, make_draft, make_source
from tests.support.people import People, person
from tests.support.place import client_of
from tests.support.scenes import make_loader
from tests.support.teams import grant_to, make_team, simulated_source

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
MANY_LOADERS = """
WITH made AS (
    INSERT INTO loader SELECT (jsonb_populate_record(l, jsonb_build_object(
        'id', gen_random_uuid(), 'loader_code', 'LOADER_' || n, 'contact', '', 'description', ''
    ))).* FROM loader l, generate_series(1, 5000) n RETURNING id
)
INSERT INTO loader_state (loader_id, load_status, consecutive_failures, data_version)
SELECT id, 'IDLE', 0, 0 FROM made
"""
PAGE = reverse("admin:loaders_loader_governance")


@pytest.fixture
def people() -> People:
    return People()


@pytest.fixture
def source(people: People) -> Source:
    return make_source(people)


@pytest.fixture
def loader(people: People, source: Source) -> Loader:
    """Approved and enabled, and in order but for its freshness target."""
    return make_loader(people, source, "ORDERS")


def found(user: Any, **narrowed: Any) -> list[tuple[Rule, str]]:
    report = services.governance_report(user=user, **narrowed)
    return [(finding.rule, finding.subject) for finding in report.findings]


def finding(rule: Rule) -> Finding:
    (found,) = services.governance_report(user=SYSTEM, rule=rule).findings
    return found


def add_approvals(loader: Loader, at: datetime, *pairs: tuple[Any, Any]) -> None:
    """Versions that were approved, by (author, approver)."""
    first = loader.versions.count() + 1
    LoaderVersion.objects.bulk_create(
        LoaderVersion(
            loader=loader,
            number=number,
            submitted_by=author,
            decided_by=approver,
            decided_at=at,
            decision=Decision.APPROVED,
        )
        for number, (author, approver) in enumerate(pairs, start=first)
    )


def test_what_is_in_the_rows_is_what_the_rules_see(people: People, loader: Loader) -> None:
    assert found(SYSTEM) == [
        (Rule.SOURCE_RIGHTS_UNKNOWN, "SHOP"),
        (Rule.FRESHNESS_TARGET_MISSING, "ORDERS"),
    ]
    services.update_loader(
        user=people.operator,
        loader=loader,
        values={"owning_team": "", "contact": "", "description": ""},
    )
    now = database_now()
    LoaderVersion.objects.update(decided_at=now - 40 * DAY)
    LoaderState.objects.update(last_success_timestamp=now - 35 * DAY)
    Source.objects.update(read_only_verdict="CAN_WRITE", read_only_checked_at=now - 8 * DAY)
    assert found(SYSTEM) == [
        (Rule.OWNER_MISSING, "ORDERS"),
        (Rule.SOURCE_CAN_WRITE, "SHOP"),
        (Rule.CONTACT_MISSING, "ORDERS"),
        (Rule.DESCRIPTION_MISSING, "ORDERS"),
        (Rule.ENABLED_WITHOUT_SUCCESS, "ORDERS"),
        (Rule.SOURCE_VERDICT_OLD, "SHOP"),
        (Rule.FRESHNESS_TARGET_MISSING, "ORDERS"),
    ]
    assert f"{now - 35 * DAY:%Y-%m-%d}" in finding(Rule.ENABLED_WITHOUT_SUCCESS).message


def test_drafts_requests_and_unused_loaders_and_sources_are_found(
    people: People, loader: Loader, settings: LazySettings
) -> None:
    now = database_now()
    for code in ("DRAFT", "REQUEST", "TESTING"):
        services.copy_loader(user=people.operator, loader=loader, loader_code=code)
    request = Loader.objects.get(loader_code="REQUEST")
    services.submit(user=people.operator, loader=request)
    LoaderVersion.objects.filter(loader=request).update(submitted_at=now - 8 * DAY)
    Loader.objects.filter(loader_code="DRAFT").update(updated_at=now - 31 * DAY)
    Loader.objects.filter(loader_code="ORDERS").update(enabled=False, updated_at=now - 91 * DAY)
    Loader.objects.filter(loader_code="TESTING").update(
        is_test=True,
        enabled=True,
        approval_status=ApprovalStatus.APPROVED,
        approved_version=loader.approved_version,
    )
    simulated_source(people, "UNUSED")
    Source.objects.filter(db_code="UNUSED").update(created_at=now - 8 * DAY)
    settings.LOADER_CODE_PATTERN = "(ORDERS|REQUEST|TESTING)"
    settings.DEPLOYMENT_ENVIRONMENT = "production"
    every = found(SYSTEM)
    assert [each for each in every if each[0] != Rule.FRESHNESS_TARGET_MISSING] == [
        (Rule.NAME_AGAINST_PATTERN, "DRAFT"),
        (Rule.REQUEST_WAITING, "REQUEST"),
        (Rule.SOURCE_RIGHTS_UNKNOWN, "SHOP"),
        (Rule.SOURCE_RIGHTS_UNKNOWN, "UNUSED"),
        (Rule.TEST_LOADER_IN_PRODUCTION, "TESTING"),
        (Rule.DISABLED_FOR_LONG, "ORDERS"),
        (Rule.DRAFT_ABANDONED, "DRAFT"),
        (Rule.SOURCE_WITHOUT_LOADER, "UNUSED"),
    ]


def test_archived_loaders_are_left_out_and_leave_their_source_without_one(
    people: People, loader: Loader
) -> None:
    add_approvals(loader, database_now(), *[(people.operator, people.approver)] * 5)
    Source.objects.update(created_at=database_now() - 8 * DAY)
    services.archive_loader(user=people.admin, loader=loader)
    assert found(SYSTEM, rule=Rule.SOURCE_WITHOUT_LOADER) == [(Rule.SOURCE_WITHOUT_LOADER, "SHOP")]
    assert "ORDERS" not in {subject for _, subject in found(SYSTEM)}


def test_only_the_last_approvals_within_the_year_count(people: People, loader: Loader) -> None:
    now, pair = database_now(), (people.operator, people.approver)
    third = person(Role.APPROVER, "third")
    add_approvals(loader, now, (people.operator, third), pair, pair, pair, pair)
    rule = Rule.APPROVED_BY_SAME_PAIR
    assert found(SYSTEM, rule=rule) == []
    add_approvals(loader, now, (people.approver, people.operator))
    assert found(SYSTEM, rule=rule) == [(rule, "ORDERS")]
    LoaderVersion.objects.filter(number__lte=3).update(decided_at=now - 400 * DAY)
    assert found(SYSTEM, rule=rule) == []


def test_two_who_approve_each_other_are_found_over_all_loaders(
    people: People, loader: Loader
) -> None:
    now, one, other = database_now(), people.operator, people.approver
    copy = services.copy_loader(user=one, loader=loader, loader_code="COPY")
    add_approvals(loader, now, (one, other), (one, other), (other, one))
    add_approvals(copy, now, (other, one), (other, one))
    rule = Rule.APPROVED_BY_EACH_OTHER
    pair = "approver-person and operator-person"
    assert found(SYSTEM, rule=rule) == [(rule, pair)]
    assert "Of the 6 definitions" in finding(rule).message
    LoaderVersion.objects.filter(loader=copy).update(decided_at=now - 91 * DAY)
    assert found(SYSTEM, rule=rule) == []


def test_each_role_is_told_what_its_pages_show(people: People, loader: Loader) -> None:
    add_approvals(loader, database_now(), *[(people.operator, people.approver)] * 5)
    documentation = [(Rule.FRESHNESS_TARGET_MISSING, "ORDERS")]
    sources = [(Rule.SOURCE_RIGHTS_UNKNOWN, "SHOP")]
    approvals = [(Rule.APPROVED_BY_SAME_PAIR, "ORDERS")]
    assert found(people.viewer) == documentation
    assert found(people.operator) == found(people.approver) == sources + documentation
    assert found(people.admin) == found(SYSTEM) == approvals + sources + documentation
    people.viewer.groups.clear()
    with pytest.raises(PermissionDeniedError):
        services.governance_report(user=type(people.viewer).objects.get(pk=people.viewer.pk))


def test_teams_are_told_of_what_they_reach(
    people: People, loader: Loader, settings: LazySettings
) -> None:
    settings.OBJECT_PERMISSIONS = True
    assert found(people.operator) == []
    team = make_team(people, "Shop", people.operator)
    grant_to(people, team, loader)
    assert found(people.operator) == [(Rule.FRESHNESS_TARGET_MISSING, "ORDERS")]
    grant_to(people, team, loader.source)
    assert (Rule.SOURCE_RIGHTS_UNKNOWN, "SHOP") in found(people.operator)
    assert found(people.approver) == []


def test_the_api_counts_narrows_and_pages(people: People, loader: Loader) -> None:
    services.copy_loader(user=people.operator, loader=loader, loader_code="COPY")
    client = Client(people.admin)
    _, report = client.get("governance")
    assert report["counts"] == {
        "bySeverity": {"error": 0, "warning": 1, "notice": 2},
        "byRule": [
            {"rule": "FRESHNESS_TARGET_MISSING", "findings": 2},
            {"rule": "SOURCE_RIGHTS_UNKNOWN", "findings": 1},
        ],
    }
    assert report["results"][0] == {
        "severity": "warning",
        "rule": "SOURCE_RIGHTS_UNKNOWN",
        "subjectType": "source",
        "subject": "SHOP",
        "team": "",
        "message": report["results"][0]["message"],
        "link": reverse("admin:loaders_sourcedatabase_change", args=[loader.source.pk]),
    }
    _, narrowed = client.get("governance", severity="notice", team="Shop", page_size=1, page=2)
    assert (narrowed["count"], [f["subject"] for f in narrowed["results"]]) == (2, ["ORDERS"])
    assert narrowed["next"] is None
    assert "page_size=1" in narrowed["previous"]
    for wrong, status in (({"rule": "NONE"}, 422), ({"teem": "x"}, 422), ({"page": "9"}, 404)):
        assert client.get("governance", **wrong)[0] == status


def test_the_page_shows_counts_filters_and_links(people: People, loader: Loader) -> None:
    client = client_of(people.admin)
    shown = client.get(PAGE).content.decode()
    for text in (
        reverse("admin:loaders_loader_change", args=[loader.pk]),
        reverse("admin:loaders_sourcedatabase_change", args=[loader.source.pk]),
        "?severity=warning",
        "?rule=FRESHNESS_TARGET_MISSING",
        "<option>Shop</option>",
        "Findings 1 to 2 of 2",
    ):
        assert text in shown
    narrowed = client.get(PAGE, {"severity": "warning", "team": "(none)", "page": "x"})
    assert "Findings 1 to 1 of 1, severity warning" in narrowed.content.decode()
    assert "<option selected>(none)</option>" in narrowed.content.decode()
    nothing = client.get(PAGE, {"team": "Nobody"}).content.decode()
    assert "Nothing to complain about." in nothing
    odd = client.get(PAGE, {"rule": "NONE", "severity": "grave"}).content.decode()
    assert "Findings 1 to 2 of 2" in odd


def test_the_sidebar_says_where_one_is(people: People, loader: Loader) -> None:
    client = client_of(people.admin)
    listed = reverse("admin:loaders_loader_changelist")
    for page, marked in (
        (PAGE, PAGE),
        (listed, listed),
        (reverse("admin:loaders_loader_change", args=[loader.pk]), listed),
        (reverse("admin:index"), reverse("admin:index")),
    ):
        shown = client.get(page).content.decode()
        assert re.findall(r'href="([^"]*)" class="[^"]* active"', shown) == [marked], page


def test_the_download_is_whole_and_audited(people: People, loader: Loader) -> None:
    answer = client_of(people.viewer).get(PAGE, {"format": "csv", "severity": "notice"})
    rows = list(csv.DictReader(answer.content.decode().splitlines()))
    assert [(row["rule"], row["subject"], row["team"]) for row in rows] == [
        ("FRESHNESS_TARGET_MISSING", "ORDERS", "Shop")
    ]
    assert "governance.csv" in answer["Content-Disposition"]
    event = AuditEvent.objects.get(action="governance.export")
    assert (event.actor, event.after) == (people.viewer, {"findings": 1, "severity": "notice"})


def test_the_command_fails_on_what_it_is_told_to(people: People, loader: Loader) -> None:
    assert manage("governance").code == 0
    assert manage("governance", "--fail-on", "error").code == 0
    failed = manage("governance", "--fail-on", "warning", "--json")
    assert (failed.code, failed.document()["ok"]) == (1, False)
    assert failed.document()["counts"] == {"error": 0, "warning": 1, "notice": 1}
    assert manage("governance", "--fail-on", "warning", "--team", "Shop").code == 0
    assert manage("governance", "--fail-on", "warning", as_user=people.viewer).code == 0
    Loader.objects.update(owning_team="")
    assert manage("governance", "--fail-on", "error", "--severity", "error").code == 1
    shown = manage("governance", "--rule", "owner_missing", "--team", "")
    assert "ORDERS" in shown.out
    assert "SHOP" not in shown.out
    assert manage("governance", "--rule", "NONE").code == 2


def test_five_thousand_loaders_take_a_handful_of_queries_and_a_moment(
    people: People, source: Source, django_assert_max_num_queries: Any
) -> None:
    template = make_draft(people, source)
    with connection.cursor() as cursor:
        cursor.execute(MANY_LOADERS)
    add_approvals(fresh(template), database_now(), *[(people.operator, people.approver)] * 5)
    with django_assert_max_num_queries(8):
        began = time.monotonic()
        report = services.governance_report(user=people.admin)
        took = time.monotonic() - began
    assert report.by_severity[Severity.WARNING] > 10_000
    assert report.by_rule[Rule.APPROVED_BY_SAME_PAIR] == 1
    assert took < 20  # one second on an idle machine
