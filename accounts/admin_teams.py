"""Console pages of teams, for administrators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User as PortalUser
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from accounts.admin_access import ServiceForm
from accounts.admin_actions import ActionPageAdmin, PageAction
from accounts.models import Team
from accounts.roles import Permission, User
from accounts.teams import create_team, delete_team, members_of, update_team


class TeamForm(ServiceForm):
    """A team's name and people."""

    members = forms.ModelMultipleChoiceField(
        queryset=PortalUser.objects.order_by("username"),
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="What the team is granted is set on the page of the loader or source.",
    )

    class Meta:
        model = Team
        fields = ("name",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.adds:
            self.initial["members"] = [user.pk for user in members_of(self.instance)]

    def write(self, values: Mapping[str, Any]) -> Team:
        if self.adds:
            return create_team(actor=self.actor, values=values)
        return update_team(actor=self.actor, team=self.instance, values=values)


def _dissolve(user: User, team: Team) -> str:
    name = team.name
    delete_team(actor=user, team=team)
    return f"The team {name} is dissolved; what it was granted went with it."


DISSOLVE = PageAction(
    "dissolve",
    "Dissolve",
    "group_remove",
    Permission.MANAGE_USERS,
    lambda _, __: "",
    act=_dissolve,
    tone="danger",
    confirm="Dissolve the team? Its people lose what it was granted.",
)


class TeamAdmin(ActionPageAdmin):
    """Teams. What they are granted counts where the portal goes by it."""

    audited_as = "team"
    view_permission = Permission.MANAGE_USERS
    add_permission = Permission.MANAGE_USERS
    change_permission = Permission.MANAGE_USERS
    form = TeamForm
    page_actions = (DISSOLVE,)
    change_form_outer_before_template = "console/team_box.html"
    list_display = ("name", "people")
    search_fields = ("name",)
    fieldsets = ((None, {"fields": ("name", "members")}),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Team]:
        found: QuerySet[Team] = super().get_queryset(request)
        return found.annotate(size=Count("user"))

    @admin.display(description="People", ordering="size")
    def people(self, team: Any) -> int:
        return int(team.size)
