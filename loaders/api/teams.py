"""Endpoints of grants: which teams reach a loader or a source."""

from __future__ import annotations

from abc import ABC, abstractmethod

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.object_access import teams_of
from accounts.roles import Permission
from accounts.teams import teams_named
from core.api.views import Endpoint, valid_body
from loaders import services
from loaders.api import operations as described
from loaders.api.serializers import TeamsBody
from loaders.models import Loader, SourceDatabase


class _Teams(Endpoint, ABC):
    """The teams of one object: read them, or give all of them anew."""

    needs = {"GET": Permission.MANAGE_USERS, "PUT": Permission.MANAGE_USERS}

    def get(self, request: Request, code: str) -> Response:
        return Response({"teams": [team.name for team in teams_of(self.found(request, code))]})

    def put(self, request: Request, code: str) -> Response:
        names = valid_body(TeamsBody, request)["teams"]
        found = self.found(request, code)
        granted = services.set_teams(user=request.user, obj=found, teams=teams_named(names))
        return Response({"teams": [team.name for team in granted]})

    @abstractmethod
    def found(self, request: Request, code: str) -> Loader | SourceDatabase:
        """The object that the address names."""


class LoaderTeams(_Teams):
    """Teams of a loader."""

    operations = {"GET": described.GET_LOADER_TEAMS, "PUT": described.SET_LOADER_TEAMS}

    def found(self, request: Request, code: str) -> Loader:
        return services.get_loader(code, user=request.user)


class SourceTeams(_Teams):
    """Teams of a source."""

    operations = {"GET": described.GET_SOURCE_TEAMS, "PUT": described.SET_SOURCE_TEAMS}

    def found(self, request: Request, code: str) -> SourceDatabase:
        return services.get_source(code, user=request.user)
