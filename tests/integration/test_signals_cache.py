"""Answers that are kept: quick, never out of date, never for who may not see the loader."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import caches
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from accounts.roles import Role
from loaderportal.answer_cache import answer_cache
from loaderportal.demo.processes import free_port
from loaders.models import Loader
from signals import answer_store, answers
from signals.partitions import drop_month
from signals.query import run_query
from tests.servers.redis import RedisServer, redis_server
from tests.support.people import person
from tests.support.signal_rows import Signal, make_external, put, segment, some_signals

START = datetime(2026, 1, 5, tzinfo=UTC)
LATER = START + timedelta(hours=20)
pytestmark = pytest.mark.django_db


@pytest.fixture
def loader() -> Loader:
    loader = make_external("SENSORS")
    put("SENSORS", some_signals(START, 200, timedelta(minutes=5)))
    return loader


def client(role: Role = Role.VIEWER) -> APIClient:
    http = APIClient()
    http.credentials(HTTP_AUTHORIZATION=f"Bearer {AccessToken.for_user(person(role))}")
    return http


def ask(http: APIClient, end: datetime = LATER, **headers: str) -> Any:
    return http.get(
        "/api/v1/signals/query",
        {
            "loaderCode": "SENSORS",
            "fromEpoch": f"{START.timestamp():.0f}",
            "toEpoch": f"{end.timestamp():.0f}",
            "aggregation": "sum",
            "bucket": "1h",
        },
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


def kept() -> list[tuple[str, float]]:
    """Names of the answers in the table, and for how many seconds each is kept."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT split_part(cache_key, ':', 3), "
            "extract(epoch FROM expires_at - statement_timestamp())::float8 "
            "FROM signals.query_answer"
        )
        return list(cursor.fetchall())


def count(response: Any) -> int:
    return sum(point["recCount"] or 0 for point in response.json()["dataPoints"])


ONE_MORE = [Signal(START + timedelta(seconds=1), segment(7), rec_count=1000)]


def test_the_same_question_is_answered_again_without_a_look_at_the_signals(loader: Loader) -> None:
    http = client()
    first = ask(http)
    with CaptureQueriesContext(connection) as queries:
        second = ask(http)
    assert second.content == first.content
    assert not [q for q in queries if "FROM signals_" in q["sql"]]


def test_after_a_commit_the_answer_is_the_new_one(loader: Loader) -> None:
    http = client()
    before = count(ask(http))
    put("SENSORS", ONE_MORE)
    assert count(ask(http)) == before + 1000


def test_an_answer_that_is_known_is_not_sent_again_until_something_was_committed(
    loader: Loader,
) -> None:
    http = client()
    tag = ask(http)["ETag"]
    again = ask(http, If_None_Match=tag)
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", tag)
    assert again["Cache-Control"] == "private, no-cache"
    put("SENSORS", ONE_MORE)
    changed = ask(http, If_None_Match=tag)
    assert changed.status_code == 200
    assert changed["ETag"] != tag


def test_an_answer_from_before_retention_dropped_a_month_is_none_after(loader: Loader) -> None:
    long_ago = datetime(2019, 3, 31, 23, tzinfo=UTC)
    put("SENSORS", some_signals(long_ago, 24, timedelta(minutes=5)))
    http = client()
    asked = {
        "loaderCode": "SENSORS",
        "fromEpoch": f"{long_ago.timestamp():.0f}",
        "toEpoch": f"{(long_ago + timedelta(hours=2)).timestamp():.0f}",
    }
    before = http.get("/api/v1/signals/query", asked)
    assert drop_month(datetime(2019, 3, 1, tzinfo=UTC))
    known = {"If-None-Match": before["ETag"]}
    after = http.get("/api/v1/signals/query", asked, headers=known)
    assert after.status_code == 200
    counts = [len(answer.json()["dataPoints"]) for answer in (before, after)]
    assert counts == [24, 12]


def commits_during(times: int) -> Callable[[Any], Any]:
    """`run_query` that lets a commit in after it has read the signals, so many times."""
    run, left = run_query, [times]

    def runs(query: Any) -> Any:
        found = run(query)
        if left[0]:
            left[0] -= 1
            put("SENSORS", [Signal(START, segment(100 + left[0]), rec_count=1000)])
        return found

    return runs


def test_what_was_read_before_a_commit_is_kept_under_no_version(
    loader: Loader, monkeypatch: pytest.MonkeyPatch
) -> None:
    http = client()
    before = count(ask(http, end=LATER - timedelta(hours=1)))
    assert len(kept()) == 1
    monkeypatch.setattr(answers, "run_query", commits_during(1))
    response = ask(http)
    assert count(response) >= before + 1000
    assert response["ETag"].removeprefix("W/").strip('"') in {name for name, _ in kept()}
    assert len(kept()) == 2
    assert ask(http).content == response.content


def test_where_commits_never_cease_the_answer_is_not_kept(
    loader: Loader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "run_query", commits_during(99))
    response = ask(client())
    assert response.status_code == 200
    assert "ETag" not in response
    assert kept() == []


def test_a_change_of_the_loaders_zone_is_another_question(loader: Loader) -> None:
    http = client()
    tag = ask(http)["ETag"]
    Loader.objects.filter(pk=loader.pk).update(time_zone="Asia/Kolkata")
    assert ask(http)["ETag"] != tag


def test_recent_answers_are_kept_five_minutes_and_others_an_hour(loader: Loader) -> None:
    http = client()
    ask(http)
    ((name, seconds),) = kept()
    assert 3500 < seconds <= 3600
    ask(http, end=datetime.now(UTC))
    ((_, seconds),) = (entry for entry in kept() if entry[0] != name)
    assert 200 < seconds <= 300


def test_who_may_not_see_the_loader_gets_no_answer_that_is_kept(
    loader: Loader, settings: Any
) -> None:
    assert ask(client()).status_code == 200
    settings.OBJECT_PERMISSIONS = True
    assert ask(client(Role.OPERATOR)).status_code == 404


def test_the_answer_is_sent_compressed_to_who_can_read_that(loader: Loader) -> None:
    http = client()
    plain = ask(http)
    packed = ask(http, Accept_Encoding="br, gzip")
    assert packed["Content-Encoding"] == "gzip"
    assert packed["Vary"] == plain["Vary"]
    assert gzip.decompress(packed.content) == plain.content
    assert "Content-Encoding" not in ask(http, Accept_Encoding="gzip;q=0, br")


def test_the_table_keeps_no_more_than_so_many_answers_and_none_whose_time_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(answer_store, "MOST_ENTRIES", 3)
    store = caches[answers.CACHE]
    store.set("over", b"old", -1)
    for number in range(5):
        store.set(f"answer-{number}", b"\0\xff", 60 + number)
    assert store.get("over") is None
    assert store.get("answer-4") == b"\0\xff"
    assert len(kept()) == 3
    store.set("answer-4", b"again", 99)
    assert store.get("answer-4") == b"again"


def test_answers_for_an_hour_do_not_push_out_one_for_five_minutes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(answer_store, "MOST_ENTRIES", 3)
    store = caches[answers.CACHE]
    for number in range(5):
        store.set(f"lasting-{number}", b"old", answers.LASTING_SECONDS)
    store.set("recent", b"new", answers.RECENT_SECONDS)
    assert store.get("recent") == b"new"
    assert [store.get(f"lasting-{number}") for number in (1, 2, 3, 4)] == [None] * 2 + [b"old"] * 2


@pytest.fixture(params=[False, True], ids=["plain", "tls"])
def redis(request: pytest.FixtureRequest, settings: Any) -> Iterator[RedisServer]:
    """A Redis that the portal keeps its answers in."""
    with redis_server(tls=request.param) as server:
        in_redis(settings, server.url)
        yield server
        caches[answers.CACHE].close()


def in_redis(settings_of_test: Any, url: str) -> None:
    settings_of_test.CACHES = {**settings.CACHES, answers.CACHE: answer_cache(url)}


def test_redis_keeps_the_answers_where_there_is_one(loader: Loader, redis: RedisServer) -> None:
    http = client()
    first = ask(http)
    with CaptureQueriesContext(connection) as queries:
        assert ask(http).content == first.content
    assert not [q for q in queries if "FROM signals_" in q["sql"]]
    with redis.client() as looks:
        (name,) = looks.keys()
        assert gzip.decompress(looks.get(name)) == first.content  # bytes, and no pickle
        assert 3500 < looks.ttl(name) <= 3600
    assert kept() == []


def test_after_a_commit_redis_is_asked_for_another_answer(
    loader: Loader, redis: RedisServer
) -> None:
    http = client()
    before = count(ask(http))
    put("SENSORS", ONE_MORE)
    assert count(ask(http)) == before + 1000
    with redis.client() as looks:
        assert looks.dbsize() == 2


def ends(redis: RedisServer) -> None:
    redis.process.kill()
    redis.process.wait()


def is_full(redis: RedisServer) -> None:
    with redis.client() as administrator:
        administrator.config_set("maxmemory", 1)


def lets_nobody_in(redis: RedisServer) -> None:
    with redis.client() as administrator:
        administrator.config_set("requirepass", "another")
        administrator.client_kill_filter(_type="normal", skipme=True)


@pytest.mark.parametrize("fails", [ends, is_full, lets_nobody_in, RedisServer.stop_answering])
def test_where_redis_fails_the_database_answers_soon(
    loader: Loader,
    redis: RedisServer,
    fails: Callable[[RedisServer], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    http = client()
    expected = ask(http).content
    with redis.client() as administrator:
        administrator.flushall()
    fails(redis)
    started = time.monotonic()
    response = ask(http)
    assert time.monotonic() - started < 5
    assert (response.status_code, response.content) == (200, expected)
    assert "signals.answers_not_kept" in caplog.text


def test_where_redis_was_never_there_the_database_answers(
    loader: Loader, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    in_redis(settings, f"redis://127.0.0.1:{free_port()}/0")
    assert ask(client()).status_code == 200
    assert "signals.answers_not_kept" in caplog.text
