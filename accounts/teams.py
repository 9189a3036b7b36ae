"""Make, change and dissolve teams; administrators only."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from http import HTTPStatus
from typing import Any

from django.contrib.auth.models import User as PortalUser
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from psycopg.errors import UniqueViolation

from accounts.models import Team
from accounts.roles import Permission, Role, User, require
from audit.services import record
from core.errors import TerminalError

LONGEST_NAME = 64
_TAKEN = "There is a team of this name already."


class TeamInvalidError(TerminalError):
    """Fields of a team break a rule; `details["errors"]` names each."""

    code = "VALIDATION_FAILED"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class TeamNotFoundError(TerminalError):
    """There is no such team."""

    code = "TEAM_NOT_FOUND"
    status = HTTPStatus.NOT_FOUND


def teams_named(names: Iterable[str]) -> list[Team]:
    """The teams of these names. Raises TeamInvalidError that names those there are not."""
    wanted = set(names)
    found = list(Team.objects.filter(name__in=wanted).order_by("name"))
    missing = sorted(wanted - {team.name for team in found})
    if missing:
        raise _invalid("teams", f"There is no team {', '.join(missing)}.")
    return found


@transaction.atomic
def create_team(*, actor: User, values: Mapping[str, Any]) -> Team:
    """Add a team with a name and members. Raises PermissionDeniedError, TeamInvalidError."""
    require(actor, Permission.MANAGE_USERS)
    team = Team()
    _apply(team, values)
    _tell(actor, team, "team.create", {}, _shown(team, values))
    return team


@transaction.atomic
def update_team(*, actor: User, team: Team, values: Mapping[str, Any]) -> Team:
    """Rename a team or choose its members anew. Raises PermissionDeniedError, TeamInvalidError,
    TeamNotFoundError."""
    require(actor, Permission.MANAGE_USERS)
    team = _locked(team)
    before = _shown(team, values)
    _apply(team, values)
    _tell(actor, team, "team.update", before, _shown(team, values))
    return team


@transaction.atomic
def delete_team(*, actor: User, team: Team) -> None:
    """Dissolve a team; what it was granted goes with it. Raises PermissionDeniedError,
    TeamNotFoundError."""
    require(actor, Permission.MANAGE_USERS)
    team = _locked(team)
    _tell(actor, team, "team.delete", _shown(team, {"name", "members"}), {})
    team.delete()


def members_of(team: Team) -> list[PortalUser]:
    """The team's people, by name."""
    return list(PortalUser.objects.filter(groups=team.pk).order_by("username"))


def _locked(team: Team) -> Team:
    """The team's row, locked. A role's group is none, whatever the caller holds."""
    locked = Team.objects.select_for_update().filter(pk=team.pk).first()
    if locked is None:
        raise TeamNotFoundError("There is no such team any more.")
    return locked


def _apply(team: Team, values: Mapping[str, Any]) -> None:
    if "name" in values:
        team.name = str(values["name"]).strip()
        _check_name(team.name)
    try:
        team.full_clean()
        with transaction.atomic():
            team.save()
    except ValidationError as error:
        if "name" in error.message_dict:
            raise _invalid("name", _TAKEN) from None
        raise
    except IntegrityError as error:
        if not isinstance(error.__cause__, UniqueViolation):
            raise
        # Somebody took the name after the check; nothing else of a team is unique.
        raise _invalid("name", _TAKEN) from None
    if "members" in values:
        team.user_set.set(values["members"])


def _check_name(name: str) -> None:
    if not 1 <= len(name) <= LONGEST_NAME:
        raise _invalid("name", f"Give a name of 1 to {LONGEST_NAME} characters.")
    if name.casefold() in {role.value for role in Role}:
        raise _invalid("name", f"{name} is a role; a team needs a name of its own.")


def _invalid(field: str, message: str) -> TeamInvalidError:
    return TeamInvalidError(message, details={"errors": {field: [message]}})


def _shown(team: Team, names: Collection[str]) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    if "name" in names:
        facts["name"] = team.name
    if "members" in names:
        facts["members"] = [user.get_username() for user in members_of(team)]
    return facts


def _tell(
    actor: User, team: Team, action: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    record(
        actor=actor,
        action=action,
        object_type="team",
        object_id=team.name,
        before=before,
        after=after,
    )
