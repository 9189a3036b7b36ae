"""Django's settings, made from the environment (see `configuration.py` for the register)."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path

from core.env import ConfigurationError
from core.log_setup import configure_structlog, logging_config
from loaderportal.answer_cache import answer_cache
from loaderportal.api_schema import SETTINGS as SPECTACULAR_SETTINGS  # noqa: F401 - drf-spectacular
from loaderportal.configuration import load
from loaderportal.console import UNFOLD  # noqa: F401 - read by django-unfold

try:
    _config = load(os.environ)
except ConfigurationError as error:
    sys.exit(f"Loader Portal can't start: {error}")

BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = _config["LOADERPORTAL_SECRET_KEY"]
ENCRYPTION_KEY = _config["ENCRYPTION_KEY"]
DEBUG = False
ALLOWED_HOSTS = _config["LOADERPORTAL_ALLOWED_HOSTS"]

DEPLOYMENT_ENVIRONMENT = _config["LOADERPORTAL_ENVIRONMENT"]
DATABASE_APP_ROLE = _config["LOADERPORTAL_APP_ROLE"]
REPLICA_NAME = _config["LOADERPORTAL_REPLICA_NAME"]
DEFAULT_LOOKBACK = timedelta(hours=_config["LOADERPORTAL_DEFAULT_LOOKBACK_HOURS"])
DEFAULT_GRAIN_SECONDS = _config["LOADERPORTAL_DEFAULT_GRAIN_SECONDS"]
DEFAULT_LATENESS_SECONDS = _config["LOADERPORTAL_DEFAULT_LATENESS_SECONDS"]
THREAD_POOL_SIZE = _config["LOADERPORTAL_THREAD_POOL_SIZE"]
EXECUTION_TIMEOUT = timedelta(hours=_config["LOADERPORTAL_EXECUTION_TIMEOUT_HOURS"])
POLL_SECONDS = _config["LOADERPORTAL_POLL_SECONDS"]
MAX_ACTIVE_LOCKS = _config["LOADERPORTAL_MAX_ACTIVE_LOCKS"]
BACKFILL_APPROVAL = timedelta(hours=_config["LOADERPORTAL_BACKFILL_APPROVAL_HOURS"])
GAP_SCAN_INTERVAL = timedelta(hours=_config["LOADERPORTAL_GAP_SCAN_HOURS"])
GAP_LOOKBACK = timedelta(days=_config["LOADERPORTAL_GAP_LOOKBACK_DAYS"])
GAP_MIN = timedelta(seconds=_config["LOADERPORTAL_GAP_MIN_SECONDS"])
GAP_MAX_JOBS = _config["LOADERPORTAL_GAP_MAX_JOBS"]
REQUEST_LIFETIME = timedelta(days=_config["LOADERPORTAL_REQUEST_DAYS"])
OBJECT_PERMISSIONS = _config["LOADERPORTAL_OBJECT_PERMISSIONS"]
REQUIRE_READ_ONLY_SOURCES = _config["LOADERPORTAL_REQUIRE_READ_ONLY_SOURCES"]
LOADER_CODE_PATTERN = _config["LOADERPORTAL_LOADER_CODE_PATTERN"]
STALE_LOCK_AGE = timedelta(hours=_config["LOADERPORTAL_STALE_LOCK_HOURS"])
RELEASED_LOCK_RETENTION = timedelta(days=_config["LOADERPORTAL_RELEASED_LOCK_RETENTION_DAYS"])
OUTPUT_RETENTION = timedelta(days=_config["LOADERPORTAL_OUTPUT_RETENTION_DAYS"])
LOCK_CLEANUP_CRON = _config["LOADERPORTAL_LOCK_CLEANUP_CRON"]
RAW_CAPTURE_URL = _config["LOADERPORTAL_RAW_CAPTURE_URL"]
RECOUNT_AGES = sorted(timedelta(hours=float(n)) for n in _config["LOADERPORTAL_RECOUNT_AGES_HOURS"])
TRIAL_TIMEOUT = timedelta(seconds=_config["LOADERPORTAL_TRIAL_SECONDS"])
TRIAL_ROWS = _config["LOADERPORTAL_TRIAL_ROWS"]
TRIAL_RETENTION = timedelta(days=_config["LOADERPORTAL_TRIAL_RETENTION_DAYS"])
RAW_CAPTURE_RETENTION = timedelta(days=_config["LOADERPORTAL_RAW_CAPTURE_DAYS"])
AUDIT_RETENTION = timedelta(days=_config["LOADERPORTAL_AUDIT_RETENTION_DAYS"])
HISTORY_RETENTION = timedelta(days=_config["LOADERPORTAL_HISTORY_RETENTION_DAYS"])
SIGNALS_RETENTION = timedelta(days=_config["LOADERPORTAL_SIGNALS_RETENTION_DAYS"])
GAP_SCAN_RETENTION = timedelta(days=_config["LOADERPORTAL_GAP_SCAN_RETENTION_DAYS"])
EVENT_RETENTION = timedelta(days=_config["LOADERPORTAL_EVENT_RETENTION_DAYS"])
RATE_LIMIT = _config["LOADERPORTAL_RATE_LIMIT"]
TOKEN_LIFETIME = timedelta(days=_config["LOADERPORTAL_TOKEN_DAYS"])
TOKEN_LONGEST_LIFETIME = timedelta(days=_config["LOADERPORTAL_TOKEN_MAX_DAYS"])
LEASE = timedelta(seconds=_config["LOADERPORTAL_LEASE_SECONDS"])
DRAIN_SECONDS = _config["LOADERPORTAL_DRAIN_SECONDS"]

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "core",
    "audit",
    "accounts",
    "loaders",
    "signals",
    "execution",
    "backfill",
    "loaderportal",
    "loaderportal.console_config.ConsoleConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "rest_framework_simplejwt.token_blacklist",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "knox",
    "axes",
    "simple_history",
    "guardian",
    "django_q",
]
MIDDLEWARE = [
    "core.correlation.CorrelationMiddleware",
    "audit.middleware.SourceAddressMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "core.console_addresses.RefuseNul",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.time_zone.TimeZoneMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "loaderportal.urls"
WSGI_APPLICATION = "loaderportal.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "builtins": ["core.templatetags.times"],
        },
    }
]

# lock_timeout and idle_in_transaction_session_timeout keep control sessions short; a run's own
# session lifts the second for its transaction, which waits on the source.
_SESSION = (
    "-c search_path=loader,signals,public -c timezone=UTC -c lock_timeout=15s "
    "-c idle_in_transaction_session_timeout=120s"
)
DATABASES = {
    "default": {
        **_config["DATABASE"],
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "options": _SESSION,
            "application_name": "loaderportal",
            # A database host that vanishes is noticed within seconds, not after a quarter of an
            # hour: heartbeats, drain and web requests would all hang so long.
            "connect_timeout": 5,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 15_000,
        },
    }
}
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    "signals": answer_cache(_config["REDIS_URL"]),
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

Q_CLUSTER = {
    "name": "loaderportal",
    "orm": "default",
    "poll": 0.2,
    "guard_cycle": 0.5,
    "bulk": 1,
    "queue_limit": 1,
    "workers": 1,
    "timeout": 600,
    "retry": 900,
    "ack_failures": True,
    "max_attempts": 1,
    "save_limit": -1,
    "recycle": 5000,
    "scheduler": False,
    "log_level": "WARNING",
    "ALT_CLUSTERS": {
        "poll": {},
        "maintenance": {},
        "exec": {
            "workers": THREAD_POOL_SIZE,
            "timeout": int(EXECUTION_TIMEOUT.total_seconds()) + 600,
            "retry": int(EXECUTION_TIMEOUT.total_seconds()) + 1200,
        },
    },
}

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
# Who is locked out, and when, is decided in `accounts.lockout`; what axes would decide is unused.
AXES_HANDLER = "accounts.lockout.PortalLockout"
AXES_LOCKOUT_CALLABLE = "accounts.sign_in.locked_out_page"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
ANONYMOUS_USER_NAME = None
# guardian stores grants; `accounts.object_access` asks for them, never Django's has_perm.
SILENCED_SYSTEM_CHECKS = ["guardian.W001"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
TRUSTED_PROXIES = _config["LOADERPORTAL_TRUSTED_PROXIES"]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not _config["LOADERPORTAL_INSECURE_COOKIES"]
SESSION_COOKIE_AGE = 12 * 3600
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.token_use.ApiTokenAuthentication",
        "rest_framework_simplejwt.authentication.JWTAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.api_permissions.MayByRole"],
    "DEFAULT_RENDERER_CLASSES": ["core.api.json.CamelCaseRenderer"],
    "DEFAULT_PARSER_CLASSES": ["core.api.json.CamelCaseParser"],
    "DEFAULT_PAGINATION_CLASS": "core.api.pagination.NewestFirstPagination",
    "EXCEPTION_HANDLER": "core.api.problems.problem_response",
    "DEFAULT_SCHEMA_CLASS": "accounts.api_schema.RoleSchema",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,  # `?format=` is a parameter like any other
}
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=15),
    "REFRESH_TOKEN_LIFETIME": timedelta(hours=12),
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
}
REST_KNOX = {"TOKEN_PREFIX": "lpt_", "AUTH_HEADER_PREFIX": "Bearer"}
MIGRATION_MODULES = {"knox": None}  # they would make a table for the model that ours replaces
KNOX_TOKEN_MODEL = "accounts.ApiToken"  # noqa: S105 - the name of a model

# Without LocaleMiddleware, and with one language: a page whose buttons Django and Unfold translate
# and whose sentences nobody did is worse than one in English (see CONTRIBUTING.md).
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English")]
USE_I18N = True
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
FORMAT_MODULE_PATH = ["loaderportal.formats"]
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = _config["LOADERPORTAL_STATIC_ROOT"] or None
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True

LOGGING = logging_config(_config["LOADERPORTAL_LOG_LEVEL"])
configure_structlog()
