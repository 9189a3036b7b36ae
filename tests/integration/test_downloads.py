"""Signals as they stand: listed, and downloaded as CSV and Parquet (spec 8)."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow.parquet as pq
import pytest
from django.db import connection
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from audit.models import AuditEvent
from core.ids import uuid7
from signals.export import rows, service
from signals.export.csv_form import iso
from signals.models import SegmentDescription
from signals.segments import segment_code
from tests.portal_database import PortalDatabase
from tests.support.api import Client
from tests.support.external import FIRST, body_of, external_loader, signal
from tests.support.people import People
from tests.support.scenes import START

HOSTILE = ("=1+1", "+1", "-1", "@x", "\tx", "\rx", "'x", 'a "quoted", text', "two\r\nlines", "عمان")
RANGE = {"fromEpoch": FIRST, "toEpoch": FIRST + 86_400}
ALL = """
SELECT s.loader_code, s.load_time_stamp, s.segment_code::text, d.description,
    c.segment_1, c.segment_2, c.segment_3, c.segment_4, c.segment_5, c.segment_6, c.segment_7,
    c.segment_8, c.segment_9, c.segment_10, s.rec_count, s.value_count, s.sum_val, s.avg_val,
    s.max_val, s.min_val, s.load_history_id::text
FROM signals.signals_history s JOIN signals.segment_combination c USING (segment_code)
LEFT JOIN signals.segments_dictionary d USING (segment_code) ORDER BY 2, s.segment_code
"""


@pytest.fixture
def people(committed_db: PortalDatabase) -> People:
    """An EXTERNAL loader with 30 signals, half of whose segments are hostile to spreadsheets."""
    people = People()
    external_loader(people)
    posted = [signal(n, text, HOSTILE[-n - 1]) for n, text in enumerate(HOSTILE)]
    posted += [signal(n, "plain", sumVal=0.1 + n / 3, minVal=None) for n in range(20, 39)]
    posted += [signal(40, recCount=None, sumVal=5e-324, avgVal=-1.7976931348623157e308)]
    status, answer = Client(people.operator).post("res/signals/bulk", body_of(*posted))
    assert status == 201, answer
    SegmentDescription.objects.create(
        segment_code=segment_code([b"plain", *[None] * 9]), description="=Plain"
    )
    return people


def stored() -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(ALL)
        return list(cursor.fetchall())


def ask(user: Any, **parameters: Any) -> Any:
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {AccessToken.for_user(user)}")
    asked = {"loaderCode": "POSTED", **RANGE, **parameters}
    return client.get("/api/v1/signals/export", asked, headers={"Accept": "text/csv"})


def content_of(answer: Any) -> bytes:
    content: bytes = answer.getvalue()
    answer.close()
    return content


def lines_of(content: bytes) -> list[list[str]]:
    """Cells of a CSV file, without its header."""
    return list(csv.reader(io.StringIO(content.decode(), newline="")))[1:]


def test_what_is_downloaded_is_what_stands(people: People, monkeypatch: Any) -> None:
    monkeypatch.setattr(rows, "BATCH", 7)
    answer = ask(people.viewer, format="csv")
    assert answer["Content-Type"] == "text/csv; charset=utf-8; header=present"
    name = "POSTED_20260101T000000Z_20260102T000000Z"
    assert answer["Content-Disposition"] == f'attachment; filename="{name}.csv"'
    read = list(csv.reader(io.StringIO(content_of(answer).decode(), newline="")))
    assert tuple(read[0]) == rows.COLUMNS
    assert [as_stored(line) for line in read[1:]] == stored()

    answer = ask(people.viewer, format="parquet")
    assert answer["Content-Type"] == "application/vnd.apache.parquet"
    assert answer["Content-Disposition"] == f'attachment; filename="{name}.parquet"'
    table = pq.read_table(io.BytesIO(content_of(answer)))
    assert tuple(table.column_names) == rows.COLUMNS
    assert [tuple(row.values()) for row in table.to_pylist()] == stored()

    for kind in ("csv", "parquet"):
        began, ended = AuditEvent.objects.filter(
            action__startswith="signals.export", after__format=kind
        ).order_by("id")
        assert (began.action, ended.action) == ("signals.export", "signals.exported")
        assert (began.actor, began.after["signals"]) == (people.viewer, 30)
        assert (ended.after["signals"], ended.after["isWhole"]) == (30, True)


def as_stored(line: list[str]) -> tuple[Any, ...]:
    """A line of the file as the database has it."""
    code, stamp, segment, *texts = line[:14]
    whole = [None if cell == "" else int(cell) for cell in line[14:16]]
    numbers = [None if cell == "" else float(cell) for cell in line[16:20]]
    assert stamp.endswith("Z")
    plain = [text[1:] if text.startswith("'") else text for text in texts]
    described = plain[0] or None
    return (
        code,
        datetime.fromisoformat(stamp),
        segment,
        described,
        *plain[1:],
        *whole,
        *numbers,
        line[20],
    )


def test_no_cell_of_text_begins_as_a_formula_does(people: People) -> None:
    text = content_of(ask(people.viewer, format="csv")).decode()
    assert text.startswith("loader_code,load_time_stamp,segment_code,description,segment_1,")
    assert text.endswith("\r\n")
    lines = lines_of(text.encode())
    cells = [cell for line in lines for cell in line[3:14]]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert "'=Plain" in cells
    assert -0.5 in {float(line[19]) for line in lines if line[19]}


def test_some_segments_and_a_part_of_the_time_are_downloaded_alone(people: People) -> None:
    code = segment_code([b"plain", *[None] * 9])
    wanted = {"fromEpoch": FIRST + 1500, "toEpoch": FIRST + 1620, "segmentCode": code}
    found = content_of(ask(people.viewer, format="csv", **wanted)).decode().splitlines()
    assert [line.split(",")[1] for line in found[1:]] == [
        "2026-01-01T00:25:00Z",
        "2026-01-01T00:26:00Z",
    ]
    every = lines_of(content_of(ask(people.viewer, format="csv")))
    two = sorted({str(code), min({line[2] for line in every} - {str(code)})})
    chosen = lines_of(content_of(ask(people.viewer, format="csv", segmentCode=two)))
    assert chosen == [line for line in every if line[2] in two]
    table = content_of(ask(people.viewer, format="parquet", segmentCode=two))
    assert pq.read_table(io.BytesIO(table)).num_rows == len(chosen) > 2
    told = AuditEvent.objects.filter(action="signals.export").latest("pk")
    assert told.after["segmentCodes"] == two
    empty = content_of(ask(people.viewer, format="parquet", toEpoch=FIRST + 1, fromEpoch=FIRST - 1))
    assert pq.read_table(io.BytesIO(empty)).num_rows == 1


def test_a_reader_who_goes_away_leaves_a_session_and_a_place_free(
    people: People, monkeypatch: Any
) -> None:
    monkeypatch.setattr(rows, "BATCH", 7)
    monkeypatch.setattr(service, "MOST_AT_ONCE", 1)
    answer = ask(people.viewer, format="csv")
    pieces = iter(answer.streaming_content)
    assert next(pieces)
    assert next(pieces)
    busy = ask(people.operator, format="csv")
    assert (busy.status_code, busy.json()["code"], busy["Retry-After"]) == (
        503,
        "EXPORT_BUSY",
        "60",
    )
    assert busy["Content-Type"] == "application/problem+json"
    answer.close()
    ended = AuditEvent.objects.get(action="signals.exported")
    assert (ended.actor, ended.after["signals"], ended.after["isWhole"]) == (
        people.viewer,
        7,
        False,
    )
    assert len(content_of(ask(people.operator, format="csv")).splitlines()) > 30
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND state LIKE 'idle in transaction%%'"
        )
        assert cursor.fetchone() == (0,)


def test_a_download_ends_when_its_time_is_over(people: People, monkeypatch: Any) -> None:
    monkeypatch.setattr(service, "MOST_SECONDS", -1)
    answer = ask(people.viewer, format="parquet")
    with pytest.raises(Exception, match="took longer"):
        content_of(answer)
    answer.close()
    assert AuditEvent.objects.get(action="signals.exported").after["isWhole"] is False


def test_what_can_not_be_downloaded_is_refused_saying_what_to_do(
    people: People, monkeypatch: Any
) -> None:
    for parameters in (
        {},
        {"format": "xlsx"},
        {"format": "csv", "toEpoch": FIRST},
        {"format": "csv", "toEpoch": 10**18},
        {"format": "csv", "segmentCode": "x"},
        {"format": "csv", "segmentCode": [str(uuid7()) for _ in range(21)]},
        {"format": "csv", "bucket": "1h"},
    ):
        answer = ask(people.viewer, **parameters)
        assert (answer.status_code, bool(answer.json()["detail"])) == (422, True), parameters
    assert ask(people.viewer, format="csv", loaderCode="NOBODYS").status_code == 404
    monkeypatch.setattr(service, "MOST_ROWS", 29)
    assert ask(people.viewer, format="csv").json()["code"] == "EXPORT_TOO_LARGE"
    client = APIClient()
    client.force_authenticate(people.viewer)
    asked = {"loaderCode": "POSTED", "format": "csv", **RANGE}
    assert client.head("/api/v1/signals/export", asked).status_code == 405
    assert not AuditEvent.objects.filter(action="signals.export").exists()


def test_signals_are_listed_as_they_are_posted(people: People, monkeypatch: Any) -> None:
    client = Client(people.viewer)
    status, answer = client.get("res/signals/signal/POSTED", **RANGE)
    assert (status, answer["timeRange"]) == (200, {"from": FIRST, "to": FIRST + 86_400})
    assert len(answer["signals"]) == 30
    first, last = answer["signals"][0], answer["signals"][-1]
    assert first["segments"] == ["=1+1", "عمان", *[""] * 8]
    assert (first["loadTimeStamp"], first["recCount"]) == ("2026-01-01T00:00:00Z", 3)
    assert (last["recCount"], last["sumVal"]) == (None, 5e-324)
    again = [{name: one[name] for name in signal(0)} for one in answer["signals"]]
    assert Client(people.operator).post("res/signals/bulk", body_of(*again))[1]["replaced"] == 30
    monkeypatch.setattr("signals.listing.MOST_LISTED", 29)
    status, answer = client.get("res/signals/signal/POSTED", **RANGE)
    assert (status, answer["code"]) == (422, "QUERY_INVALID")
    assert client.get("res/signals/signal/POSTED", fromEpoch=2, toEpoch=1)[0] == 422
    assert client.get("res/signals/signal/POSTED")[0] == 422
    assert client.get("res/signals/signal/NOBODYS", **RANGE)[0] == 404


def test_the_stamps_of_a_file_name_microseconds_where_there_are_any() -> None:
    assert iso(START + timedelta(microseconds=5)) == "2026-01-01T00:00:00.000005Z"
    assert iso(datetime(2026, 1, 1, tzinfo=UTC)) == "2026-01-01T00:00:00Z"
