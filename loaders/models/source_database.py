"""SourceDatabase: a production database that loaders read (spec 2)."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from simple_history.models import HistoricalRecords

from core.encrypted_fields import EncryptedTextField
from core.ids import uuid7
from loaders.connectors.base import SourceProfile, TlsMode
from loaders.dialects import DatabaseType

CODE_VALIDATOR = RegexValidator(
    r"^[A-Z][A-Z0-9_]{2,63}$",
    "Use 3 to 64 characters: capital letters, digits and underscores, a letter first.",
)


def deployment_environment() -> str:
    """The environment of this deployment, the only one whose sources it may read."""
    return str(settings.DEPLOYMENT_ENVIRONMENT)


class SourceDatabase(models.Model):
    """Connection profile of a source. The columns `ip` and `pass_word` keep the seed's names."""

    GOVERNED = ("host", "port", "db_type", "db_name", "user_name", "tls_mode", "tls_ca")
    """A change of one of these returns the source's loaders to DRAFT (spec 3)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    db_code = models.CharField(
        "code", max_length=64, unique=True, validators=[CODE_VALIDATOR], db_column="db_code"
    )
    db_type = models.CharField("kind", max_length=16, choices=DatabaseType.choices)
    host = models.CharField(max_length=255, db_column="ip")
    port = models.PositiveIntegerField(validators=[MinValueValidator(1), MaxValueValidator(65535)])
    db_name = models.CharField("database", max_length=128)
    user_name = models.CharField("user", max_length=128)
    password = EncryptedTextField(column="source_databases.pass_word", db_column="pass_word")
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
        default=4,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="Runs that may read this source at once.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    history = HistoricalRecords(table_name="source_databases_history")

    class Meta:
        db_table = "source_databases"
        ordering = ("db_code",)
        verbose_name = "source database"

    def __str__(self) -> str:
        return self.db_code

    def governed_values(self) -> dict[str, object]:
        """What of the source belongs to the definition of each of its loaders."""
        return {"db_code": self.db_code} | {name: getattr(self, name) for name in self.GOVERNED}

    def profile(self) -> SourceProfile:
        """How to reach the source, without its password."""
        return SourceProfile(
            db_code=self.db_code,
            db_type=DatabaseType(self.db_type),
            host=self.host,
            port=self.port,
            db_name=self.db_name,
            user_name=self.user_name,
            tls_mode=TlsMode(self.tls_mode),
            tls_ca=self.tls_ca,
            connect_timeout_seconds=self.connect_timeout_seconds,
            idle_read_timeout_seconds=self.idle_read_timeout_seconds,
        )
