"""Teams: groups of people that single loaders and sources are granted to; API tokens, with what
acts for their owners (spec 1); and how a person likes the console."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, NoReturn

from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.auth.models import User as PortalUser
from django.db import models
from django.db.models.functions import Lower
from knox.models import AbstractAuthToken

from accounts.roles import Role, roles_held
from core.clock import ClockTimestamp
from core.ids import uuid7


class TeamManager(models.Manager["Team"]):
    """Every group but those of the four roles."""

    def get_queryset(self) -> models.QuerySet[Team]:
        return super().get_queryset().exclude(name__in=list(Role))


class Team(Group):
    """A group that confers no role; what it is granted is kept by django-guardian."""

    objects: ClassVar[TeamManager] = TeamManager()  # type: ignore[assignment]

    class Meta:
        proxy = True
        ordering = ("name",)


class TokenState(models.TextChoices):
    """What a token is good for now."""

    VALID = "VALID"
    EXPIRED = "EXPIRED"
    REVOKED = "REVOKED"


class TokenManager(models.Manager["ApiToken"]):
    """Tokens, each with the time it was read at."""

    def get_queryset(self) -> models.QuerySet[ApiToken]:
        tokens: models.QuerySet[ApiToken] = super().get_queryset()
        with_time: models.QuerySet[ApiToken] = tokens.annotate(now=ClockTimestamp())
        return with_time


class ApiToken(AbstractAuthToken):  # type: ignore[misc] # knox is not typed
    """A key to the API for a machine, with a role of its own. Of the token itself only a hash is
    kept, and its first characters, by which it is found and a person tells it from others."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    digest = models.CharField(max_length=128, unique=True, editable=False)
    """SHA-512 of the token, which is 256 random bits: no salt or slow hash would add to that."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=64)
    role = models.CharField(max_length=16, choices=[(role.value, role.value) for role in Role])
    created = models.DateTimeField(db_default=ClockTimestamp(), editable=False)
    expiry = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, editable=False)
    """To the minute: see `accounts.token_use`."""

    revoked_at = models.DateTimeField(null=True, editable=False)
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )

    now: datetime
    """The database's clock when the row was read: every query for tokens asks for it."""

    objects: ClassVar[models.Manager[ApiToken]] = TokenManager()

    class Meta:
        db_table = "api_token"
        ordering = ("-id",)
        verbose_name = "API token"
        constraints = [
            models.UniqueConstraint(
                "user",
                Lower("name"),
                condition=models.Q(revoked_at=None),
                name="api_token_name_once",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def state(self) -> TokenState:
        """What it is good for, by its own row; its owner may be locked out besides."""
        if self.revoked_at is not None:
            return TokenState.REVOKED
        return TokenState.EXPIRED if self.expiry <= self.now else TokenState.VALID


class TokenBearer(PortalUser):
    """The owner of a token, in a request that the token was sent with. Nowhere else: it is the
    owner's row with the rights of the token, and so is never saved."""

    token_role: Role
    via_token: str
    """Name of the token, for the audit trail."""

    class Meta:
        proxy = True

    @classmethod
    def of(cls, token: ApiToken) -> TokenBearer | None:
        """Who the token stands for; nobody, if its owner is locked out by now."""
        bearer = cls.objects.filter(pk=token.user_id, is_active=True).first()
        if bearer is None:
            return None
        roles_held(bearer)  # remembers them, while the row still says who is a superuser
        bearer.is_superuser = bearer.is_staff = False
        bearer.token_role = Role(token.role)
        bearer.via_token = token.name
        return bearer

    def save(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Never: the owner would lose what the token may not."""
        raise TypeError("What a token stands for is not saved.")


class Preferences(models.Model):
    """How a person likes the console; who chose nothing has none."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    time_zone = models.CharField(max_length=64)
    """The zone that times are shown in, as chosen: see `accounts.time_zone`."""

    class Meta:
        db_table = "user_preferences"

    def __str__(self) -> str:
        return self.time_zone
