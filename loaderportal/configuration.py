"""The register of environment variables (spec 11). `docs/configuration.md` is made from it."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

from core.api.rate import rate_limit
from core.env import ConfigurationError, Variable, one_of, read_all, switch, whole_number, words
from loaderportal.capture_url import capture_url
from loaderportal.configuration_values import (
    ages,
    cron,
    keyring_text,
    networks,
    parse_database_url,
    pattern,
    redis_url,
    retention,
    role_name,
    secret_key,
)

VARIABLES = (
    Variable(
        "LOADERPORTAL_SECRET_KEY",
        "Signs sessions, login tokens and queue messages; at least 32 random characters.",
        secret_key,
    ),
    Variable(
        "ENCRYPTION_KEY",
        "Keyring of base64 keys of 32 bytes, comma-separated: the first encrypts, all decrypt.",
        keyring_text,
    ),
    Variable(
        "LOADERPORTAL_APP_ROLE",
        "PostgreSQL role the application runs as, when migrations run as another; `migrate` "
        "grants it what it needs and nothing that alters the audit trail.",
        role_name,
        default="",
    ),
    Variable(
        "LOADERPORTAL_REPLICA_NAME",
        "Name of this worker replica; must be unique among replicas.",
        default=socket.gethostname(),
        aliases=("LOADER_REPLICA_NAME",),
    ),
    Variable(
        "LOADERPORTAL_ENVIRONMENT",
        "Deployment environment; loaders run only against sources of the same environment.",
        default="production",
    ),
    Variable(
        "LOADERPORTAL_ALLOWED_HOSTS",
        "Host names the web server answers to, comma-separated.",
        words,
        default=["localhost", "127.0.0.1", "[::1]"],
    ),
    Variable(
        "LOADERPORTAL_TRUSTED_PROXIES",
        "Addresses or networks (`10.0.0.0/8`) of the reverse proxies in front, comma-separated: "
        "their `X-Forwarded-For` says where a request comes from, their `X-Forwarded-Proto` "
        "whether it came over TLS. Nobody else's is believed.",
        networks,
        default=[],
    ),
    Variable(
        "LOADERPORTAL_INSECURE_COOKIES",
        "Allow cookies over plain HTTP; only for a portal on the local machine.",
        switch,
        default=False,
    ),
    Variable(
        "LOADERPORTAL_STATIC_ROOT",
        "Folder that `collectstatic` fills and the web server serves; empty serves the packages' "
        "own files.",
        default="",
    ),
    Variable(
        "LOADERPORTAL_LOG_LEVEL",
        "Level of the log.",
        one_of("DEBUG", "INFO", "WARNING", "ERROR"),
        default="INFO",
    ),
    Variable(
        "LOADERPORTAL_DEFAULT_LOOKBACK_HOURS",
        "How far back the first window of a loader without start_at reaches, in hours.",
        whole_number(),
        default=24,
    ),
    Variable(
        "LOADERPORTAL_THREAD_POOL_SIZE",
        "Runs that this replica executes at once.",
        whole_number(maximum=64),
        default=10,
    ),
    Variable(
        "LOADERPORTAL_EXECUTION_TIMEOUT_HOURS",
        "Longest run of a loader that sets no timeout of its own, in hours.",
        whole_number(),
        default=2,
    ),
    Variable(
        "LOADERPORTAL_POLL_SECONDS",
        "Time between two scheduler cycles, in seconds.",
        whole_number(),
        default=10,
    ),
    Variable(
        "LOADERPORTAL_MAX_ACTIVE_LOCKS",
        "Runs active at once over all replicas.",
        whole_number(),
        default=100,
    ),
    Variable(
        "LOADERPORTAL_LEASE_SECONDS",
        "How long a run keeps its lock without a heartbeat, in seconds; a heartbeat comes every "
        "sixth of it.",
        whole_number(minimum=6),
        default=60,
    ),
    Variable(
        "LOADERPORTAL_DRAIN_SECONDS",
        "How long a stopping replica lets its runs finish before it ends them, in seconds.",
        whole_number(minimum=0),
        default=30,
    ),
    Variable(
        "REDIS_URL",
        "Redis that keeps answers to signals queries for a while: `redis://`, `rediss://` or "
        "`unix://`; without it they are kept in the portal's database. See `signals.md`.",
        redis_url,
        default="",
    ),
    Variable(
        "LOADERPORTAL_RATE_LIMIT",
        "How many requests a user may make at the API, over all sessions and tokens; who is not "
        "signed in is counted by address. `N/s`, `N/min`, `N/h`, or `off`.",
        rate_limit,
        default=rate_limit("100/min"),
    ),
    Variable(
        "LOADERPORTAL_TOKEN_DAYS",
        "How long an API token is valid if its owner says nothing, in days.",
        whole_number(),
        default=90,
    ),
    Variable(
        "LOADERPORTAL_TOKEN_MAX_DAYS",
        "How long an API token may be valid at most, in days.",
        whole_number(maximum=3650),
        default=365,
    ),
    Variable(
        "LOADERPORTAL_REQUEST_DAYS",
        "How long a request for approval waits before it expires and returns to draft, in days.",
        whole_number(),
        default=30,
    ),
    Variable(
        "LOADERPORTAL_BACKFILL_APPROVAL_HOURS",
        "A backfill over more hours of data than these needs a second person's approval; with 0 "
        "every one does.",
        whole_number(minimum=0),
        default=168,
    ),
    Variable(
        "LOADERPORTAL_RECOUNT_AGES_HOURS",
        "When closed windows are asked again for late data: ages in hours, such as `1,24`, or "
        "`off`. Each age is a pass that reads everything once more.",
        ages,
        default=["24"],
    ),
    Variable(
        "LOADERPORTAL_OBJECT_PERMISSIONS",
        "Let operators and approvers reach only the sources and loaders granted to their teams.",
        switch,
        default=False,
    ),
    Variable(
        "LOADERPORTAL_REQUIRE_READ_ONLY_SOURCES",
        "Refuse runs against a source whose account was not found to be read-only.",
        switch,
        default=False,
    ),
    Variable(
        "LOADERPORTAL_LOADER_CODE_PATTERN",
        "Regular expression that the code of every new loader must match as a whole, besides the "
        "product's own rule.",
        pattern,
        default="",
    ),
    Variable(
        "LOADERPORTAL_STALE_LOCK_HOURS",
        "Age at which a run is cancelled and its lock released, whatever its heartbeat says, in "
        "hours; must exceed every execution timeout.",
        whole_number(minimum=2),
        default=3,
    ),
    Variable(
        "LOADERPORTAL_RELEASED_LOCK_RETENTION_DAYS",
        "How long released locks are kept, in days.",
        whole_number(),
        default=7,
    ),
    Variable(
        "LOADERPORTAL_OUTPUT_RETENTION_DAYS",
        "How long the rows that a reload replaced can be compared and restored, in days.",
        whole_number(),
        default=30,
    ),
    Variable(
        "LOADERPORTAL_LOCK_CLEANUP_CRON",
        "When released locks past their retention are deleted: a cron expression, UTC.",
        cron,
        default="0 2 * * *",
    ),
    Variable(
        "LOADERPORTAL_GAP_SCAN_HOURS",
        "How often all loaders are scanned for gaps, in hours.",
        whole_number(),
        default=6,
    ),
    Variable(
        "LOADERPORTAL_GAP_LOOKBACK_DAYS",
        "How far back a scan for gaps looks, in days.",
        whole_number(),
        default=7,
    ),
    Variable(
        "LOADERPORTAL_GAP_MIN_SECONDS",
        "How long a gap must be for a scan to load it, in seconds.",
        whole_number(minimum=0),
        default=300,
    ),
    Variable(
        "LOADERPORTAL_GAP_MAX_JOBS",
        "How many backfills a scan makes at most; the next one goes on. With 0 it only reports.",
        whole_number(minimum=0),
        default=100,
    ),
    Variable(
        "LOADERPORTAL_RAW_CAPTURE_URL",
        "Where loaders with raw capture keep their rows: a folder (`/path`, `file:///path`) or "
        "`s3://bucket/prefix?region=...`; empty refuses such loaders. See `raw_capture.md`.",
        capture_url,
        default="",
    ),
    Variable(
        "LOADERPORTAL_RAW_CAPTURE_DAYS",
        "How long raw rows are kept, in days.",
        whole_number(),
        default=30,
    ),
    Variable(
        "LOADERPORTAL_AUDIT_RETENTION_DAYS",
        "How long audit events are kept after they were sealed, in days, at least 30; 0 keeps them "
        "for ever. `migrate` lets the application prune only where this is set.",
        retention,
        default=0,
    ),
    Variable(
        "LOADERPORTAL_SIGNALS_RETENTION_DAYS",
        "How long signals are kept, in days, at least 30; 0 keeps them for ever. Whole months "
        "(UTC) are dropped once their last day is older. See `retention.md`.",
        retention,
        default=0,
    ),
    Variable(
        "LOADERPORTAL_HISTORY_RETENTION_DAYS",
        "How long executions and re-counts are kept, in days, at least 30; 0 keeps them for ever. "
        "Must exceed `LOADERPORTAL_GAP_LOOKBACK_DAYS` and "
        "`LOADERPORTAL_RELEASED_LOCK_RETENTION_DAYS`.",
        retention,
        default=400,
    ),
    Variable(
        "LOADERPORTAL_GAP_SCAN_RETENTION_DAYS",
        "How long scans for gaps and their findings are kept, in days; 0 keeps them for ever.",
        whole_number(minimum=0, maximum=36_500),
        default=90,
    ),
    Variable(
        "LOADERPORTAL_TRIAL_SECONDS",
        "How long one statement of a test query, dry run or evidence pack may take at the source, "
        "in seconds.",
        whole_number(maximum=900),
        default=60,
    ),
    Variable(
        "LOADERPORTAL_TRIAL_ROWS",
        "Rows that a dry run or an evidence pack reads at most.",
        whole_number(minimum=1000, maximum=1_000_000),
        default=100_000,
    ),
    Variable(
        "LOADERPORTAL_TRIAL_RETENTION_DAYS",
        "How long the results of test queries and dry runs are kept, in days. Evidence packs are "
        "kept with their versions.",
        whole_number(),
        default=7,
    ),
    Variable(
        "LOADERPORTAL_EVENT_RETENTION_DAYS",
        "How long events can be followed, in days (see `events.md`).",
        whole_number(),
        default=30,
    ),
    Variable(
        "LOADERPORTAL_DEFAULT_GRAIN_SECONDS",
        "Grain of a loader that sets none, in seconds.",
        whole_number(),
        default=60,
    ),
    Variable(
        "LOADERPORTAL_DEFAULT_LATENESS_SECONDS",
        "Lateness of a loader that sets none, in seconds.",
        whole_number(minimum=0),
        default=60,
    ),
)


def load(environment: Mapping[str, str]) -> dict[str, Any]:
    """All values by variable name, and `DATABASE` for Django. Raises ConfigurationError."""
    values = {**read_all(VARIABLES, environment), "DATABASE": _database(environment)}
    stale, timeout = (
        values[f"LOADERPORTAL_{name}_HOURS"] for name in ("STALE_LOCK", "EXECUTION_TIMEOUT")
    )
    days, most = (values[f"LOADERPORTAL_TOKEN_{name}DAYS"] for name in ("", "MAX_"))
    if days > most:
        raise ConfigurationError(
            f"LOADERPORTAL_TOKEN_DAYS ({days}) must not exceed "
            f"LOADERPORTAL_TOKEN_MAX_DAYS ({most})."
        )
    _check_history(values)
    if stale <= timeout:
        raise ConfigurationError(
            f"LOADERPORTAL_STALE_LOCK_HOURS ({stale}) must exceed "
            f"LOADERPORTAL_EXECUTION_TIMEOUT_HOURS ({timeout})."
        )
    return values


def _check_history(values: Mapping[str, Any]) -> None:
    """Whatever reads back so far must find the executions. Raises ConfigurationError."""
    kept = values["LOADERPORTAL_HISTORY_RETENTION_DAYS"]
    for name in ("LOADERPORTAL_GAP_LOOKBACK_DAYS", "LOADERPORTAL_RELEASED_LOCK_RETENTION_DAYS"):
        if 0 < kept <= values[name]:
            raise ConfigurationError(
                f"LOADERPORTAL_HISTORY_RETENTION_DAYS ({kept}) must exceed {name} ({values[name]})."
            )


def _database(environment: Mapping[str, str]) -> dict[str, Any]:
    """`DATABASE_URL`, else the seeds' `SPRING_DATASOURCE_*`, as a Django entry."""
    address = Variable(
        "DATABASE_URL", "Address of the portal's own PostgreSQL database.", parse_database_url
    )
    spring = Variable("SPRING_DATASOURCE_URL", "The same in JDBC form.", default="").read(
        environment
    )
    if not spring or environment.get("DATABASE_URL") or environment.get("DATABASE_URL_FILE"):
        return dict(address.read(environment))
    try:
        database = parse_database_url(spring.removeprefix("jdbc:"))
    except ValueError as error:
        raise ConfigurationError(f"SPRING_DATASOURCE_URL is malformed: {error}.") from None
    for entry, suffix in (("USER", "USERNAME"), ("PASSWORD", "PASSWORD")):
        name = f"SPRING_DATASOURCE_{suffix}"
        database[entry] = Variable(name, "Part of SPRING_DATASOURCE_URL's login.").read(environment)
    return database
