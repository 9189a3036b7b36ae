"""Finding combinations of segments by words, by codes, and by what a range has most of."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from core.window import Window
from loaders import services
from signals.models import (
    SEGMENT_COUNT,
    LoaderSegment,
    SegmentCombination,
    SegmentDescription,
    SignalsHistory,
)
from signals.partitions import ensure_partitions
from signals.segments import segment_code
from tests.support.api import Client
from tests.support.people import People
from tests.support.scenes import HOUR, START
from tests.support.teams import simulated_source

EPOCH = int(START.timestamp())


def bring(*segments: str, loader_code: str = "ORDERS") -> UUID:
    """Note that the loader has brought a combination; its code."""
    texts = [*segments, *[""] * (SEGMENT_COUNT - len(segments))]
    code = segment_code([text.encode() for text in texts])
    named = {f"segment_{number}": text for number, text in enumerate(texts, start=1)}
    SegmentCombination.objects.get_or_create(segment_code=code, defaults=named)
    LoaderSegment.objects.create(loader_code=loader_code, segment_code=code)
    return code


@pytest.fixture
def people(db: None) -> People:
    """Four combinations of a loader, and one of another."""
    people = People()
    values = {"loader_sql": "x", "source_database": simulated_source(people, "OWN")}
    for code in ("ORDERS", "REFUNDS"):
        services.create_loader(user=people.admin, values={**values, "loader_code": code})
    for segments in (("Riyadh", "web"), ("Riyadh", "app"), ("جدة", "web"), ("100%", "web_shop")):
        bring(*segments)
    bring("Riyadh", "phone", loader_code="REFUNDS")
    return people


def ask(people: People, **parameters: Any) -> tuple[int, Any]:
    return Client(people.viewer).get("signals/segments", loaderCode="ORDERS", **parameters)


def names(people: People, **parameters: Any) -> list[str]:
    status, answer = ask(people, **parameters)
    assert status == 200, answer
    return [one["name"] for one in answer["segments"]]


def test_every_word_must_stand_in_a_text_of_the_combination(people: People) -> None:
    assert len(names(people)) == 4
    assert names(people, search="WEB riy") == ["Riyadh / web"]
    assert names(people, search="جدة") == ["جدة / web"]
    assert names(people, search="riyadh jeddah") == []
    assert names(people, search="%") == ["100% / web_shop"]
    assert names(people, search="b_s") == ["100% / web_shop"]


def test_what_the_dictionary_says_is_searched_and_told(people: People) -> None:
    code = SegmentCombination.objects.get(segment_2="app").segment_code
    SegmentDescription.objects.create(segment_code=code, description="Orders by telephone")
    _, answer = ask(people, search="TELEPHONE riyadh")
    assert answer["segments"] == [
        {
            "segmentCode": str(code),
            "description": "Orders by telephone",
            "name": "Riyadh / app",
            "segments": ["Riyadh", "app", *[""] * 8],
        }
    ]


def test_what_a_range_has_most_of_comes_first_and_nothing_is_left_out(people: People) -> None:
    ensure_partitions(Window(START, START + HOUR))
    for segment, signals in (("جدة", 3), ("100%", 2)):
        code = SegmentCombination.objects.get(segment_1=segment).segment_code
        for number in range(signals):
            SignalsHistory.objects.create(
                loader_code="ORDERS",
                load_time_stamp=START + number * HOUR,
                segment_code=code,
                load_history_id=code,
            )
    assert names(people, fromEpoch=EPOCH, toEpoch=EPOCH + 86_400) == [
        "جدة / web",
        "100% / web_shop",
        "Riyadh / app",
        "Riyadh / web",
    ]
    assert names(people, fromEpoch=EPOCH + 86_400, toEpoch=EPOCH + 86_401) == names(people)


def test_codes_are_looked_up_and_more_than_the_limit_is_said(people: People) -> None:
    _, answer = ask(people, limit=3)
    assert (len(answer["segments"]), answer["more"]) == (3, True)
    codes = [one["segmentCode"] for one in answer["segments"][:2]]
    _, named = ask(people, segmentCodes=",".join(codes))
    assert [one["segmentCode"] for one in named["segments"]] == codes
    assert named["more"] is False
    assert len(named["segments"][0]["segments"]) == 10


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"fromEpoch": 5}, "toEpoch"),
        ({"toEpoch": 5}, "fromEpoch"),
        ({"segmentCodes": "Riyadh"}, "segmentCodes"),
        ({"limit": 201}, "limit"),
        ({"limit": 0}, "limit"),
        ({"search": "x" * 201}, "search"),
        ({"found": "1"}, "found"),
    ],
)
def test_what_cannot_be_answered_names_the_parameter(
    people: People, parameters: dict[str, Any], named: str
) -> None:
    status, problem = ask(people, **parameters)
    assert (status, problem["code"]) == (422, "VALIDATION_FAILED")
    assert named in problem["errors"]


def test_another_loaders_combinations_are_not_found(people: People) -> None:
    assert names(people, search="phone") == []
    code = SegmentCombination.objects.get(segment_2="phone").segment_code
    assert names(people, segmentCodes=str(code)) == []
