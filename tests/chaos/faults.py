"""What goes wrong in a chaos run: one function a fault, all drawn from one seeded generator.

A fault returns what it did, or None when what it wants to hit is not there at the moment: it is
tried again then.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import product

from execution.clusters import CLUSTERS
from tests.chaos.world import LEASE_SECONDS, Replica, World, crash_postgres
from tests.support.replica import descendants_of, is_running

Act = Callable[["Chaos"], str | None]
_AGAIN_AFTER = 0.4
_TURN_SECONDS = 0.1
_NO_VICTIM_FOR = 120.0
_BYTES = {"POSTGRESQL": (700, 3_000), "MYSQL": (2_500, 5_000)}
"""After how much of a source's words a line breaks: with the login, over TLS with MariaDB, some
of the rows of even a short window have come by then."""


@dataclass
class Chaos:
    """The world, the generator of the fault at hand, and what has to be undone when."""

    world: World
    rng: random.Random = field(default_factory=random.Random)
    undo: list[tuple[float, Callable[[], object]]] = field(default_factory=list)

    def later(self, seconds: float, act: Callable[[], object]) -> None:
        """Undo a fault after a while."""
        self.undo.append((time.monotonic() + seconds, act))

    def undo_due(self) -> None:
        """Undo what lasted long enough."""
        now = time.monotonic()
        due = [entry for entry in self.undo if entry[0] <= now]
        self.undo = [entry for entry in self.undo if entry not in due]
        for _, act in due:
            act()

    def replicas(self) -> list[Replica]:
        """The replicas in a drawn order: the next one is hit where the first has no victim."""
        return self.rng.sample(self.world.replicas, len(self.world.replicas))

    def busy_workers(self) -> list[tuple[Replica, int]]:
        """Workers in the middle of a run, by what the locks say."""
        with self.world.control() as session:
            held = session.execute(
                "SELECT replica_name, worker_pid FROM loader.loader_execution_lock "
                "WHERE NOT released AND worker_pid IS NOT NULL"
            ).fetchall()
        return [
            (replica, pid)
            for replica in self.world.replicas
            for name, pid in held
            if name == replica.name and pid in replica.workers("exec")
        ]


# --- kill -9 ------------------------------------------------------------------------------------


def _kill(pid: int | None, what: str) -> str | None:
    if pid is None or not is_running(pid):
        return None
    os.kill(pid, signal.SIGKILL)
    return f"kill -9 {what} ({pid})"


def kill_supervisor(chaos: Chaos) -> str | None:
    """A whole replica: nothing of it may survive."""
    replica = chaos.replicas()[0]
    return _kill(replica.process.pid, f"supervisor of {replica.name}")


def kill_busy_worker(chaos: Chaos) -> str | None:
    """A worker in the middle of a run."""
    busy = chaos.busy_workers()
    if not busy:
        return None
    replica, pid = chaos.rng.choice(busy)
    return _kill(pid, f"busy exec worker of {replica.name}")


def kill_part(chaos: Chaos, part: str) -> str | None:
    """One process of a cluster: a worker that waits, inside the queue's lock, or one of django-q2's
    own. An exec cluster is hit as often as the others together."""
    busy = {pid for _, pid in chaos.busy_workers()}
    others = chaos.rng.sample([c for c in CLUSTERS if c != "exec"], len(CLUSTERS) - 1)
    clusters = ["exec", *others] if chaos.rng.random() < 0.5 else [*others, "exec"]
    for cluster, replica in product(clusters, chaos.replicas()):
        pid = replica.part(cluster, part)
        if part == "worker":
            waiting = [pid for pid in replica.workers(cluster) if pid not in busy]
            pid = chaos.rng.choice(waiting) if waiting else None
        done = _kill(pid, f"{cluster} {part} of {replica.name}")
        if done is not None:
            return done
    return None


# --- frozen processes ---------------------------------------------------------------------------


def _freeze(chaos: Chaos, pids: Iterable[int], what: str) -> str:
    """SIGSTOP for longer than a lease, then SIGCONT for those that are still there."""
    stopped = list(pids)
    for pid in stopped:
        _signal(pid, signal.SIGSTOP)
    seconds = LEASE_SECONDS + chaos.rng.uniform(1, 3)
    for pid in stopped:
        chaos.later(seconds, partial(_signal, pid, signal.SIGCONT))
    return f"freeze {what} for {seconds:.1f} s ({len(stopped)} processes)"


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def freeze_busy_worker(chaos: Chaos) -> str | None:
    """A worker stops in mid-run and wakes when somebody else has loaded its window."""
    busy = chaos.busy_workers()
    if not busy:
        return None
    replica, pid = chaos.rng.choice(busy)
    return _freeze(chaos, [pid], f"busy exec worker of {replica.name}")


def freeze_process(chaos: Chaos) -> str | None:
    """Any one process."""
    replica = chaos.replicas()[0]
    below = descendants_of(replica.process.pid)
    return _freeze(chaos, [chaos.rng.choice(below)], f"one of {replica.name}") if below else None


def freeze_replica(chaos: Chaos) -> str | None:
    """A whole machine, as when its virtual machine is moved."""
    replica = chaos.replicas()[0]
    pid = replica.process.pid
    if not chaos.busy_workers():
        return None
    return _freeze(chaos, [pid, *descendants_of(pid)], replica.name)


# --- databases ----------------------------------------------------------------------------------


def crash_control_database(chaos: Chaos) -> str | None:
    """The portal's own database goes through crash recovery."""
    seconds = chaos.rng.uniform(0, 2)
    crash_postgres(chaos.world.control_server, seconds)
    return f"crash the control database, away for {seconds:.1f} s and recovery"


def crash_postgres_source(chaos: Chaos) -> str | None:
    """The PostgreSQL source goes through crash recovery."""
    seconds = chaos.rng.uniform(0, 2)
    crash_postgres(chaos.world.source_server, seconds)
    return f"crash the PostgreSQL source, away for {seconds:.1f} s and recovery"


def crash_mariadb_source(chaos: Chaos) -> str | None:
    """kill -9 of the MariaDB source, which recovers."""
    chaos.world.mariadb_server.crash()
    return "crash the MariaDB source"


def end_control_sessions(chaos: Chaos) -> str | None:
    """Half of the portal's sessions at its own database end."""
    with chaos.world.control() as session:
        pids = [
            pid
            for (pid,) in session.execute(
                "SELECT pid FROM pg_stat_activity WHERE usename = 'portal_app' ORDER BY pid"
            )
        ]
        if not pids:
            return None
        chosen = chaos.rng.sample(pids, (len(pids) + 1) // 2)
        session.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s::int[]) pid", [chosen])
    return f"end {len(chosen)} of {len(pids)} sessions at the control database"


def end_postgres_sessions(chaos: Chaos) -> str | None:
    """What reads from the PostgreSQL source loses its session."""
    source = chaos.world.sources["POSTGRESQL"]
    ended = source.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s",
        [source.reader],
    )
    return f"end {len(ended)} sessions at the PostgreSQL source" if ended else None


def end_mariadb_sessions(chaos: Chaos) -> str | None:
    """What reads from the MariaDB source loses its session."""
    source = chaos.world.sources["MYSQL"]
    if not source.execute(
        "SELECT 1 FROM information_schema.processlist WHERE user = %s", [source.reader]
    ):
        return None
    source.execute(f"KILL CONNECTION USER '{source.reader}'")
    return "end all sessions at the MariaDB source"


# --- the network --------------------------------------------------------------------------------


def break_line(chaos: Chaos, kind: str) -> str | None:
    """The next connection over which so much of an answer has come is reset."""
    count = chaos.rng.randrange(*_BYTES[kind])
    chaos.world.lines[kind].break_after(count)
    return f"break the line to {kind} after {count} bytes"


def freeze_line(chaos: Chaos, kind: str) -> str | None:
    """No byte passes for a while, and no word of it."""
    seconds = chaos.rng.uniform(3, 6)
    chaos.world.lines[kind].freeze()
    chaos.later(seconds, chaos.world.lines[kind].thaw)
    return f"freeze the line to {kind} for {seconds:.1f} s"


def cancel_run(chaos: Chaos) -> str | None:
    """A person cancels a run."""
    return chaos.world.operator.cancel_one(chaos.rng)


def _kinds() -> Iterator[tuple[str, Act]]:
    yield "kill supervisor", kill_supervisor
    yield "kill busy worker", kill_busy_worker
    for part in ("cluster", "sentinel", "worker", "monitor", "pusher"):
        yield f"kill {part}", partial(kill_part, part=part)
    yield "freeze busy worker", freeze_busy_worker
    yield "freeze process", freeze_process
    yield "freeze replica", freeze_replica
    yield "crash control database", crash_control_database
    yield "crash PostgreSQL source", crash_postgres_source
    yield "crash MariaDB source", crash_mariadb_source
    yield "end control sessions", end_control_sessions
    yield "end PostgreSQL sessions", end_postgres_sessions
    yield "end MariaDB sessions", end_mariadb_sessions
    yield "cancel run", cancel_run
    for kind in ("POSTGRESQL", "MYSQL"):
        yield f"break line {kind}", partial(break_line, kind=kind)
        yield f"freeze line {kind}", partial(freeze_line, kind=kind)


KINDS: dict[str, Act] = dict(_kinds())


def schedule(seed: int, seconds: float) -> list[tuple[float, str]]:
    """When which fault happens: each kind once before any comes again, in a drawn order and at
    drawn times, and each at least once."""
    rng = random.Random(seed)
    often = max(len(KINDS), int(seconds / 2.5))
    names: list[str] = []
    while len(names) < often:
        deck = list(KINDS)
        rng.shuffle(deck)
        names += deck
    times = sorted(rng.uniform(0, seconds) for _ in range(often))
    return list(zip(times, names[:often], strict=True))


def happen(
    world: World, seed: int, planned: list[tuple[float, str]], say: Callable[[str], None]
) -> None:
    """Let the planned faults happen, each once, and tend the world meanwhile. What a fault draws
    hangs on the seed and its place in the plan alone. Raises AssertionError for one whose victim
    is not there for long."""
    chaos = Chaos(world)
    began = time.monotonic()
    waiting = [(when, place) for place, (when, _) in enumerate(planned)]
    while waiting or chaos.undo:
        world.tend()
        chaos.undo_due()
        world.operator.run_what_waits(most=2)
        elapsed = time.monotonic() - began
        if waiting and waiting[0][0] <= elapsed:
            _, place = waiting.pop(0)
            since, name = planned[place]
            chaos.rng = random.Random(f"{seed} {place}")
            done = KINDS[name](chaos)
            if done is not None:
                say(f"{elapsed:6.1f} s  {done}")
                continue
            assert elapsed - since < _NO_VICTIM_FOR, f"never there: {name}"
            waiting.append((elapsed + _AGAIN_AFTER, place))
            waiting.sort()
        time.sleep(_TURN_SECONDS)
