"""A portal as the console's tests find it: a loader that has run, and one that fails."""

from __future__ import annotations

from datetime import timedelta

from tests.servers import SourceServer
from tests.support.browser import Visitor
from tests.support.scenes import START, Scene, add_orders, order_sql

MARKER = "planted_marker_in_sql"


def marked_sql() -> str:
    """A loader's SQL with a word that must not be shown to everybody."""
    return order_sql("POSTGRESQL").replace("WHERE", f"WHERE region <> '{MARKER}' AND")


def make_scene(postgres_source: SourceServer) -> Scene:
    """People, a source with two orders, a loader that has loaded them, and a broken one."""
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


def loader_page(visitor: Visitor, code: str = "ORDERS_HOURLY", tab: str = "overview") -> None:
    """Open a tab of a loader's page."""
    address, _, _ = visitor.address_of("loaders/loader", code).partition("?")
    visitor.open(f"{address}?tab={tab}")
