"""SourceDatabase: a production database that loaders read (spec 2)."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models

from accounts.object_access import granted_ids, is_restricted
from accounts.roles import User
from core.encrypted_fields import EncryptedTextField
from core.history import SealedHistory
from core.ids import uuid7
from loaders import blackout, rules
from loaders.connectors.base import SourceProfile, TlsMode
from loaders.dialects import DatabaseType

CODE_VALIDATOR = RegexValidator(
    r"^[A-Z][A-Z0-9_]{2,63}$",
    "Use 3 to 64 characters: capital letters, digits and underscores, a letter first.",
)


class ReadOnlyVerdict(models.TextChoices):
    """What the permission inspector last found the source's account to be (spec 4)."""

    UNKNOWN = "UNKNOWN", "Not known"
    READ_ONLY = "READ_ONLY", "Read-only"
    CAN_WRITE = "CAN_WRITE", "Can write"


def quarter_of_slots() -> int:
    """Concurrent connections of a source that sets none: a quarter of a replica's slots."""
    return max(1, int(settings.THREAD_POOL_SIZE) // 4)


def deployment_environment() -> str:
    """The environment of this deployment, the only one whose sources it may read."""
    return str(settings.DEPLOYMENT_ENVIRONMENT)


class SourceDatabaseQuerySet(models.QuerySet["SourceDatabase"]):
    """Named queries over sources."""

    def visible_to(self, user: User) -> SourceDatabaseQuerySet:
        """Sources that the user reaches: granted to a team of theirs."""
        if not is_restricted(user):
            return self
        return self.filter(pk__in=granted_ids(user, SourceDatabase))


class SourceDatabase(models.Model):
    """Connection profile of a source. The columns `ip` and `pass_word` keep the seed's names."""

    GOVERNED = (
        "host",
        "port",
        "db_type",
        "db_name",
        "user_name",
        "tls_mode",
        "tls_ca",
        "time_zone",
    )
    """A change of one of these returns the source's loaders to DRAFT (spec 3). The time zone is
    among them because a loader that sets none takes the source's."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    db_code = models.CharField(
        "code", max_length=64, unique=True, validators=[CODE_VALIDATOR], db_column="db_code"
    )
    db_type = models.CharField("kind", max_length=16, choices=DatabaseType.choices)
    host = models.CharField(max_length=255, blank=True, db_column="ip")
    port = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(65535)]
    )
    db_name = models.CharField("database", max_length=128, blank=True)
    user_name = models.CharField("user", max_length=128, blank=True)
    password = EncryptedTextField(
        place="source_databases.pass_word", db_column="pass_word", blank=True
    )
    environment = models.CharField(max_length=32, default=deployment_environment)
    tls_mode = models.CharField(
        "TLS", max_length=16, choices=[(m.value, m.value) for m in TlsMode], default=TlsMode.PREFER
    )
    tls_ca = models.TextField("TLS authority (PEM)", blank=True)
    connect_timeout_seconds = models.PositiveIntegerField(
        default=10, validators=[MinValueValidator(1), MaxValueValidator(120)]
    )
    idle_read_timeout_seconds = models.PositiveIntegerField(
        default=60, validators=[MinValueValidator(1), MaxValueValidator(3600)]
    )
    max_connections = models.PositiveIntegerField(
        "concurrent connections",
        default=quarter_of_slots,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="Runs that may read this source at once.",
    )
    time_zone = models.CharField("time zone", max_length=64, blank=True)
    blackout_hours = models.CharField(max_length=255, blank=True)
    retention_days = models.PositiveIntegerField(
        "retention (days)", null=True, blank=True, validators=[MinValueValidator(1)]
    )
    allow_test_queries = models.BooleanField(default=False)
    read_only_verdict = models.CharField(
        "account", max_length=16, choices=ReadOnlyVerdict.choices, default=ReadOnlyVerdict.UNKNOWN
    )
    read_only_checked_at = models.DateTimeField(null=True, editable=False)
    read_only_findings = models.JSONField(default=list, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    history = SealedHistory(
        table_name="source_databases_history",
        excluded_fields=["read_only_verdict", "read_only_checked_at", "read_only_findings"],
    )
    objects = SourceDatabaseQuerySet.as_manager()

    class Meta:
        db_table = "source_databases"
        ordering = ("db_code",)
        verbose_name = "source database"

    def __str__(self) -> str:
        return self.db_code

    def clean(self) -> None:
        """Rules over several fields. Raises ValidationError by field."""
        errors = {
            **rules.address_errors(
                self.db_type, self.host, self.port, self.db_name, self.user_name
            ),
            **rules.zone_errors(self.time_zone, None),
            **rules.blackout_errors(self.blackout_hours),
        }
        if errors:
            raise ValidationError(errors)

    def blackout_end(self, now: datetime) -> datetime | None:
        """When the blackout that `now` lies in ends (aware UTC); None outside of one."""
        return blackout.ends_at(blackout.parse(self.blackout_hours), self.time_zone, now)

    def governed_values(self) -> dict[str, object]:
        """What of the source belongs to the definition of each of its loaders."""
        return {"db_code": self.db_code} | {name: getattr(self, name) for name in self.GOVERNED}

    def profile(self) -> SourceProfile:
        """How to reach the source, without its password."""
        return SourceProfile(
            db_code=self.db_code,
            db_type=DatabaseType(self.db_type),
            host=self.host,
            port=self.port or DatabaseType(self.db_type).default_port,
            db_name=self.db_name,
            user_name=self.user_name,
            tls_mode=TlsMode(self.tls_mode),
            tls_ca=self.tls_ca,
            connect_timeout_seconds=self.connect_timeout_seconds,
            idle_read_timeout_seconds=self.idle_read_timeout_seconds,
        )
