"""People of the four roles at work in the console, in headless Chromium."""

from __future__ import annotations

import pytest
from django.contrib.sessions.models import Session

from accounts.roles import Role
from accounts.tokens import create_token
from execution.models import LoadHistory, RunStatus
from loaders.models import ApprovalStatus, Loader, LoaderState, LoadStatus, SourceDatabase
from loaders.services import reject, submit, update_loader
from tests.portal_database import PortalDatabase
from tests.servers import SourceServer
from tests.support.browser import Site, Visit, write_sql
from tests.support.console_scene import MARKER, loader_page, make_scene, marked_sql
from tests.support.people import person
from tests.support.scenes import Scene, order_sql


@pytest.fixture
def scene(committed_db: PortalDatabase, postgres_source: SourceServer) -> Scene:
    return make_scene(postgres_source)


def test_an_operator_sees_a_loader_its_history_and_how_many_signals_it_has(
    visit: Visit, scene: Scene
) -> None:
    operator = visit(scene.people.operator)
    assert "BROKEN_ONE" in operator.text("#home-failed")
    loader_page(operator)
    assert "Approved" in operator.text("#loader-box")
    overview = operator.text("#loader-overview")
    assert "Loaded 2 signals of 2026-01-01 00:00 to 2026-01-01 06:00 UTC" in overview
    assert "Signals loaded\n2" in overview
    assert "2026-01-01 01:00:00" in overview
    assert "Succeeded" in operator.text("#loader-runs")
    operator.click(operator.page.locator("#loader-tabs >> text=SQL"))
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
    menu = operator.page.locator("#page-actions [data-menu]")
    menu.locator("> summary").press("Enter")
    assert "A run is under way." in operator.text("#page-actions")
    operator.page.keyboard.press("Escape")
    assert menu.get_attribute("open") is None
    operator.click(operator.page.locator("#loader-runs tbody a").first)
    assert "Queued" in operator.text("#execution-box")
    signed_out, unanswered, _ = operator.page.locator("#live-notices > p").all()
    Session.objects.all().delete()
    signed_out.wait_for()
    assert "Queued" in operator.text("#execution-story"), "what was seen stays"
    operator.sign_in_in_another_tab()
    signed_out.wait_for(state="hidden")
    operator.page.route("**/live/", lambda route: route.abort())
    unanswered.wait_for()
    operator.page.unroute("**/live/")
    unanswered.wait_for(state="hidden")
    operator.complaints.clear()  # of the request that was cut off
    operator.click(operator.action("cancel"))
    assert "was asked to stop" in operator.text("#main")
    scene.execute(LoadHistory.objects.get(status=RunStatus.RUNNING))
    operator.page.locator("#execution-story >> text=Called off").wait_for()  # without a reload
    assert operator.page.locator("#execution-story[hx-get]").count() == 0
    assert operator.action("cancel").is_disabled()


def test_without_scripts_the_whole_form_is_shown_and_saved(visit: Visit, scene: Scene) -> None:
    operator = visit(scene.people.operator, runs_scripts=False)
    loader_page(operator, tab="sql")
    operator.page.fill("#id_loader_sql", order_sql("POSTGRESQL"))
    operator.page.fill("#id_contact", "new@example.org")
    operator.click(operator.page.locator("#submit-row button[name=_save]"))
    scene.loader.refresh_from_db()
    assert scene.loader.contact == "new@example.org"
    assert scene.loader.loader_sql == order_sql("POSTGRESQL")
    assert "?tab=sql" in operator.page.url


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
    loader_page(viewer, "ORDERS_HOURLY", "sql")
    viewer.open_menu()
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
    page = approver.page
    page.keyboard.press("r")
    page.keyboard.type("a doubled ratio")  # keys do nothing while somebody types
    assert page.locator("#id_comment").input_value() == "a doubled ratio"
    page.locator("#review-keys > summary").focus()
    page.keyboard.press("a")
    assert page.evaluate("document.activeElement.name") == "approve"
    with page.expect_navigation():
        page.keyboard.press("Enter")
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
    reject(user=scene.people.admin, loader=scene.loader, comment="Not like this.")
    approver.page.evaluate("window.dispatchEvent(new Event('focus'))")
    approver.page.locator("#review-news >> text=was rejected by admin-person").wait_for()
    approver.page.locator("#decision [name=approve]:disabled").wait_for()


def test_an_operator_writes_and_submits_a_loader(visit: Visit, scene: Scene) -> None:
    operator = visit(scene.people.operator)
    operator.open("/admin/loaders/loader/add/")
    operator.page.fill("#id_loader_code", "REFUNDS_HOURLY")
    operator.page.select_option("#id_source_database", label="SHOP")
    write_sql(operator, "DELETE FROM orders")
    operator.page.fill("#id_grain_seconds", "3600")
    operator.page.fill("#id_description", "Refunds by region and channel.")
    operator.page.fill("#id_owning_team", "Shop")
    operator.page.fill("#id_contact", "shop@example.org")
    save = operator.page.locator("#submit-row button[name=_save]")
    operator.click(save)
    assert "to correct before it can be submitted" in operator.text("#main")
    assert "Line 1, column 1" in operator.text(".lp-guard")
    operator.click(operator.action("submit"))
    operator.click(operator.page.locator("#action-form button[type=submit]"))
    assert "is refused" in operator.text("#main")
    operator.click(operator.page.locator("#action-form a"))
    operator.click(operator.page.locator("#loader-tabs >> text=SQL"))
    written = order_sql("POSTGRESQL").strip()
    write_sql(operator, written)
    operator.click(save)
    assert "Valid" in operator.text(".lp-guard")
    settings = operator.page.locator("#loader-tabs >> text=Settings")
    settings.click()  # no navigation: what is typed on the other tab stays
    operator.page.fill("#id_grain_seconds", "7")
    operator.click(save)
    assert "1 to correct" in settings.inner_text()
    assert "must divide a day evenly" in operator.text("#main")
    operator.click(operator.action("submit"))
    operator.page.fill("#id_message", "A first try.")
    operator.click(operator.page.locator("#action-form button[type=submit]"))
    assert "was submitted as version 1" in operator.text("#main")
    assert operator.action("approve").is_disabled()
    loader = Loader.objects.get(loader_code="REFUNDS_HOURLY")
    assert loader.loader_sql == written
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
