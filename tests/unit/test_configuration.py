"""Configuration: what stops the start, and what it says."""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path

import pytest

from core.env import ConfigurationError
from loaderportal.configuration import VARIABLES, load
from loaderportal.configuration_reference import reference
from loaderportal.configuration_values import parse_database_url

ROOT = Path(__file__).resolve().parents[2]
GOOD = {
    "LOADERPORTAL_SECRET_KEY": "s" * 40,
    "ENCRYPTION_KEY": base64.b64encode(b"k" * 32).decode(),
    "DATABASE_URL": "postgresql://app:p%40ss@db:5433/portal",
}


def test_defaults_hold_where_nothing_is_set() -> None:
    values = load(GOOD)
    assert values["LOADERPORTAL_POLL_SECONDS"] == 10
    assert values["DATABASE"]["PASSWORD"] == "p@ss"
    assert values["DATABASE"]["PORT"] == 5433


@pytest.mark.parametrize("name", ["LOADERPORTAL_SECRET_KEY", "ENCRYPTION_KEY", "DATABASE_URL"])
def test_a_missing_required_variable_is_named(name: str) -> None:
    environment = {key: value for key, value in GOOD.items() if key != name}
    with pytest.raises(ConfigurationError, match=f"{name} is not set"):
        load(environment)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOADERPORTAL_SECRET_KEY", "too-short-secret"),
        ("ENCRYPTION_KEY", "not-a-key-but-secret"),
        ("DATABASE_URL", "mysql://user:hidden-password@db/portal"),
        ("DATABASE_URL", "postgresql://user:hidden-password@db:port/portal"),
        ("LOADERPORTAL_POLL_SECONDS", "often"),
        ("LOADERPORTAL_THREAD_POOL_SIZE", "0"),
        ("LOADERPORTAL_INSECURE_COOKIES", "perhaps"),
        ("LOADERPORTAL_APP_ROLE", 'app"; DROP ROLE x'),
        ("LOADERPORTAL_TRUSTED_PROXIES", "10.0.0.300/8"),
        ("LOADERPORTAL_TOKEN_DAYS", "0"),
        ("LOADERPORTAL_LOCK_CLEANUP_CRON", "every night"),
    ],
)
def test_a_malformed_value_is_named_and_never_shown(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{name} is malformed") as caught:
        load({**GOOD, name: value})
    assert value not in str(caught.value)
    assert "hidden-password" not in str(caught.value)


def test_a_tokens_default_life_is_not_longer_than_the_longest() -> None:
    with pytest.raises(ConfigurationError, match=r"TOKEN_DAYS \(90\) must not exceed"):
        load({**GOOD, "LOADERPORTAL_TOKEN_MAX_DAYS": "30"})


def test_a_lock_is_never_stale_before_its_run_times_out() -> None:
    with pytest.raises(ConfigurationError, match="must exceed"):
        load({**GOOD, "LOADERPORTAL_EXECUTION_TIMEOUT_HOURS": "3"})


def test_a_mounted_secret_is_read_from_its_file(tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text("f" * 40 + "\n")
    environment = {**GOOD, "LOADERPORTAL_SECRET_KEY_FILE": str(secret)}
    del environment["LOADERPORTAL_SECRET_KEY"]
    assert load(environment)["LOADERPORTAL_SECRET_KEY"] == "f" * 40


def test_a_secret_file_that_is_not_there_stops_the_start() -> None:
    environment = {**GOOD, "ENCRYPTION_KEY": "", "ENCRYPTION_KEY_FILE": "/nowhere"}
    with pytest.raises(ConfigurationError, match="ENCRYPTION_KEY_FILE"):
        load(environment)


def test_the_seeds_names_work_and_database_url_wins() -> None:
    spring = {
        **GOOD,
        "DATABASE_URL": "",
        "SPRING_DATASOURCE_URL": "jdbc:postgresql://old:5432/loader",
        "SPRING_DATASOURCE_USERNAME": "loader",
        "SPRING_DATASOURCE_PASSWORD": "old-password",
    }
    database = load(spring)["DATABASE"]
    assert (database["HOST"], database["USER"]) == ("old", "loader")
    assert load({**spring, "DATABASE_URL": GOOD["DATABASE_URL"]})["DATABASE"]["HOST"] == "db"
    del spring["SPRING_DATASOURCE_PASSWORD"]
    with pytest.raises(ConfigurationError, match="SPRING_DATASOURCE_PASSWORD is not set"):
        load(spring)


def test_the_seeds_replica_name_is_an_alias() -> None:
    assert load({**GOOD, "LOADER_REPLICA_NAME": "pod-7"})["LOADERPORTAL_REPLICA_NAME"] == "pod-7"


def test_every_variable_is_described_once() -> None:
    names = [variable.name for variable in VARIABLES]
    assert len(names) == len(set(names))
    assert all(variable.description.endswith(".") for variable in VARIABLES)


def test_the_reference_in_the_docs_is_the_one_made_from_code() -> None:
    assert (ROOT / "docs" / "configuration.md").read_text() == reference()


def test_a_database_address_keeps_what_was_quoted() -> None:
    assert parse_database_url("postgres://u%3A:p@h/d%2Fe")["NAME"] == "d/e"


def test_a_command_without_configuration_ends_with_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert done.stderr.strip().count("\n") == 0
    assert "LOADERPORTAL_SECRET_KEY is not set" in done.stderr
