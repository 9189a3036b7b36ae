"""Teams and what they are granted, as an administrator would set them."""

from __future__ import annotations

from typing import Any

from accounts.models import Team
from accounts.object_access import teams_of
from accounts.teams import create_team
from loaders.models import Loader, SourceDatabase
from loaders.services import create_source, set_teams
from tests.support.people import People


def make_team(people: People, name: str, *members: Any) -> Team:
    """A team of these people."""
    return create_team(actor=people.admin, values={"name": name, "members": members})


def grant_to(people: People, team: Team, *objects: Loader | SourceDatabase) -> None:
    """Let the team reach these objects too."""
    for obj in objects:
        set_teams(user=people.admin, obj=obj, teams=[*teams_of(obj), team])


def withdraw_from(people: People, team: Team, obj: Loader | SourceDatabase) -> None:
    """Let the team reach the object no longer."""
    others = [other for other in teams_of(obj) if other != team]
    set_teams(user=people.admin, obj=obj, teams=others)


def simulated_source(people: People, db_code: str) -> SourceDatabase:
    """One more source, that is nowhere."""
    values = {"db_code": db_code, "db_type": "SIMULATED", "db_name": "shop"}
    return create_source(user=people.admin, values=values)
