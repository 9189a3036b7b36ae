"""What a run or a trial remembers of segments stays small, however long their text is."""

from __future__ import annotations

import tracemalloc

from signals.segments import CACHE_BYTES, CombinationRegistry


def test_long_segments_that_nobody_commits_are_not_hoarded() -> None:
    registry = CombinationRegistry("L")
    tracemalloc.start()
    try:
        for number in range(100):
            registry.codes_of([(b"%d" % number + b"x" * 1_000_000, *[None] * 9)])
            registry.forget_new()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < CACHE_BYTES + 10_000_000


def test_codes_are_the_same_after_the_memory_was_cleared() -> None:
    registry = CombinationRegistry("L")
    first: list[tuple[bytes | None, ...]] = [(b"EU", *[None] * 9)]
    code = registry.codes_of(first)
    for number in range(40):
        registry.codes_of([(b"%d" % number + b"x" * 1_000_000, *[None] * 9)])
    assert registry.codes_of(first) == code
