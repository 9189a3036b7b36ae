"""People of the four roles at work in the console, in headless Chromium."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from accounts.roles import Role
from accounts.tokens import create_token
from loaders.models import ApprovalStatus, Loader, LoaderState, LoadStatus, SourceDatabase
from loaders.services import submit, update_loader
from tests.portal_database import PortalDatabase
from tests.servers import SourceServer
from tests.support.browser import Site, Visitor
from tests.support.people import person
from tests.support.scenes import START, Scene, add_orders, order_sql

MARKER = "planted_marker_in_sql"

Visit = Callable[..., Visitor]


def marked_sql() -> str:
    return order_sql("POSTGRESQL").replace("WHERE", f"WHERE region <> '{MARKER}' AND")


@pytest.fixture
def scene(committed_db: PortalDatabase, postgres_source: SourceServer) -> Scene:
    scene = Scene(postgres_source, loader_sql=marked_sql())
    add_orders(
        postgres_source,
        (START + timedelta(minutes=5), "Riyadh", "web", 10.0),
        (START + timedelta(minutes=65), "جدة", "app", 2.5),
    )
    scene.run()
    broken = scene.add_loader("BROKEN_ONE", loader_sql=marked_sql().replace("orders", MARKER))
    scene.run(broken)
    return scene


@pytest.fixture
def visit(scene: Scene, site: Site) -> Iterator[Visit]:
    """Let a person sign in. No page may make the browser complain."""
    visitors: list[Visitor] = []

    def sign_in(user: Any, **options: Any) -> Visitor:
        visitors.append(Visitor(site.browser, site.address, user, **options))
        return visitors[-1]

    yield sign_in
    for visitor in visitors:
        visitor.leave()
    assert [complaint for v in visitors for complaint in v.complaints] == []


def loader_page(visitor: Visitor, code: str = "ORDERS_HOURLY") -> None:
    visitor.open(visitor.address_of("loaders/loader", code))


def test_an_operator_sees_a_loader_its_history_and_how_many_signals_it_has(
    visit: Visit, scene: Scene
) -> None:
    operator = visit(scene.people.operator)
    assert "BROKEN_ONE" in operator.text("#home-failed")
    loader_page(operator)
    box = operator.text("#loader-box")
    assert "Approved" in box
    assert "Signals loaded\n2" in box
    assert "2026-01-01 01:00:00" in box
    assert "Succeeded" in operator.text("#loader-runs")
    assert MARKER in operator.page.locator("#id_loader_sql").input_value()
    operator.click(operator.page.locator("#loader-box >> text=Executions"))
    assert operator.page.locator("#result_list tbody tr").count() == 1
    assert "2026-01-01 00:00 → 06:00" in operator.text("#result_list")


def test_the_home_page_renews_itself_and_keeps_what_is_open_and_focused(
    visit: Visit, scene: Scene
) -> None:
    operator = visit(scene.people.operator)
    page = operator.page
    page.clock.install()
    operator.open("/admin/")
    assert "renews itself" in operator.text("#home")
    assert "BROKEN_ONE" in operator.text("#home-failed")
    LoaderState.objects.update(load_status=LoadStatus.IDLE)
    page.locator("#home-day-table summary").click()
    page.locator("#home-running tbody a").first.focus()
    page.clock.fast_forward(31_000)
    page.locator("#home-failed >> text=No loader's last run failed.").wait_for()
    assert page.locator("#home-day-table[open]").count() == 1
    assert page.evaluate("document.activeElement.closest('#home-running') !== null")
    page.route("**/admin/", lambda route: route.abort())
    page.clock.fast_forward(31_000)
    page.locator("#home-stale >> text=could not be renewed").wait_for()
    operator.complaints.clear()  # the browser's own line about the request that was cut


def test_an_operator_runs_a_loader_and_cancels_the_run(visit: Visit, scene: Scene) -> None:
    operator = visit(scene.people.operator)
    loader_page(operator)
    operator.click(operator.action("run"))
    assert "is queued" in operator.text("#main")
    assert operator.action("run").is_disabled()
    assert "A run is under way." in operator.text("#page-actions")
    operator.click(operator.page.locator("#loader-runs tbody a").first)
    assert "Queued" in operator.text("#execution-box")
    operator.click(operator.action("cancel"))
    assert "was asked to stop" in operator.text("#main")


def test_a_viewer_sees_no_sql_anywhere_and_why_buttons_are_disabled(
    visit: Visit, scene: Scene
) -> None:
    update_loader(
        user=scene.people.operator,
        loader=scene.loader,
        values={"loader_sql": marked_sql().replace("SUM(amount)", "SUM(amount * 2)")},
    )
    submit(user=scene.people.operator, loader=scene.loader)
    viewer = visit(scene.people.viewer)
    for code in ("ORDERS_HOURLY", "BROKEN_ONE"):
        loader_page(viewer, code)
    for name in ("submit", "approve", "reject", "enable", "disable", "run"):
        assert viewer.action(name).is_disabled(), name
        reason = viewer.action(name).get_attribute("title") or ""
        assert reason.startswith("Only the roles "), name
        assert reason in viewer.text("#page-actions"), name
    viewer.open(viewer.address_of("loaders/loaderversion", "ORDERS_HOURLY"))
    for name in ("approve", "reject"):
        assert viewer.page.locator(f"#decision [name={name}]").is_disabled()
    viewer.open(viewer.address_of("execution/loadhistory", "BROKEN_ONE"))
    assert "SOURCE_SQL_FAILED" in viewer.text("#main")
    for path in ("", "execution/coverageinterval/"):
        viewer.open(f"/admin/{path}")
    for hidden in ("Locks", "Source databases"):
        assert hidden not in viewer.text("#nav-sidebar-apps")
    assert "Users" not in viewer.text("#nav-sidebar-apps")
    assert len(viewer.sources) > 12
    assert not [source for source in viewer.sources if MARKER in source]


def test_an_approver_approves_what_another_wrote(visit: Visit, scene: Scene) -> None:
    update_loader(
        user=scene.people.operator,
        loader=scene.loader,
        values={"loader_sql": marked_sql().replace("SUM(amount)", "SUM(amount * 2)")},
    )
    submit(user=scene.people.operator, loader=scene.loader)
    approver = visit(scene.people.approver)
    approver.click(approver.page.locator("#home-waiting tbody a"))
    assert "SUM(amount * 2)" in approver.text(".lp-diff .lp-added >> nth=0")
    approver.page.fill("#id_comment", "Doubled on purpose.")
    approver.click(approver.page.locator("#decision [name=approve]"))
    assert "Version 2 of ORDERS_HOURLY is approved." in approver.text("#main")
    scene.loader.refresh_from_db()
    assert scene.loader.approval_status == ApprovalStatus.APPROVED


def test_a_rejection_needs_a_comment(visit: Visit, scene: Scene) -> None:
    update_loader(user=scene.people.operator, loader=scene.loader, values={"lateness_seconds": 300})
    submit(user=scene.people.operator, loader=scene.loader)
    approver = visit(scene.people.approver, width=390)
    approver.open("/admin/loaders/loaderversion/?waiting=me")
    approver.click(approver.page.locator("#result_list tbody a").first)
    assert "Lateness (seconds)" in approver.text("#review-settings tr.lp-changed")
    approver.click(approver.page.locator("#decision [name=reject]"))
    assert "Say in a comment why you reject it." in approver.text("#decision")
    approver.page.fill("#id_comment", "Too late for us.")
    approver.click(approver.page.locator("#decision [name=reject]"))
    assert "is rejected" in approver.text("#main")


def test_an_operator_writes_and_submits_a_loader(visit: Visit, scene: Scene) -> None:
    operator = visit(scene.people.operator)
    operator.open("/admin/loaders/loader/add/")
    operator.page.fill("#id_loader_code", "REFUNDS_HOURLY")
    operator.page.select_option("#id_source_database", label="SHOP")
    operator.page.fill("#id_loader_sql", "DELETE FROM orders")
    operator.page.fill("#id_grain_seconds", "3600")
    operator.page.fill("#id_description", "Refunds by region and channel.")
    operator.page.fill("#id_owning_team", "Shop")
    operator.page.fill("#id_contact", "shop@example.org")
    save = operator.page.locator("#submit-row button[name=_save]")
    operator.click(save)
    assert "to correct before it can be submitted" in operator.text("#main")
    assert "Line 1, column 1" in operator.text(".lp-guard")
    operator.click(operator.action("submit"))
    assert "is refused" in operator.text("#main")
    operator.page.fill("#id_loader_sql", order_sql("POSTGRESQL"))
    operator.click(save)
    assert "Valid" in operator.text(".lp-guard")
    operator.click(operator.action("submit"))
    assert "was submitted as version 1" in operator.text("#main")
    assert operator.action("approve").is_disabled()
    loader = Loader.objects.get(loader_code="REFUNDS_HOURLY")
    assert loader.loader_sql == order_sql("POSTGRESQL")
    assert loader.approval_status == ApprovalStatus.PENDING_APPROVAL


def test_an_admin_edits_a_source_and_its_password_is_in_no_page(visit: Visit, scene: Scene) -> None:
    admin = visit(scene.people.admin)
    address = admin.address_of("loaders/sourcedatabase", "SHOP")
    admin.open(address)
    admin.page.fill("#id_max_connections", "7")
    admin.click(admin.page.locator("#submit-row button[name=_save]"))
    source = SourceDatabase.objects.get()
    assert (source.max_connections, source.password) == (7, scene.server.reader_password)
    admin.open(address)
    admin.page.fill("#id_new_password", "an-entirely-new-password")
    admin.click(admin.page.locator("#submit-row button[name=_save]"))
    source = SourceDatabase.objects.get()
    assert source.password == "an-entirely-new-password"
    admin.open(address)
    admin.open("/admin/audit/auditevent/?q=source.update")
    admin.open(admin.address_of("audit/auditevent", "source.update"))
    assert "(set)" in admin.text("#main")
    for secret in (scene.server.reader_password, "an-entirely-new-password"):
        assert not [text for text in admin.sources if secret in text]


def test_an_admin_gives_a_person_a_role(visit: Visit, scene: Scene) -> None:
    newcomer = person(Role.VIEWER, "newcomer")
    admin = visit(scene.people.admin)
    admin.open(f"/admin/auth/user/{newcomer.pk}/change/")
    admin.page.select_option("#id_role", "approver")
    admin.click(admin.page.locator("#submit-row button[name=_save]"))
    assert [group.name for group in newcomer.groups.all()] == ["approver"]


def test_operations_of_the_api_are_tried_out_in_the_session_or_with_a_token(
    visit: Visit, scene: Scene, site: Site
) -> None:
    visitor = visit(scene.people.operator)
    page = visitor.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    visitor.click(page.locator('a[href^="/api/docs"]').first)

    def answer_of(operation: str) -> str:
        page.goto(f"{site.address}/api/docs/#/{operation}")
        page.reload()  # the address differs behind its # only
        page.get_by_role("button", name="Try it out").click()
        page.get_by_role("button", name="Execute").click()
        page.locator(".live-responses-table .response-col_status").first.wait_for()
        return visitor.text(".live-responses-table")

    assert "operator-person" in answer_of("auth/getMe")
    assert '"isValid": true' in answer_of("sql/validateSql")  # a POST: by the page's CSRF token
    token = create_token(actor=scene.people.operator, name="trial", role="viewer").text
    page.get_by_role("button", name="Authorize").first.click()
    page.locator(".auth-container input").first.fill(token)
    page.locator(".auth-container button.authorize").first.click()
    page.get_by_role("button", name="Close").first.click()
    page.get_by_role("button", name="Execute").click()
    page.locator("text=lpt_").first.wait_for()
    assert '"isValid": true' in visitor.text(".live-responses-table")
    assert {url.split("/")[2] for url in asked} == {site.address.removeprefix("http://")}
