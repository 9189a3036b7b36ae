"""The page on which an administrator chooses the teams that a loader or source is granted to."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from accounts.admin_actions import ActionPageAdmin, PageAction
from accounts.models import Team
from accounts.object_access import teams_of
from accounts.roles import Permission, may
from loaders.services import set_teams


class TeamsForm(forms.Form):
    """Teams to choose from."""

    teams = forms.ModelMultipleChoiceField(
        queryset=Team.objects.order_by("name"),
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )


class GrantedPageAdmin(ActionPageAdmin):
    """A page of an object that teams may be granted, with a button that leads to them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        teams = PageAction(
            "teams",
            "Teams",
            "group",
            Permission.MANAGE_USERS,
            lambda _, __: "",
            link=lambda obj: reverse(f"admin:{self._name('teams')}", args=[quote(obj.pk)]),
        )
        self.page_actions = (*self.page_actions, teams)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.teams_view)
        address = path("<path:object_id>/teams/", view, name=self._name("teams"))
        return [address, *super().get_urls()]

    def teams_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The choice; a POST stores it."""
        if not may(request.user, Permission.MANAGE_USERS):
            raise PermissionDenied
        found = self.get_object(request, unquote(object_id))
        if found is None:
            raise Http404
        form = TeamsForm(request.POST or None, initial={"teams": teams_of(found)})
        if request.method == "POST":
            form = TeamsForm(request.POST)
            if form.is_valid():
                granted = set_teams(user=request.user, obj=found, teams=form.cleaned_data["teams"])
                names = ", ".join(team.name for team in granted) or "no team"
                messages.success(request, f"{found} is granted to {names}.")
                return redirect(reverse(f"admin:{self._name('change')}", args=[quote(found.pk)]))
        context = {
            **self.admin_site.each_context(request),
            "model_admin": self,
            "title": f"Teams of {found}",
            "form": form,
            "has_teams": Team.objects.exists(),
            "back": reverse(f"admin:{self._name('change')}", args=[quote(found.pk)]),
            "object_name": str(found),
            "new_team": reverse("admin:accounts_team_add"),
        }
        return TemplateResponse(request, "console/teams.html", context)
