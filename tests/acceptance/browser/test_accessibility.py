"""The console for everybody: axe-core over every page in both themes, times in one's own zone, data
that runs from right to left (issue 9, WCAG 2.2)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta

from django.urls import reverse

from accounts.roles import Role
from loaders.services import update_loader
from tests.integration.test_admin_access import ACTIONS, ASKS_FIRST, pages
from tests.portal_database import PortalDatabase
from tests.servers import SourceServer
from tests.support.accessible import Examiner
from tests.support.browser import Site, Visitor
from tests.support.evidence import packs_complete_at_once
from tests.support.place import Place
from tests.support.scenes import START, Scene, add_orders

IS_FULL = os.environ.get("LOADERPORTAL_TEST_FULL") == "1"
FORMS = ASKS_FIRST if IS_FULL else {"test-query", "waive", "evidence"}
"""Of buttons that ask something first: one template with other fields."""

PARTS = (reverse("explorer_loaders"), "/live/", "/news/")
"""What pages fetch is listed with them."""


def addresses(place: Place) -> Iterator[str]:
    """Every page that an administrator can open, and every form that a button leads to."""
    for address, viewers in pages(place, Role.ADMIN):
        if Role.ADMIN in viewers and not any(part in address for part in PARTS):
            yield address
    for model, actions in ACTIONS.items():
        for action in sorted(actions.keys() & FORMS):
            yield reverse(f"admin:{model}_do", args=[place.key(model, Role.ADMIN), action])
    yield reverse("admin:password_change")


def test_axe_finds_nothing_serious_on_any_page_in_light_or_dark(
    committed_db: PortalDatabase, site: Site
) -> None:
    with packs_complete_at_once():
        place = Place()
    examiner = Examiner(is_thorough=IS_FULL)
    visitor = Visitor(site.browser, site.address, place.people.admin)
    found: dict[str, list[str]] = {}
    looked_at = 0
    for address in addresses(place):
        visitor.open(address)
        looked_at += 1
        for finding in examiner.grave_findings(visitor.page):
            found.setdefault(str(finding), []).append(address)
    visitor.page.goto(f"{site.address}/admin/no/such/page/")
    found |= {str(finding): ["not found"] for finding in examiner.grave_findings(visitor.page)}
    visitor.page.context.clear_cookies()
    visitor.open("/admin/login/")
    found |= {str(finding): ["login"] for finding in examiner.grave_findings(visitor.page)}
    visitor.leave()
    assert found == {}
    assert looked_at > 50


def test_axe_notices_a_field_without_a_name_and_text_that_is_too_faint_in_one_theme(
    site: Site,
) -> None:
    page = site.browser.new_page()
    page.set_content(
        "<html lang=en><title>x</title><style>body { background: #fff; color: #000 }"
        ".dark p { color: #eee }</style><main><h1>x</h1><p>Faint</p><input></main>"
    )
    found = Examiner(is_thorough=True).grave_findings(page)
    assert {finding.rule for finding in found} == {"label", "color-contrast"}
    page.close()


def loaded(source: SourceServer) -> Scene:
    """A loader with signals of two segments, one of them Arabic."""
    scene = Scene(source)
    add_orders(
        source,
        (START + timedelta(minutes=5), "Riyadh", "web", 10.0),
        (START + timedelta(minutes=65), "جدة", "app", 2.5),
    )
    scene.run()
    return scene


def test_times_are_shown_in_the_zone_that_a_person_chooses_and_utc_on_hover(
    site: Site, committed_db: PortalDatabase, postgres_source: SourceServer
) -> None:
    scene = loaded(postgres_source)
    viewer = Visitor(site.browser, site.address, scene.people.viewer, timezone_id="Asia/Riyadh")
    viewer.open("/admin/execution/loadhistory/?q=ORDERS_HOURLY")
    times = viewer.page.locator("#result_list tbody tr >> nth=0 >> css=.field-window_shown time")
    assert times.all_inner_texts() == ["2026-01-01 00:00", "06:00"]
    viewer.click(viewer.page.locator("#zone-switch"))
    viewer.page.get_by_label("Show times in").select_option(label="My browser's zone (Asia/Riyadh)")
    viewer.click(viewer.page.get_by_role("button", name="Show times so"))
    assert times.all_inner_texts() == ["2026-01-01 03:00", "09:00"]
    assert times.first.get_attribute("title") == "2026-01-01 00:00:00 UTC"
    assert "WINDOW (ASIA/RIYADH)" in viewer.text("#result_list thead").upper()
    assert viewer.text("#zone-switch .lp-zone-name") == "Asia/Riyadh"
    viewer.leave()
    operator = Visitor(site.browser, site.address, scene.people.operator)
    operator.open("/admin/time-zone/")
    operator.page.select_option("#id_time_zone", "Europe/Berlin")
    operator.click(operator.page.get_by_role("button", name="Show times so"))
    operator.open("/admin/backfill/backfilljob/add/")
    hint = operator.page.locator("#id_from_time + .lp-zone-hint")
    for typed, told in (
        ("2026-03-29 01:30", "= 2026-03-29 03:30 Europe/Berlin (GMT+02:00)"),
        ("2026-10-25 00:30", "= 2026-10-25 02:30 Europe/Berlin (GMT+02:00)"),
        ("2026-10-25 01:30", "= 2026-10-25 02:30 Europe/Berlin (GMT+01:00)"),
        ("2026-10-25 01:", ""),
    ):
        operator.page.fill("#id_from_time", typed)
        assert hint.text_content() == told
    operator.leave()


def test_what_is_written_from_right_to_left_runs_so_and_code_does_not(
    site: Site, committed_db: PortalDatabase, postgres_source: SourceServer
) -> None:
    scene = loaded(postgres_source)
    update_loader(
        user=scene.people.operator, loader=scene.loader, values={"description": "طلبات east"}
    )
    operator = Visitor(site.browser, site.address, scene.people.operator)
    operator.open(f"/admin/loaders/loader/{scene.loader.pk}/change/?tab=sql")
    assert operator.text("html[lang=en][dir=ltr] body")
    runs = "one => [getComputedStyle(one).unicodeBidi, getComputedStyle(one).direction]"
    page = operator.page
    assert page.locator("#id_description").evaluate(runs) == ["plaintext", "ltr"]
    assert page.locator("#id_loader_sql").evaluate(runs) == ["isolate", "ltr"]
    operator.open("/admin/signals/segmentcombination/")
    name = page.locator("#result_list tbody").get_by_text("جدة").first
    in_cell = "one => getComputedStyle(one.closest('td, th')).unicodeBidi"
    assert name.evaluate(in_cell) == "plaintext"
    operator.leave()
