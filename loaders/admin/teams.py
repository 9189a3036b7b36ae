"""The button with which an administrator grants a loader or source to teams."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.urls import reverse
from django.utils.html import format_html
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from accounts.admin_actions import ActionForm, PageAction
from accounts.models import Team
from accounts.object_access import teams_of
from accounts.roles import Permission, User
from loaders.models import Loader, SourceDatabase
from loaders.services import set_teams


class TeamsForm(ActionForm):
    """Teams to choose from."""

    note = (
        "Where the portal goes by teams, operators and approvers reach only what a team of theirs "
        "is granted. Who is granted a source reaches its loaders too."
    )
    teams = forms.ModelMultipleChoiceField(
        queryset=Team.objects.order_by("name"),
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        new = reverse("admin:accounts_team_add")
        self.fields["teams"].help_text = format_html(
            '<a class="lp-link" href="{}">New team</a>', new
        )

    @classmethod
    def initial_of(cls, obj: Loader | SourceDatabase) -> dict[str, Any]:
        return {"teams": teams_of(obj)}


def _grant(user: User, obj: Loader | SourceDatabase, *, teams: Iterable[Team]) -> str:
    granted = set_teams(user=user, obj=obj, teams=teams)
    names = ", ".join(team.name for team in granted) or "no team"
    return f"{obj} is granted to {names}."


TEAMS = PageAction(
    "teams",
    "Teams",
    "group",
    Permission.MANAGE_USERS,
    lambda _, __: "",
    act=_grant,
    form=TeamsForm,
    is_rare=True,
)
