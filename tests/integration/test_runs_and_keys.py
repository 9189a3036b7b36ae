"""Runs while keys are lost, come back, and are rotated."""

from __future__ import annotations

from typing import Any

import pytest

from tests.portal_database import PortalDatabase
from tests.servers import SourceServer
from tests.support.commands import manage
from tests.support.keys import BOTH, NEW, OLD
from tests.support.scenes import START, Scene, add_orders


@pytest.fixture
def scene(committed_db: PortalDatabase, postgres_source: SourceServer, settings: Any) -> Scene:
    settings.ENCRYPTION_KEY = OLD
    scene = Scene(postgres_source)
    add_orders(postgres_source, (START, "north", "web", 1.0))
    return scene


def test_a_run_whose_key_is_lost_fails_by_name_and_the_window_is_loaded_once_it_is_back(
    scene: Scene, settings: Any
) -> None:
    queued = scene.dispatch()
    settings.ENCRYPTION_KEY = NEW
    failed = scene.execute(queued)
    assert (failed.status, failed.error_code) == ("FAILED", "DECRYPTION_FAILED")
    assert not failed.records_loaded
    settings.ENCRYPTION_KEY = BOTH
    loaded = scene.run()
    assert (loaded.status, loaded.records_loaded) == ("SUCCESS", 1)
    assert loaded.window == failed.window


def test_a_run_dispatched_before_a_rotation_loads_after_it_by_the_new_key_alone(
    scene: Scene, settings: Any
) -> None:
    queued = scene.dispatch()
    settings.ENCRYPTION_KEY = BOTH
    assert manage("rotate_keys").code == 0
    settings.ENCRYPTION_KEY = NEW
    loaded = scene.execute(queued)
    assert (loaded.status, loaded.records_loaded) == ("SUCCESS", 1)
    assert scene.run().status == "SUCCESS"
