"""The SQL editor of the loader's form, in headless Chromium."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Route

from loaders.models import ApprovalStatus, Loader, SourceDatabase
from tests.portal_database import PortalDatabase
from tests.servers import SourceServer
from tests.support.browser import Visit, write_sql
from tests.support.console_scene import loader_page, make_scene, marked_sql
from tests.support.gathering import work
from tests.support.scenes import Scene

PARTS = Path(__file__).parents[2] / "support" / "editor_parts.js"


@pytest.fixture
def scene(committed_db: PortalDatabase, postgres_source: SourceServer) -> Scene:
    return make_scene(postgres_source)


def test_the_sql_editor_tells_errors_where_they_stand_and_offers_the_sources_columns(
    visit: Visit, scene: Scene
) -> None:
    operator = visit(scene.people.operator)
    page = operator.page
    operator.open("/admin/loaders/loader/add/")
    page.locator("text=Choose a source database: SQL is checked").wait_for()
    assert "Save the loader first" in operator.text("[data-part=test-reason]")
    page.select_option("#id_source_database", label="SHOP")
    write_sql(operator, "SELECT region AS SEGMENT_1\nFROM orders\nWHERE pg_sleep(1) > 0")
    finding = page.locator(".lp-editor-findings li", has_text="SQL_FUNCTION_NOT_ALLOWED")
    finding.locator("button", has_text="Line 3, column 7").click()
    assert page.evaluate("getSelection().toString()") == "pg_sleep"
    marked = page.locator(".cm-line >> nth=2").locator(".cm-lintRange-error")
    assert marked.inner_text() == "pg_sleep"
    page.keyboard.press("Control+End")
    page.keyboard.type(" AND amo", delay=20)
    page.locator(".cm-tooltip-autocomplete li", has_text="amount").first.click()
    assert page.locator("#id_loader_sql").input_value().endswith(" AND amount")
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('.cm-editor')") is None
    _the_parts_decide_as_documented(page.evaluate(PARTS.read_text()))
    with page.expect_event("dialog", lambda dialog: dialog.accept() is None) as warned:
        operator.open("/admin/loaders/loader/")
    assert warned.value.type == "beforeunload"


def _the_parts_decide_as_documented(found: Any) -> None:
    assert found["placed"] == ["'😀'", "x", "orders", "s", ""]
    assert found["nowhere"] is None
    assert found["aliases"] == [0, ["SEGMENT_1", "SEGMENT_2"]]
    assert found["placeholders"] == [2, [":fromTime", ":toTime"]]
    assert (found["casts"][0], found["afterDot"], found["unasked"]) == (1, None, None)
    assert found["asked"] is True
    assert found["words"] == [True, False, True, True]
    columns = [{"label": "at", "type": "property", "detail": "date"}]
    assert found["schema"] == {"shop": {"orders": columns}, "orders": columns}
    reasons = ["", "saveFirst", "sourceFirst", "saveSource", "forbidden", "nothing"]
    assert found["hindrances"] == reasons
    assert found["questions"] == 3
    assert found["refused"] == [[429, 0.05], [0, 0.05], [403, None]]


def test_an_operator_tries_an_unsaved_text_from_the_editor(visit: Visit, scene: Scene) -> None:
    operator = visit(scene.people.operator)
    page = operator.page
    page.on("dialog", lambda dialog: dialog.accept())
    loader_page(operator, tab="sql")
    run = page.locator("[data-part=test-run]")
    assert run.is_disabled()
    assert "Source SHOP does not allow statements" in operator.text("[data-part=test-reason]")
    SourceDatabase.objects.update(allow_test_queries=True)
    loader_page(operator, tab="sql")
    write_sql(operator, marked_sql().replace("SUM(amount)", "SUM(amount * 2)").strip())
    page.fill("[data-part=test-from]", "2026-01-01T00:00:00")
    page.fill("[data-part=test-to]", "2026-01-01T02:00:00")
    with page.expect_response("**/test-query") as answer:
        run.click()
    assert answer.value.status == 202
    work()
    page.locator(".lp-editor-grid").wait_for()
    assert "2 rows in " in operator.text("[data-part=test-told]")
    jeddah = page.locator(".lp-editor-grid tr", has_text="جدة")
    assert jeddah.locator("td[dir=auto]", has_text="جدة").count() == 1
    assert jeddah.locator("td.lp-number", has_text="5").count() > 0
    page.locator(".lp-editor-result summary", has_text="Plan of the source").click()
    assert "orders" in operator.text(".lp-editor-result pre")
    assert Loader.objects.get(loader_code="ORDERS_HOURLY").loader_sql == marked_sql()
    page.route("**/sql/validate", refused_once())
    write_sql(operator, "SELECT 1")
    page.locator("text=Too many requests at once").wait_for()
    page.locator(".lp-editor-findings li", has_text="SQL_PLACEHOLDER_MISSING").first.wait_for()
    assert ["429" in complaint for complaint in operator.complaints] == [True]
    operator.complaints.clear()


def refused_once() -> Callable[[Route], None]:
    """An API that has had too many requests, and answers the next one."""
    answers = iter([429])

    def answer(route: Route) -> None:
        if (status := next(answers, None)) is None:
            route.continue_()
        else:
            route.fulfill(status=status, headers={"Retry-After": "1"}, json={"detail": "No."})

    return answer


def test_without_scripts_a_text_area_saves_and_validates(visit: Visit, scene: Scene) -> None:
    operator = visit(scene.people.operator, runs_scripts=False)
    loader_page(operator, tab="sql")
    assert operator.page.locator("[data-part=frame]").is_hidden()
    save = operator.page.locator("#submit-row button[name=_save]")
    operator.click(save)
    scene.loader.refresh_from_db()
    assert (
        scene.loader.approval_status == ApprovalStatus.APPROVED
    )  # the text starts with a new line
    operator.page.fill("#id_loader_sql", "\nSELECT 1")
    operator.click(save)
    assert "to correct before it can be submitted" in operator.text("#main")
    assert "SQL_PLACEHOLDER_MISSING" in operator.text(".lp-guard")
    scene.loader.refresh_from_db()
    assert scene.loader.loader_sql == "\nSELECT 1"
