"""A loader's life in the console, by two people in headless Chromium (issue 9): defined, checked,
tried, approved, run, looked at, broken, mended, and its gap loaded. Workers are this process."""

from __future__ import annotations

from datetime import timedelta

import pytest

from backfill.models import BackfillJob
from backfill.states import JobStatus
from execution.models import (
    CoverageInterval,
    LoaderExecutionLock,
    LoadHistory,
    RunStatus,
)
from loaders.models import Loader, LoaderVersion
from loaders.services import update_source
from tests.portal_database import PortalDatabase
from tests.servers import SourceServer
from tests.support.backfills import work_off
from tests.support.browser import Visit, Visitor, write_sql
from tests.support.demo_portal import wait_for
from tests.support.gathering import gathered, work
from tests.support.scenes import HOUR, START, Scene, add_orders, order_sql

CODE = "REVENUE_HOURLY"
SQL = order_sql("POSTGRESQL").strip()
BROKEN_UNTIL = START + 11 * HOUR


@pytest.fixture
def scene(committed_db: PortalDatabase, postgres_source: SourceServer) -> Scene:
    """A source with an order every hour of a day, which may be queried on trial."""
    scene = Scene(postgres_source)
    update_source(user=scene.people.admin, source=scene.source, values={"allow_test_queries": True})
    orders = [(START + n * HOUR + timedelta(minutes=5), "جدة", "web", 1.0 + n) for n in range(24)]
    add_orders(postgres_source, *orders)
    return scene


def guard_says(visitor: Visitor, text: str) -> None:
    """Wait until the editor has checked what is written."""
    visitor.page.locator("[data-sql-editor] [data-part=status]", has_text=text).wait_for()


def on_page(visitor: Visitor, tab: str = "overview") -> None:
    """Open the loader's page."""
    loader = Loader.objects.get(loader_code=CODE)
    visitor.open(f"/admin/loaders/loader/{loader.pk}/change/?tab={tab}")


def define(operator: Visitor) -> None:
    """Write the loader; the guard's findings come as one types."""
    page = operator.page
    operator.open("/admin/loaders/loader/add/")
    for name, value in {
        "loader_code": CODE,
        "description": "What orders bring in, by hour.",
        "owning_team": "Shop",
        "contact": "shop@example.org",
        "grain_seconds": "3600",
        "max_query_period_seconds": str(6 * 3600),
        "start_at": "2026-01-01 00:00",
        "end_at": "2026-01-02 00:00",
    }.items():
        page.fill(f"#id_{name}", value)
    page.select_option("#id_source_database", label="SHOP")
    write_sql(operator, "DELETE FROM orders")
    guard_says(operator, "Errors: ")
    write_sql(operator, SQL)
    guard_says(operator, "finds nothing wrong")
    operator.click(page.locator("#submit-row button[name=_save]"))


def try_it(operator: Visitor, scene: Scene) -> None:
    """Have the text run at the source, from within the editor."""
    scene.beat()
    on_page(operator, "sql")
    operator.page.locator("[data-part=test-run]").click()
    wait_for(lambda: LoaderExecutionLock.objects.active().exists())
    assert work().status == RunStatus.SUCCESS
    rows = operator.page.get_by_role("region", name="Rows of the test query")
    rows.wait_for()
    assert "جدة" in rows.inner_text()


def have_approved(operator: Visitor, approver: Visitor, number: int) -> None:
    """One submits, the other decides, from the home page."""
    operator.click(operator.action("submit"))
    operator.page.get_by_label("Note to the approver").fill("Figures for the board.")
    operator.click(operator.page.locator("#action-form button[type=submit]"))
    assert f"was submitted as version {number}" in operator.text("#main")
    gathered(LoaderVersion.objects.get(loader__loader_code=CODE, number=number))
    approver.open("/admin/")
    approver.click(approver.page.locator("#home-waiting tbody a").first)
    approver.page.fill("#id_comment", "Looked at it.")
    approver.click(approver.page.locator("#decision [name=approve]"))
    assert f"Version {number} of {CODE} is approved." in approver.text("#main")


def run_and_watch(operator: Visitor, scene: Scene) -> None:
    """Run it by the button; its page tells what comes of it by itself."""
    scene.beat()
    on_page(operator)
    operator.click(operator.action("enable"))
    operator.click(operator.action("run"))
    operator.click(operator.page.locator("#loader-runs tbody a").first)
    scene.execute(LoadHistory.objects.get(status=RunStatus.RUNNING))
    operator.page.locator("#execution-story", has_text="Loaded 6 signals").wait_for()


def chart(operator: Visitor) -> None:
    """Look at the figures."""
    operator.open(
        f"/admin/explorer/?loader={CODE}&from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z"
        "&refresh=off"
    )
    drawn = operator.page.locator("#explorer[data-state=ready]")
    drawn.wait_for()
    assert drawn.get_attribute("data-points") == "6"


def see_the_failure(operator: Visitor) -> None:
    """From the home page to what the source said."""
    operator.open("/admin/")
    assert CODE in operator.text("#home-failed")
    on_page(operator)
    assert "What to do:" in operator.text("#loader-failures")
    operator.click(operator.page.locator("#loader-runs tbody a").first)
    assert "SOURCE_SQL_FAILED" in operator.text("#execution-story")
    assert 'column "amount" does not exist' in operator.page.content()


def go_on_behind_it(operator: Visitor) -> None:
    """Leave out what fails for now: today's figures are wanted."""
    on_page(operator)
    operator.open_menu()
    operator.click(operator.action("watermark"))
    operator.page.fill("#id_watermark", f"{BROKEN_UNTIL:%Y-%m-%d %H:%M}")
    operator.page.fill("#id_reason", "Today's figures first.")
    operator.click(operator.page.locator("#action-form button[type=submit]"))


def load_the_gap(operator: Visitor, scene: Scene) -> None:
    """From the strip of what is loaded, by the preview, to the job that loads it."""
    loader = Loader.objects.get(loader_code=CODE)
    operator.open(f"/admin/loaders/loader/{loader.pk}/coverage/")
    operator.click(operator.page.locator("#coverage-rows >> text=Backfill").first)
    assert operator.page.locator("#id_from_time").input_value().startswith("2026-01-01 06:00")
    operator.click(operator.page.locator('button[name="preview"]'))
    operator.click(operator.page.locator('button[name="submit"]'))
    job = work_off(scene, BackfillJob.objects.get())
    assert job.status == JobStatus.SUCCESS
    operator.page.reload()
    assert "1 of 1" in operator.text("#backfill-box")
    states = CoverageInterval.objects.filter(loader=loader).values_list("state", flat=True)
    assert set(states) == {"LOADED"}


def test_a_loader_from_its_definition_to_a_gap_that_is_loaded_again(
    visit: Visit, scene: Scene
) -> None:
    operator, approver = visit(scene.people.operator), visit(scene.people.approver)
    define(operator)
    try_it(operator, scene)
    have_approved(operator, approver, 1)
    run_and_watch(operator, scene)
    chart(operator)
    scene.server.execute("ALTER TABLE orders RENAME COLUMN amount TO amount_sar")
    loader = Loader.objects.get(loader_code=CODE)
    scene.beat()
    assert scene.run(loader).status == RunStatus.FAILED
    see_the_failure(operator)
    go_on_behind_it(operator)
    on_page(operator, "sql")
    write_sql(operator, SQL.replace("amount", "amount_sar"))
    guard_says(operator, "finds nothing wrong")
    operator.click(operator.page.locator("#submit-row button[name=_save]"))
    have_approved(operator, approver, 2)
    loader.refresh_from_db()
    scene.beat()
    assert scene.run(loader).status == RunStatus.SUCCESS
    load_the_gap(operator, scene)
