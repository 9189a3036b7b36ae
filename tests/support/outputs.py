"""A loader with three signals, whose window is loaded again and restored."""

from __future__ import annotations

from typing import Any

from django.db import connection

from core.window import Window
from execution.models import LoadHistory, RunStatus, Trigger
from execution.services import dispatch_window, restore_output
from execution.windows import NotDue
from loaders.models import LoaderState
from loaders.policies import PurgeStrategy
from signals.models import OutputVersion
from tests.servers import SourceServer
from tests.support.scenes import HOUR, START, Scene, add_orders

WINDOW = Window(START, START + 6 * HOUR)
CONTENT = (
    "load_time_stamp, segment_code, rec_count, value_count, sum_val, avg_val, max_val, min_val"
)


def loaded_scene(source: SourceServer) -> Scene:
    """Three signals of a first run, whose window lies behind the loader by now."""
    scene = Scene(source, max_parallel_executions=2)
    for hour, region in enumerate(("north", "south", "west")):
        add_orders(source, (START + hour * HOUR, region, "web", 1.0 + hour))
    assert scene.run().status == RunStatus.SUCCESS
    LoaderState.objects.update(last_load_timestamp=START + 14 * HOUR)
    return scene


def reloaded_scene(source: SourceServer) -> tuple[Scene, OutputVersion]:
    """The same after a reload that brought something else, and the version it left."""
    scene = loaded_scene(source)
    change_the_source(scene)
    reload(scene)
    return scene, OutputVersion.objects.get()


def change_the_source(scene: Scene) -> None:
    """One signal more, one less, one other value; `west` stays."""
    scene.server.execute("DELETE FROM orders WHERE region = 'north'")
    add_orders(
        scene.server, (START + HOUR, "south", "web", 5.0), (START + 3 * HOUR, "east", "app", None)
    )


def reload(scene: Scene, **values: Any) -> LoadHistory:
    """Load the window again."""
    return scene.execute(dispatched(scene, **values))


def dispatched(scene: Scene, **values: Any) -> LoadHistory:
    """A reload that waits for a worker."""
    scene.beat()
    usual: dict[str, Any] = {
        "trigger": Trigger.BACKFILL,
        "purge_strategy": PurgeStrategy.PURGE_AND_RELOAD,
        "window": WINDOW,
    }
    outcome = dispatch_window(loader_id=scene.loader.pk, **{**usual, **values})
    assert not isinstance(outcome, NotDue)
    return outcome


def restore(scene: Scene, version: OutputVersion) -> LoadHistory:
    """The operator restores the version; the history afterwards."""
    scene.beat()
    return scene.execute(restore_output(user=scene.people.operator, version_id=version.pk))


def content(columns: str = CONTENT) -> list[tuple[Any, ...]]:
    """The target's rows, by SQL of the test's own."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM signals.signals_history ORDER BY 1, 2")
        return list(cursor.fetchall())


def kept_content(version: OutputVersion, columns: str = CONTENT) -> list[tuple[Any, ...]]:
    """A version's rows, likewise."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {columns} FROM signals.output_row WHERE version_id = %s ORDER BY 1, 2",
            [version.pk],
        )
        return list(cursor.fetchall())


def kept_rows() -> int:
    """Rows of output versions, made or not."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM signals.output_row")
        return int(cursor.fetchone()[0])


def nothing_is_kept() -> bool:
    """Neither a version nor rows of one."""
    return kept_rows() == 0 and not OutputVersion.objects.exists()


def cancel_from_elsewhere() -> None:
    """Ask all runs to stop, in a session of its own."""
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("UPDATE loader_execution_lock SET cancel_requested = true")
    other.close()
