"""The explorer's page as somebody in front of it sees and uses it."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from tests.support.browser import Visitor

RANGE = "from=2026-01-10T00:00:00Z&to=2026-01-12T00:00:00Z"
"""All of what tests.support.explored's loader has."""


def explorer(visitor: Visitor, query: str, state: str = "ready") -> None:
    """Open the explorer, and wait until it shows what it has."""
    visitor.open(f"/admin/explorer/{query}")
    settled(visitor, state)


def settled(visitor: Visitor, state: str = "ready") -> None:
    visitor.page.wait_for_selector(f'#explorer[data-state="{state}"]', timeout=10_000)


def drawn(visitor: Visitor) -> tuple[int, int]:
    """How many points are drawn, and how many gaps."""
    root = visitor.page.locator("#explorer")
    points, gaps = (root.get_attribute(f"data-{name}") for name in ("points", "gaps"))
    return int(points or -1), int(gaps or -1)


def asked(visitor: Visitor) -> dict[str, str]:
    """What the address says."""
    return {name: values[0] for name, values in parse_qs(urlsplit(visitor.page.url).query).items()}


_HOLD = """(part) => {
  const usual = window.fetch;
  const held = new Promise((resolve) => (window.letGo = resolve));
  Object.assign(window, { waiting: 0, answered: 0 });
  window.fetch = async (address, options) => {
    if (!String(address).includes(part)) return usual(address, options);
    window.waiting += 1;
    await held;
    const answer = await usual(address, { ...options, signal: undefined });
    const text = await answer.text();
    // After whoever waits for it has had its turn.
    setTimeout(() => (window.answered += 1), 100);
    return new Response(text, answer);
  };
}"""


def hold(visitor: Visitor, part: str) -> None:
    """Keep back the answers from addresses with this in them. They come once let go, also those
    that the page meanwhile gave up: an answer may have arrived just before that."""
    visitor.page.evaluate(_HOLD, part)


def wait_for_held(visitor: Visitor, number: int = 1) -> None:
    """Wait until so many answers are kept back."""
    visitor.page.wait_for_function(f"window.waiting >= {number}")


def let_go(visitor: Visitor) -> None:
    """Let the answers come, and wait until they are there."""
    visitor.page.evaluate("window.letGo()")
    visitor.page.wait_for_function("window.answered === window.waiting")
