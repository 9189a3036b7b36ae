"""One correlation id from a request to all that follows from it (seed 004, spec 10)."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from typing import Any

import pytest
import structlog
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from audit.models import AuditEvent, LoaderEvent
from core.correlation import set_correlation_id
from core.log_setup import logging_config
from execution import engine
from execution.models import LoadHistory, RunStatus, Trigger
from execution.statement import told_by
from signals.models import SegmentCombination
from tests.servers import SourceServer
from tests.support.scenes import START, Scene, add_orders, lock_id_of

ID = "req-4711.nightly:a_b"

pytestmark = pytest.mark.usefixtures("committed_db")


class Kept(logging.Handler):
    """Log lines as the portal's formatter writes them."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        config = logging_config("DEBUG")["formatters"]["json"]
        config.pop("()")
        self.setFormatter(structlog.stdlib.ProcessorFormatter(**config))
        self.lines: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.lines.append(json.loads(self.format(record)))


@pytest.fixture
def kept() -> Any:
    handler, root = Kept(), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield handler
    root.removeHandler(handler)
    root.setLevel(before)


def test_the_id_of_a_request_is_that_of_the_run_its_events_logs_and_query(
    postgres_source: SourceServer, kept: Kept
) -> None:
    scene = Scene(postgres_source)
    add_orders(postgres_source, (START + timedelta(minutes=5), "", "web", 1.0))
    # The source tells what it was asked, as a region of its orders.
    postgres_source.execute(
        "ALTER TABLE orders RENAME TO sold; CREATE VIEW orders AS SELECT at, "
        "substring(current_query() from '/[*] .* [*]/')::varchar(100) AS region, channel, amount "
        "FROM sold"
    )
    postgres_source.execute(f"GRANT SELECT ON orders TO {postgres_source.reader}")
    token = str(AccessToken.for_user(scene.people.operator))
    answer = APIClient().post(
        "/api/v1/loaders/ORDERS_HOURLY/run",
        headers={"Authorization": f"Bearer {token}", "X-Correlation-ID": ID},
    )
    assert (answer.status_code, answer["X-Correlation-ID"]) == (202, ID), answer.content
    history = LoadHistory.objects.get(pk=answer.json()["executionId"])
    assert (history.trigger, history.correlation_id) == (Trigger.API, ID)
    set_correlation_id("another-process")
    engine.run(lock_id_of(history))
    history.refresh_from_db()
    assert history.status == RunStatus.SUCCESS, history.error_message
    asked = AuditEvent.objects.get(action="loader.run")
    assert (asked.correlation_id, asked.after["executionId"]) == (ID, str(history.pk))
    told = LoaderEvent.objects.get(execution_id=history.pk)
    assert (told.kind, told.correlation_id) == (LoaderEvent.Kind.RUN_FINISHED, ID)
    (line,) = [line for line in kept.lines if line["event"] == "run.finished"]
    assert (line["correlation_id"], line["execution_id"]) == (ID, str(history.pk))
    seen = SegmentCombination.objects.values_list("segment_1", flat=True)
    assert list(seen) == [told_by(ID)]
    found = APIClient().get(
        f"/api/v1/executions?correlationId={ID}", headers={"Authorization": f"Bearer {token}"}
    )
    assert [row["executionId"] for row in found.json()["results"]] == [str(history.pk)]


def test_a_refused_request_tells_its_id_too(kept: Kept) -> None:
    answer = APIClient().get("/api/v1/loaders", headers={"X-Correlation-ID": ID})
    assert (answer.status_code, answer.json()["correlationId"]) == (401, ID)
    assert {line["correlation_id"] for line in kept.lines} == {ID}
    made = APIClient().get("/api/v1/loaders", headers={"X-Correlation-ID": "*/ no id"})
    assert made["X-Correlation-ID"] == made.json()["correlationId"]
    assert " " not in made["X-Correlation-ID"]


def test_no_id_can_end_the_comment_that_the_source_is_sent() -> None:
    """Whatever somebody wrote into the table behind the portal's back."""
    assert told_by("a */ DELETE FROM orders; /*! b") == (
        "/* loaderportal correlation_id=aDELETEFROMordersb */"
    )
