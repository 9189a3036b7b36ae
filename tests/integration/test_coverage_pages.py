"""The strip of a loader's coverage, and the board of all loaders."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from core.clock import database_now
from execution.models import CoverageInterval
from loaders.models import Loader, LoaderState
from tests.support.coverage import cover
from tests.support.definitions import make_source
from tests.support.people import People
from tests.support.scenes import make_loader

BOARD = reverse("admin:execution_coverage_board")
LINE = ((0, 4, "LOADED"), (6, 8, "FAILED"), (8, 9, "EMPTY"), (9, 10, "UNVERIFIED"))
RANGE = {"from": "2026-01-01T00:00:00", "to": "2026-01-01T12:00:00"}


@pytest.fixture
def people(db: None) -> People:
    return People()


@pytest.fixture
def loader(people: People) -> Loader:
    loader = make_loader(people, make_source(people), "ORDERS_HOURLY", end_at=None)
    cover(loader, *LINE, watermark=12)
    return loader


def opened(user: Any, page: str, **parameters: str) -> str:
    client = Client()
    client.force_login(user)
    answer = client.get(page, parameters)
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


def strip(loader: Loader) -> str:
    return reverse("admin:loaders_loader_coverage", args=[loader.pk])


def states(text: str) -> list[str]:
    """The states of the strip's parts, from left to right."""
    return re.findall(r'<a class="lp-cov-(\w+)" style', text)


def test_a_strip_shows_each_stretch_and_leads_from_a_gap_to_backfill_and_waiver(
    people: People, loader: Loader
) -> None:
    text = opened(people.operator, strip(loader), **RANGE)
    assert states(text) == ["loaded", "missing", "failed", "empty", "unverified", "missing"]
    form = f"/admin/backfill/backfilljob/add/?loader={loader.pk}&amp;from=2026-01-01T04%3A00%3A00"
    assert form in text
    assert (
        "/admin/execution/gap/ORDERS_5FHOURLY.20260101T040000Z.20260101T060000Z/do/waive/" in text
    )
    (page,) = re.findall(r'href="(/admin/backfill/[^"]+04%3A00%3A00[^"]+)"', text)
    filled = opened(people.operator, page.replace("&amp;", "&"))
    assert 'value="2026-01-01 04:00:00"' in filled
    assert 'value="2026-01-01 06:00:00"' in filled


def test_a_gap_that_is_shown_in_part_is_backfilled_so_and_waived_as_a_whole(
    people: People, loader: Loader
) -> None:
    part = {"from": "2026-01-01T05:00:00", "to": "2026-01-01T07:00:00"}
    text = opened(people.operator, strip(loader), **part)
    assert states(text) == ["missing", "failed"]
    assert "from=2026-01-01T05%3A00%3A00&amp;to=2026-01-01T06%3A00%3A00" in text
    for gap in ("20260101T040000Z.20260101T060000Z", "20260101T060000Z.20260101T080000Z"):
        page = f"/admin/execution/gap/ORDERS_5FHOURLY.{gap}/do/waive/"
        assert page in text
        assert "A waived gap is left alone" in opened(people.operator, page)


def test_a_viewer_sees_the_strip_and_no_acts(people: People, loader: Loader) -> None:
    text = opened(people.viewer, strip(loader), **RANGE)
    assert len(states(text)) == 6
    assert "/do/waive/" not in text
    assert "/backfilljob/add/" not in text


def test_more_stretches_than_fit_are_shown_by_their_worst_state(
    people: People, loader: Loader
) -> None:
    CoverageInterval.objects.all().delete()
    cover(loader, *((n, n + 0.5, "FAILED" if n == 100 else "LOADED") for n in range(300)))
    LoaderState.objects.update(last_load_timestamp=None)
    text = opened(people.viewer, strip(loader), to="2026-01-13T12:00:00")
    assert len(states(text)) <= 160
    assert states(text).count("failed") == 1
    assert "shows the worst state of its time" in text


@pytest.mark.parametrize(
    "asked",
    [{"from": "nonsense"}, {"from": "2026-01-01", "to": "2025-01-01"}, {"to": "2020-01-01"}, {}],
)
def test_a_range_that_is_none_shows_all_or_says_so(
    people: People, loader: Loader, asked: dict[str, str]
) -> None:
    text = opened(people.viewer, strip(loader), **asked)
    assert ("Nothing is known of this time" in text) == ("2020-01-01" in asked.values())


def test_the_board_shows_the_worst_state_of_each_day_in_few_queries(
    people: People, loader: Loader
) -> None:
    today = database_now().replace(hour=0, minute=0, second=0, microsecond=0)
    day = timedelta(days=1)
    CoverageInterval.objects.all().delete()
    source = loader.source
    loaders = [loader] + [make_loader(people, source, f"LINE_{n}", end_at=None) for n in range(3)]
    for each in loaders:
        for first, last, state in ((5, 3, "LOADED"), (3, 2.5, "FAILED"), (2.5, 1, "LOADED")):
            CoverageInterval.objects.create(
                loader=each,
                range_from=today - first * day,
                range_to=today - last * day,
                state=state,
            )
    Loader.objects.update(start_at=today - 5 * day)
    LoaderState.objects.update(last_load_timestamp=today - day)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        text = opened(people.viewer, BOARD)
    assert text.count('lp-cov-failed" href') == 4
    row = text[text.index("ORDERS_HOURLY</a>") :]
    assert re.findall(r'<a class="lp-cov-(\w+)"', row[: row.index("</tr>")]) == [
        *("loaded", "loaded", "failed", "loaded", "pending", "pending")
    ]
    assert len(queries) <= 25
    assert "LINE_1" not in opened(people.viewer, BOARD, q="orders")
    assert "No loader" in opened(people.viewer, BOARD, q="nothing such")


def test_a_loaders_page_shows_its_last_week_and_counts_its_gaps(
    people: People, loader: Loader
) -> None:
    page = reverse("admin:loaders_loader_change", args=[loader.pk])
    text = opened(people.viewer, page)
    assert "Gaps: 4" in text
    assert states(text) == ["pending"]
