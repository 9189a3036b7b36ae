"""Two texts side by side: what stands beside what, what is marked, what is folded."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from loaders.side_by_side import Row, Side, side_by_side

TEXTS = st.lists(st.sampled_from(["a", "b", "", "SELECT at", "SELECT at, region", "\t x "])).map(
    "\n".join
)


def rows(before: str, now: str) -> list[Row]:
    return [row for stretch in side_by_side(before, now) for row in stretch.rows]


def shown(side: Side | None) -> tuple[int, str] | None:
    return None if side is None else (side.number, side.text)


def marked(side: Side | None) -> list[str]:
    return [] if side is None else [part.text for part in side.parts if part.marked]


def numbered(count: int) -> list[str]:
    return [f"line {number}" for number in range(1, count + 1)]


def test_equal_texts_differ_in_nothing() -> None:
    assert side_by_side("SELECT 1\n", "SELECT 1\n") == []
    assert side_by_side("SELECT 1\r\n", "SELECT 1") == []


def test_a_changed_line_stands_beside_its_successor_with_the_changed_words_marked() -> None:
    (row,) = rows("SUM(amount) AS SUM_VAL", "SUM(amount * 2) AS SUM_VAL")
    assert (row.kind, shown(row.left), shown(row.right)) == (
        "changed",
        (1, "SUM(amount) AS SUM_VAL"),
        (1, "SUM(amount * 2) AS SUM_VAL"),
    )
    assert (marked(row.left), marked(row.right)) == ([], [" * 2"])


def test_lines_with_nothing_in_common_carry_no_marks() -> None:
    (row,) = rows("FROM orders", "WHERE x > 17 AND y IS NULL")
    assert row.kind == "changed"
    assert marked(row.left) + marked(row.right) == []


def test_added_and_removed_lines_stand_beside_nothing() -> None:
    added, removed = rows("a\nb", "a\nx\nb")[1], rows("a\nx\nb", "a\nb")[1]
    assert (added.kind, added.left, shown(added.right)) == ("added", None, (2, "x"))
    assert (removed.kind, shown(removed.left), removed.right) == ("removed", (2, "x"), None)


def test_long_unchanged_stretches_are_folded_and_short_ones_are_not() -> None:
    lines = numbered(30)
    changed = [*lines[:14], "another", *lines[15:]]
    stretches = side_by_side("\n".join(lines), "\n".join(changed))
    assert [(s.folded, len(s.rows)) for s in stretches] == [(True, 11), (False, 7), (True, 12)]
    assert [row.kind for row in stretches[1].rows] == ["same"] * 3 + ["changed"] + ["same"] * 3
    two = [*lines[:10], "x", *lines[11:17], "y", *lines[18:]]
    stretches = side_by_side("\n".join(lines), "\n".join(two))
    assert [(s.folded, len(s.rows)) for s in stretches] == [(True, 7), (False, 14), (True, 9)]


def test_a_line_of_enormous_length_is_told_without_marks() -> None:
    (row,) = rows("a, " * 20_000, "a, " * 20_000 + "b")
    assert row.kind == "changed"
    assert marked(row.right) == []


@given(TEXTS, TEXTS)
def test_each_side_reads_as_its_text(before: str, now: str) -> None:
    found = rows(before, now)
    if before.splitlines() == now.splitlines():
        assert found == []
        return
    for side, text in (("left", before), ("right", now)):
        told = [shown(getattr(row, side)) for row in found if getattr(row, side)]
        assert told == list(enumerate(text.splitlines(), start=1))
    for row in found:
        assert (row.kind == "same") == (
            row.left is not None and row.right is not None and row.left.text == row.right.text
        )
