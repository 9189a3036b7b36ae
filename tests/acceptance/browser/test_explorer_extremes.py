"""What the explorer leaves out of a line that has more points than the screen has pixels."""

from __future__ import annotations

from pathlib import Path

from tests.support.browser import Visit
from tests.support.explored import Shop

DRAWN = Path(__file__).parents[2] / "support" / "explorer_extremes.js"
THIN = """async () => {
  const { thin } = await import("/static/console/explorer/thinning.js");
  const at = (values) => values.map((value, n) => [n, value]);
  const waves = at(Array.from({ length: 1000 }, (_, n) => Math.sin(n) * n));
  const crowd = at([9, 1, null, 5, null, 0, 4, null, 7, 2]);
  const equal = Array.from({ length: 50 }, () => [7, 7]);
  return {
    few: thin(waves, [0, 1000], 500).length,
    many: thin(waves, [0, 1000], 10).length,
    around: [0, -1].map((end) => thin(waves, [400, 600], 10).at(end)[0]),
    crowd: thin(crowd, [0, 10], 1),
    equal: thin(equal, [0, 10], 5),
    none: thin([], [0, 10], 5),
  };
}"""


def test_thinning_keeps_the_least_and_greatest_of_a_column_and_its_breaks(
    visit: Visit, shop: Shop
) -> None:
    viewer = visit(shop.people.viewer)
    viewer.open("/admin/explorer/")
    found = viewer.page.evaluate(THIN)
    assert found["few"] == 1000, "what the screen can show is left as it is"
    assert found["many"] == 20
    first, last = found["around"]
    assert 300 <= first < 320
    assert 680 <= last < 700
    assert found["crowd"] == [[0, 9], [2, None], [5, 0], [7, None]]
    assert found["equal"] == [[7, 7]]
    assert found["none"] == []


def test_the_greatest_and_the_least_are_drawn_also_beside_gaps_and_alone(
    visit: Visit, shop: Shop
) -> None:
    viewer = visit(shop.people.viewer)
    viewer.open("/admin/explorer/")
    found = viewer.page.evaluate(DRAWN.read_text())
    assert found["breaks"] == 4
    whole, half, spike = found["whole"], found["half"], found["spike"]
    assert (whole["greatest"], whole["least"]) == (300, -200)
    assert (half["greatest"], half["least"]) == (200, -200)
    assert spike["greatest"] == 100
    assert [part["joined"] for part in (whole, half, spike)] == [0, 0, 0], "gaps stay gaps"
    assert 8005 in whole["alone"]
    assert 800 < whole["count"] < 2000
    assert spike["count"] == 101, "closer all points are there"
    assert found["back"] == whole
