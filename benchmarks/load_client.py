"""People at the API, in a process of their own: each sends one request a second over a connection
that it keeps, and the answers are timed.

Reads a `Plan` from standard input as JSON and prints the answers' figures as one JSON line. A
request is due at its second whatever became of the one before; what it waited for that counts as
time of the answer, so a portal that falls behind can't hide it. Needs no Django.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

MIX: Mapping[str, int] = {"list": 30, "detail": 25, "history": 20, "signals": 20, "run": 5}
"""Of a hundred requests; of those who may not run loaders, the rest."""

REFUSED = {409}
"""Right answers to a run: at capacity, or nothing to load yet."""

_TICK = 0.05
_PATIENCE = 30.0


@dataclass(frozen=True)
class Person:
    """A user's key to the API, and whether it may run loaders."""

    token: str = field(repr=False)
    may_run: bool


@dataclass(frozen=True)
class Plan:
    """Who asks whom for how long. `addresses` are paths by kind, of which one is chosen each time;
    those of `run` are posted to."""

    host: str
    port: int
    seconds: int
    people: Sequence[Person]
    addresses: Mapping[str, Sequence[str]]

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """As `asdict` made it."""
        values = json.loads(text)
        return cls(**{**values, "people": [Person(**one) for one in values["people"]]})


@dataclass
class Notes:
    """What came of the requests: milliseconds by kind, and how often each status by kind; status 0
    is no answer. `late` is how late this process's own clock woke it, which is its own fault."""

    milliseconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    late: list[float] = field(default_factory=list)


def errors_in(statuses: Mapping[tuple[str, int], int]) -> int:
    """How many answers are neither what was asked for nor a run's right refusal."""
    return sum(
        count
        for (kind, status), count in statuses.items()
        if not 200 <= status < 300 and not (kind == "run" and status in REFUSED)
    )


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of the values does not exceed; of none, 0."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * round(share * 1000) // 1000) - 1)] if ordered else 0.0


def summary(notes: Notes) -> dict[str, Any]:
    """The figures, milliseconds."""
    everything = [one for values in notes.milliseconds.values() for one in values]
    return {
        "requests": len(everything),
        "errors": errors_in(notes.statuses),
        "statuses": {f"{kind} {status}": n for (kind, status), n in sorted(notes.statuses.items())},
        "p50": percentile(everything, 0.5),
        "p95": percentile(everything, 0.95),
        "p99": percentile(everything, 0.99),
        "max": max(everything, default=0.0),
        "p95_by_kind": {kind: percentile(v, 0.95) for kind, v in notes.milliseconds.items()},
        "late_p99": percentile(notes.late, 0.99),
    }


class Talk:
    """One person's connection, opened anew when the server has closed it."""

    def __init__(self, plan: Plan, person: Person) -> None:
        self._plan = plan
        self._head = f"Host: {plan.host}\r\nAuthorization: Bearer {person.token}\r\n"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str) -> int:
        """Status of the answer, its body read to the end; 0 if there is none."""
        body = "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
        rest = body if method == "POST" else "\r\n"
        request = f"{method} /api/v1/{path} HTTP/1.1\r\n{self._head}{rest}".encode()
        for is_last in (False, True):
            try:
                async with asyncio.timeout(_PATIENCE):
                    return await self._exchange(request)
            except (OSError, asyncio.IncompleteReadError):
                self.close()  # a kept connection may be closed under our hands: once more
                if is_last:
                    return 0
        return 0

    def close(self) -> None:
        """Give the connection up."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def _exchange(self, request: bytes) -> int:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._plan.host, self._plan.port)
        reader, writer = self._streams
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        if fields.get("transfer-encoding") == "chunked":
            while size := int((await reader.readline()).strip(), 16):
                await reader.readexactly(size + 2)
            await reader.readexactly(2)
        else:
            await reader.readexactly(int(fields.get("content-length", 0)))
        if fields.get("connection") == "close":
            self.close()
        return int(head.split(" ", 2)[1])


async def load(plan: Plan) -> Notes:
    """Let everybody ask, spread over the second."""
    notes = Notes()
    start = time.perf_counter() + 0.5
    ticking = asyncio.create_task(_tick(notes))
    count = len(plan.people)
    await asyncio.gather(
        *(
            _work(plan, person, start + number / count, random.Random(number), notes)
            for number, person in enumerate(plan.people)
        )
    )
    ticking.cancel()
    return notes


async def _work(
    plan: Plan, person: Person, first: float, chance: random.Random, notes: Notes
) -> None:
    talk = Talk(plan, person)
    kinds = {kind: n for kind, n in MIX.items() if kind != "run" or person.may_run}
    for number in range(plan.seconds):
        due = first + number
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        (kind,) = chance.choices(list(kinds), list(kinds.values()))
        path = chance.choice(plan.addresses[kind])
        status = await talk.ask("POST" if kind == "run" else "GET", path)
        notes.milliseconds[kind].append((time.perf_counter() - due) * 1000)
        notes.statuses[kind, status] += 1
    talk.close()


async def _tick(notes: Notes) -> None:
    while True:
        before = time.perf_counter()
        await asyncio.sleep(_TICK)
        notes.late.append((time.perf_counter() - before - _TICK) * 1000)


def as_json(plan: Plan) -> str:
    """For `Plan.from_json` in the other process."""
    return json.dumps(asdict(plan))


if __name__ == "__main__":
    found = summary(asyncio.run(load(Plan.from_json(sys.stdin.read()))))
    sys.stdout.write(json.dumps(found) + "\n")
