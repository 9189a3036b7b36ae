"""`make screenshots`: pictures of the console's main pages for README and guide, in docs/images.

Starts a demo in a folder of its own, lets it look lived-in (a loader that fails, a backfill, a
request for approval), and takes the pages in 1440 and 390 pixels, some in the dark. It ends with 1
and says so where a page is wider than the screen. Whether nothing overlaps or is empty only a
person can see: look at the pictures before you commit them.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from tests.portal_database import ROOT
from tests.support.chromium import chromium
from tests.support.demo_portal import DemoPortal, demo_portal, wait_for

IMAGES = ROOT / "docs" / "images"
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
LOADER = "PAYMENTS_HOURLY"
BROKEN = "SETTLEMENTS_HOURLY"
WAITING = "PAYMENTS_BY_REGION"


_SETTLEMENTS = """
CREATE TABLE settlement AS
SELECT settled_at + random() * interval '1 hour' AS settled_at, region,
       round(exp(6 + random_normal())::numeric, 2) AS amount
FROM generate_series(now() - interval '30 days', now(), interval '1 hour') AS settled_at,
     unnest(ARRAY['Riyadh', 'Jeddah', 'Dammam', 'Makkah']) AS region
WHERE extract(day FROM settled_at)::int % 9 <> 4
"""
"""A month, with days on which nothing was settled."""


@dataclass(frozen=True)
class Shot:
    """A page, who looks at it, and what must have come before it is taken."""

    name: str
    role: str
    address: str
    ready: str = "#main, main, body"
    in_dark: bool = False


def statement(table: str, time: str, segments: tuple[str, ...]) -> str:
    """A loader's SQL by the hour."""
    named = [*segments, *["NULL"] * (10 - len(segments))]
    columns = ",\n       ".join(f"{name} AS SEGMENT_{n}" for n, name in enumerate(named, 1))
    return (
        f"SELECT date_trunc('hour', {time}) AS LOAD_TIME_STAMP,\n       {columns},\n"
        "       count(*) AS REC_COUNT, sum(amount) AS SUM_VAL, avg(amount) AS AVG_VAL,\n"
        "       max(amount) AS MAX_VAL, min(amount) AS MIN_VAL\n"
        f"FROM {table}\nWHERE {time} >= :fromTime AND {time} < :toTime\n"
        f"GROUP BY date_trunc('hour', {time}){''.join(f', {name}' for name in segments)}\n"
    )


def definition(code: str, sql: str, description: str, **values: Any) -> dict[str, Any]:
    """The body that makes a loader."""
    return {
        "loaderCode": code,
        "sourceDatabase": "PAYMENTS",
        "loaderSql": sql,
        "description": description,
        "owningTeam": "Payments",
        "contact": "payments@example.org",
        "grainSeconds": 3600,
        "maxQueryPeriodSeconds": 6 * 3600,
        "enabled": True,
        **values,
    }


def submitted(portal: DemoPortal, code: str, comment: str) -> int:
    """Put the loader to an approver; the version's number, once its evidence is there."""
    portal.call("operator", "POST", f"loaders/{code}/submit", {"comment": comment})
    number = portal.call("operator", "GET", f"loaders/{code}/versions")["results"][0]["number"]
    path = f"loaders/{code}/versions/{number}/evidence"
    wait_for(lambda: portal.call("operator", "GET", path)["status"] == "FINISHED")
    return int(number)


def approved(portal: DemoPortal, body: dict[str, Any]) -> None:
    """A loader that one person wrote and another approved."""
    portal.call("operator", "POST", "loaders", body)
    code = body["loaderCode"]
    number = submitted(portal, code, "The hourly figures that the board asked for.")
    decision = {"version": number, "comment": "Reads one index, groups by the hour."}
    portal.call("approver", "POST", f"loaders/{code}/approve", decision)


def has_run(portal: DemoPortal, code: str, status: str) -> bool:
    """Whether an execution of the loader's own ended so."""
    query = f"executions?loaderCode={code}&status={status}&trigger=SCHEDULE"
    return bool(portal.call("operator", "GET", query)["results"])


def is_near(portal: DemoPortal, code: str) -> bool:
    """Whether the loader has come to within two days of now."""
    watermark = portal.call("operator", "GET", f"loaders/{code}")["lastLoadTimestamp"]
    behind = datetime.now(UTC) - datetime.fromisoformat(watermark or "2000-01-01T00:00:00Z")
    return behind < timedelta(days=2)


def live_in(portal: DemoPortal) -> None:
    """A week's work in a minute: loaders, one that fails, a backfill, a request that waits."""
    source = "admin/res/db-sources/PAYMENTS"
    portal.call("admin", "POST", f"{source}/test", {})
    with portal.source("payments") as connection:
        connection.execute(_SETTLEMENTS)
        connection.execute("GRANT SELECT ON settlement TO payments_reader")
        by_hour = statement("payment", "paid_at", ("channel", "region"))
        approved(portal, definition(LOADER, by_hour, "Payments by hour, by channel and region."))
        settled = statement("settlement", "settled_at", ("region",))
        month = (datetime.now(UTC) - timedelta(days=29)).replace(hour=0, minute=0, second=0)
        body = definition(BROKEN, settled, "Settlements by hour and region.")
        start = month.isoformat(timespec="seconds")
        approved(portal, {**body, "maxQueryPeriodSeconds": 86_400, "startAt": start})
        wait_for(lambda: has_run(portal, LOADER, "SUCCESS") and is_near(portal, BROKEN))
        connection.execute("ALTER TABLE settlement RENAME COLUMN amount TO amount_sar")
    portal.call("operator", "POST", f"loaders/{BROKEN}/run", {})
    regions = statement("payment", "paid_at", ("region",))
    approved(portal, definition(WAITING, regions, "Payments by hour and region."))
    better = regions.replace("count(*)", "count(DISTINCT region)").replace("\nFROM", "\nFROM")
    portal.call("operator", "PATCH", f"loaders/{WAITING}", {"loaderSql": better})
    submitted(portal, WAITING, "Counts regions, not payments.")
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)
    backfill = {
        "loaderCode": "PAYMENTS_BY_MINUTE",
        "fromTime": (end - timedelta(hours=6)).isoformat(),
        "toTime": end.isoformat(),
        "reason": "Late records of the terminals in Makkah.",
    }
    portal.call("operator", "POST", "backfill", backfill)
    failed = f"executions?loaderCode={BROKEN}&status=FAILED"
    wait_for(lambda: bool(portal.call("operator", "GET", failed)["results"]))
    wait_for(
        lambda: portal.call("operator", "GET", "backfill")["results"][0]["status"] == "SUCCESS"
    )


class Console:
    """Addresses of what the pictures show, as a person finds them."""

    def __init__(self, portal: DemoPortal, browser: Browser) -> None:
        self._portal = portal
        self._browser = browser

    @contextmanager
    def page_of(self, role: str, viewport: Any, *, in_dark: bool = False) -> Iterator[Page]:
        """A signed-in person's page."""
        scheme: Any = "dark" if in_dark else "light"
        context = self._browser.new_context(viewport=viewport, color_scheme=scheme)
        page = context.new_page()
        page.goto(f"{self._portal.address}/admin/")
        page.fill("#id_username", role)
        page.fill("#id_password", self._portal.passwords[role])
        page.click("#login-form button[type=submit]")
        page.wait_for_load_state()
        yield page
        context.close()

    def first_of(self, listing: str) -> str:
        """Path of the first object of a list."""
        with self.page_of("admin", WIDE) as page:
            page.goto(f"{self._portal.address}/admin/{listing}")
            path = page.locator("#result_list tbody a").first.get_attribute("href")
        assert path is not None, f"{listing} is empty"
        return path

    def shots(self) -> Iterator[Shot]:
        """The ten main pages."""
        loader = self.first_of(f"loaders/loader/?q={LOADER}").partition("?")[0]
        yield Shot("home", "operator", "/admin/", in_dark=True)
        yield Shot("loaders", "operator", "/admin/loaders/loader/")
        yield Shot("loader", "operator", loader)
        yield Shot("editor", "operator", f"{loader}?tab=sql", ".cm-content")
        yield Shot("review", "approver", self.first_of(f"loaders/loaderversion/?q={WAITING}"))
        failed = f"execution/loadhistory/?q={BROKEN}&status__exact=FAILED"
        yield Shot("execution", "operator", self.first_of(failed))
        yield Shot("backfill", "operator", self.first_of("backfill/backfilljob/"))
        yield Shot("coverage", "operator", "/admin/execution/coverageinterval/board/")
        chart = f"/admin/explorer/?loader={LOADER}&range=24h&refresh=off"
        yield Shot("explorer", "operator", chart, "#explorer[data-state=ready]", in_dark=True)
        yield Shot("audit", "admin", "/admin/audit/auditevent/")

    def take(self, shot: Shot, *, viewport: Any, name: str, in_dark: bool = False) -> bool:
        """Take a picture; whether the page fits on the screen."""
        with self.page_of(shot.role, viewport, in_dark=in_dark) as page:
            page.goto(f"{self._portal.address}{shot.address}")
            page.wait_for_selector(shot.ready)
            page.wait_for_load_state("networkidle")
            page.wait_for_function("document.fonts.status === 'loaded'")
            page.screenshot(path=IMAGES / f"{name}.png", animations="disabled")
            fits: bool = page.evaluate(
                "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
            )
        return fits


def take_all(portal: DemoPortal) -> list[str]:
    """Take every picture; the names of those whose page is too wide."""
    too_wide = []
    with chromium() as browser:
        console = Console(portal, browser)
        for shot in list(console.shots()):
            takes: list[tuple[str, Any, bool]] = [
                (shot.name, WIDE, False),
                (f"{shot.name}-narrow", NARROW, False),
            ]
            if shot.in_dark:
                takes.append((f"{shot.name}-dark", WIDE, True))
            for name, viewport, in_dark in takes:
                if not console.take(shot, viewport=viewport, name=name, in_dark=in_dark):
                    too_wide.append(name)
    return too_wide


def main() -> int:
    """Exit code: 0 if all pictures were taken and all pages fit."""
    IMAGES.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="loaderportal-screenshots-"))
    folder.chmod(0o711)
    try:
        with demo_portal(folder / "demo") as portal:
            live_in(portal)
            too_wide = take_all(portal)
    finally:
        shutil.rmtree(folder)
    for name in too_wide:
        sys.stderr.write(f"{name}: the page is wider than the screen.\n")
    size = sum(image.stat().st_size for image in IMAGES.glob("*.png"))
    sys.stdout.write(f"{size / 1e6:.1f} MB in {IMAGES.relative_to(ROOT)}\n")
    return 1 if too_wide else 0


if __name__ == "__main__":
    sys.exit(main())
