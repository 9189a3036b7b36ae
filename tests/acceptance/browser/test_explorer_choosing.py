"""The explorer in headless Chromium when somebody chooses faster than the answers come."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.support.browser import Visit, Visitor
from tests.support.explored import HOUR, Shop
from tests.support.explorer_page import (
    RANGE,
    asked,
    drawn,
    explorer,
    hold,
    let_go,
    settled,
    wait_for_held,
)


def choose_loader(visitor: Visitor, code: str) -> None:
    visitor.page.fill("#explorer-loader", code)
    visitor.page.locator("#explorer-loaders [role=option]", has_text=code).click()


def test_back_while_another_loaders_signals_come_shows_the_first_loaders(
    visit: Visit, shop: Shop
) -> None:
    shop.add_loader("RETURNS", 3600)
    code = shop.add_channel("post", "RETURNS")
    shop.add_signals(code, "n", number=10, loader_code="RETURNS")
    viewer = visit(shop.people.viewer)
    explorer(viewer, f"?loader=ORDERS_HOURLY&{RANGE}&bucket=1h&zone=utc")
    page = viewer.page
    hold(viewer, "loaderCode=RETURNS")
    choose_loader(viewer, "RETURNS")
    wait_for_held(viewer)
    page.evaluate("document.documentElement.classList.toggle('dark')")
    page.wait_for_timeout(100)
    assert viewer.text("#explorer-title") == "ORDERS_HOURLY", "what is drawn keeps its title"
    page.go_back()
    settled(viewer)
    let_go(viewer)
    assert asked(viewer)["loader"] == "ORDERS_HOURLY"
    assert viewer.text("#explorer-title") == "ORDERS_HOURLY"
    assert drawn(viewer) == (45, 1)
    assert str(shop.loader.pk) in (page.get_attribute("#explorer-loader-page", "href") or "")
    page.go_forward()
    page.wait_for_selector('#explorer[data-points="10"]')
    assert viewer.text("#explorer-title") == "RETURNS"


def test_of_two_ranges_pressed_in_turn_the_last_is_drawn(visit: Visit, shop: Shop) -> None:
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    shop.add_signals(shop.web, "n", start=now - 47 * HOUR)
    viewer = visit(shop.people.viewer)
    explorer(viewer, "?loader=ORDERS_HOURLY&bucket=1h&zone=utc")
    points, _ = drawn(viewer)
    hold(viewer, "/signals/query")
    viewer.page.keyboard.press("2")
    wait_for_held(viewer)
    viewer.page.keyboard.press("3")
    settled(viewer)
    let_go(viewer)
    assert "range" not in asked(viewer), "24 h, as at first"
    assert drawn(viewer)[0] == points > 20
    viewer.page.keyboard.press("2")
    settled(viewer)
    assert 5 <= drawn(viewer)[0] <= 7


def test_enter_waits_for_what_the_words_just_typed_find(visit: Visit, shop: Shop) -> None:
    shop.add_loader("RETURNS", 3600)
    viewer = visit(shop.people.viewer)
    explorer(viewer, "?zone=utc", "empty")
    page = viewer.page
    field = page.locator("#explorer-loader")
    field.click()
    page.locator("#explorer-loaders [role=option]", has_text="ORDERS_HOURLY").wait_for()
    assert field.get_attribute("aria-activedescendant") == "explorer-loaders-0"
    hold(viewer, "search=")

    field.fill("ORDERS")
    field.press("Enter")
    field.fill("RETURNS")
    field.press("ArrowDown")
    field.press("Enter")
    assert field.get_attribute("aria-activedescendant") is None, "nothing is found yet"
    assert "loader" not in asked(viewer)
    wait_for_held(viewer, 2)
    let_go(viewer)
    page.wait_for_url("**loader=RETURNS**")
    assert field.get_attribute("aria-expanded") == "false"

    field.fill("NOTHING")
    field.press("Enter")
    page.locator("#explorer-loaders .lp-combo-note").wait_for()
    assert asked(viewer)["loader"] == "RETURNS"
    assert field.get_attribute("aria-expanded") == "true"
    assert field.get_attribute("aria-activedescendant") is None
    field.fill("HOURLY")
    page.locator("#explorer-loaders [role=option]", has_text="ORDERS_HOURLY").wait_for()
    assert field.get_attribute("aria-activedescendant") == "explorer-loaders-0"
    field.press("Enter")
    page.wait_for_url("**loader=ORDERS_HOURLY**")
