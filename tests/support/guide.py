"""docs/guide.md as instructions, and somebody who does in the console exactly what they say.

In its numbered steps every name, value and text that is set apart belongs to one of these phrases:

- Sign in as `operator`.
- Open **Loaders** (a link). Press **Save** (a button). Tick **Enabled**.
- Fill in **Description** with `What it measures`. Choose `PAYMENTS` as **Source database**.
- Type as **SQL**: and a block of code below.
- You see "Approved": now, or soon and by itself. Reload the page until you see "Succeeded".
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

from playwright.sync_api import Locator, Page

_PHRASES = {
    "sign in": r"[Ss]ign in as `(?P<value>[^`]+)`",
    "open": r"[Oo]pen \*\*(?P<name>[^*]+)\*\*",
    "press": r"[Pp]ress \*\*(?P<name>[^*]+)\*\*",
    "tick": r"[Tt]ick \*\*(?P<name>[^*]+)\*\*",
    "fill": r"(?:[Ff]ill in )?\*\*(?P<name>[^*]+)\*\* with `(?P<value>[^`]+)`",
    "choose": r"[Cc]hoose `(?P<value>[^`]+)` as \*\*(?P<name>[^*]+)\*\*",
    "type": r"[Tt]ype as \*\*(?P<name>[^*]+)\*\*:\s*```\w*\n(?P<value>.*?)```",
    "reload": r'[Rr]eload the page until you see "(?P<value>[^"]+)"',
    "see": r'(?<!until )[Yy]ou see "(?P<value>[^"]+)"',
}
_STEP = re.compile(r"^\d+\. .*?(?=^\d+\. |^#|\Z|^\S)", re.MULTILINE | re.DOTALL)
_SET_APART = re.compile(r'\*\*|`|"')
PATIENCE_SECONDS = 60.0
_AGAIN_SECONDS = 0.5


@dataclass(frozen=True)
class Instruction:
    """One thing to do, or to see."""

    kind: str
    name: str = ""
    value: str = ""


def instructions_of(guide: str) -> list[Instruction]:
    """What the numbered steps say, in their order. AssertionError for a step that sets something
    apart of which nobody could tell what to do with it."""
    return [found for step in _STEP.findall(guide) for found in _instructions(step)]


def _instructions(step: str) -> Iterator[Instruction]:
    found: list[tuple[int, Instruction]] = []
    rest = step
    for kind, phrase in _PHRASES.items():
        for match in re.finditer(phrase, step, re.DOTALL):
            parts = match.groupdict()
            value = _dedented(parts.get("value") or "")
            found.append((match.start(), Instruction(kind, parts.get("name") or "", value)))
            rest = rest.replace(match.group(), "")
    unclear = _SET_APART.search(rest)
    assert unclear is None, f"What is to be done here? {rest.strip()}"
    yield from (instruction for _, instruction in sorted(found, key=lambda pair: pair[0]))


def _dedented(text: str) -> str:
    lines = text.splitlines()
    if len(lines) < 2:
        return text
    margin = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
    return "\n".join(line[margin:] for line in lines).strip() + "\n"


class Follower:
    """Somebody who follows the guide in a browser, and knows only what it says."""

    def __init__(self, page: Page, address: str, passwords: dict[str, str]) -> None:
        self._page = page
        self._address = address
        self._passwords = passwords

    def follow(self, instruction: Instruction) -> None:
        """Do what it says, or wait for what it says that one sees."""
        name, value = instruction.name, instruction.value
        match instruction.kind:
            case "sign in":
                self._sign_in(value)
            case "open":
                exact = self._page.get_by_role("link", name=_ending_in(name))
                first = self._page.get_by_role("link", name=_beginning_with(name))
                self._one(exact.or_(first)).click()
            case "press":
                self._one(self._page.get_by_role("button", name=_ending_in(name))).click()
            case "tick":
                self._page.get_by_label(name, exact=True).check()
            case "choose":
                self._page.get_by_label(name, exact=True).select_option(label=value)
            case "fill":
                self._one(self._page.get_by_label(_labelled(name))).fill(value)
            case "type":
                self._one(self._page.get_by_label(_labelled(name))).click()
                self._page.keyboard.press("Control+a")
                self._page.keyboard.insert_text(value)
            case _:
                self._see(value, reloads=instruction.kind == "reload")
        self._page.wait_for_load_state()

    def _one(self, found: Locator) -> Locator:
        """The first that can be seen."""
        found.locator("visible=true").first.wait_for(timeout=10_000)
        return found.locator("visible=true").first

    def _sign_in(self, username: str) -> None:
        self._page.context.clear_cookies()
        self._page.goto(f"{self._address}/admin/")
        self._page.fill("#id_username", username)
        self._page.fill("#id_password", self._passwords[username])
        self._page.click("#login-form button[type=submit]")

    def _see(self, text: str, *, reloads: bool) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        wanted = " ".join(text.split()).casefold()
        while wanted not in " ".join(self._page.locator("body").inner_text().split()).casefold():
            assert time.monotonic() < deadline, f"One does not see: {text}"
            self._page.wait_for_timeout(_AGAIN_SECONDS * 1000)
            if reloads:
                self._page.reload()


def _ending_in(name: str) -> re.Pattern[str]:
    """An icon's name may come before."""
    return re.compile(rf"(^|\s){re.escape(name)}\s*$")


def _beginning_with(name: str) -> re.Pattern[str]:
    """In a list, what a thing is may stand below its name."""
    return re.compile(rf"^\s*{re.escape(name)}\s")


def _labelled(name: str) -> re.Pattern[str]:
    """A label may have a mark that the field is required, or a remark in brackets."""
    return re.compile(rf"^\s*{re.escape(name)}\s*\*?\s*(\(.*\)|May be left empty\..*)?\s*$")
