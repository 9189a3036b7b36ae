"""Buttons on an object's page: each calls one service. What the role or the state does not allow
is shown disabled with the reason, and refused by the service as well."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from accounts.admin_access import PortalModelAdmin, tell_refusal
from accounts.roles import Permission, User, may, refusal
from core.errors import PortalError


class ActionForm(forms.Form):
    """What a button asks for. `note` stands above the fields."""

    note = ""

    @classmethod
    def initial_of(cls, obj: Any) -> dict[str, Any]:
        """What the form starts from."""
        return {}

    def show(self, error: PortalError) -> None:
        """Put the service's error where it belongs."""
        error.leave_trace()
        by_field = error.details.get("errors")
        if not isinstance(by_field, Mapping):
            self.add_error(None, error.message)
            return
        for name, messages_ in by_field.items():
            self.add_error(name if name in self.fields else None, messages_)


@dataclass(frozen=True)
class Done:
    """What a button did, and the page to go on at."""

    text: str
    address: str


@dataclass(frozen=True)
class PageAction:
    """One button. `blocked` says why the object's state forbids it, or nothing. `act` calls the
    service and returns what to tell the person, as `Done` where they go on elsewhere, or the answer
    itself where that is a file; a button with `link` opens a page instead."""

    name: str
    label: str
    icon: str
    permission: Permission
    blocked: Callable[[User, Any], str]
    act: Callable[..., str | Done | HttpResponseBase] | None = None
    link: Callable[[Any], str] | None = None
    tone: str = "plain"
    confirm: str = ""
    """What to ask before it is done, where it can't be taken back."""

    form: type[ActionForm] | None = None
    """What a person has to say first, on a page of its own; `act` gets it as keywords."""

    is_rare: bool = False
    """Whether it is seldom wanted: it stands in the menu even where it may be done."""

    def reason(self, user: User, obj: Any) -> str:
        """Why the user can't do it now; empty when they can."""
        if not may(user, self.permission):
            return refusal(self.permission)
        return self.blocked(user, obj)


@dataclass(frozen=True)
class ShownAction:
    """A button as the template draws it."""

    name: str
    label: str
    icon: str
    tone: str
    reason: str
    address: str
    posts: bool
    confirm: str
    is_rare: bool


@dataclass(frozen=True)
class ActionBar:
    """The buttons of a page: what the person is likely to want now, the main one first; and the
    menu with what is seldom wanted and what can't be done now."""

    ready: Sequence[ShownAction]
    folded: Sequence[ShownAction]

    @classmethod
    def of(cls, actions: Sequence[ShownAction]) -> ActionBar:
        """Buttons in their order, the main one before the others; in the menu, what can be done
        before what can't."""
        ready = [action for action in actions if not (action.reason or action.is_rare)]
        folded = [action for action in actions if action.reason or action.is_rare]
        return cls(
            sorted(ready, key=lambda action: action.tone != "main"),
            sorted(folded, key=lambda action: action.reason != ""),
        )


class ActionPageAdmin(PortalModelAdmin):
    """A page of one object with buttons above the form."""

    page_actions: Sequence[PageAction] = ()

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.action_view)
        address = path("<path:object_id>/do/<slug:name>/", view, name=self._name("do"))
        return [address, *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = dict(extra_context or {})
        found = self.get_object(request, unquote(object_id))
        if found is not None and self.has_view_permission(request, found):
            context |= {
                "page_actions": self.action_bar(request.user, found),
                **self.page_context(request, found),
            }
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """What else the page's template needs."""
        return {}

    def action_bar(self, user: User, obj: Any) -> ActionBar:
        """The buttons as the page shows them."""
        return ActionBar.of(self.shown_actions(user, obj))

    def shown_actions(self, user: User, obj: Any) -> list[ShownAction]:
        """The buttons, each with its reason when it is disabled."""
        return [
            ShownAction(
                action.name,
                action.label,
                action.icon,
                action.tone,
                action.reason(user, obj),
                action.link(obj)
                if action.link
                else reverse(f"admin:{self._name('do')}", args=[quote(obj.pk), action.name]),
                posts=action.link is None and action.form is None,
                confirm=action.confirm,
                is_rare=action.is_rare,
            )
            for action in self.page_actions
        ]

    def action_view(self, request: HttpRequest, object_id: str, name: str) -> HttpResponseBase:
        """Do what a button says and return to the page; one with a form asks first."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = self.get_object(request, unquote(object_id))
        action = next((a for a in self.page_actions if a.name == name and a.act), None)
        if found is None or action is None or action.act is None:
            raise Http404
        if not may(request.user, action.permission):
            raise PermissionDenied
        if action.form is not None:
            return self._ask(request, found, action, action.form)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        try:
            told = action.act(request.user, found)
        except PortalError as error:
            tell_refusal(request, error)
        else:
            if isinstance(told, HttpResponseBase):
                return told
            if (further := _tell(request, told)) is not None:
                return redirect(further)
        return self._back_to(request, found)

    def _back_to(self, request: HttpRequest, found: Any) -> HttpResponse:
        """To the object's page; to the list if the act has made it disappear."""
        if not self.get_queryset(request).filter(pk=found.pk).exists():
            return redirect(f"admin:{self._name('changelist')}")
        return redirect(reverse(f"admin:{self._name('change')}", args=[quote(found.pk)]))

    def _ask(
        self, request: HttpRequest, found: Any, action: PageAction, asked: type[ActionForm]
    ) -> HttpResponseBase:
        """The page with a button's form; a valid POST does it and returns to the object."""
        assert action.act is not None
        back = reverse(f"admin:{self._name('change')}", args=[quote(found.pk)])
        form = asked(
            request.POST if request.method == "POST" else None, initial=asked.initial_of(found)
        )
        if form.is_bound and form.is_valid():
            try:
                told = action.act(request.user, found, **form.cleaned_data)
            except PortalError as error:
                form.show(error)
            else:
                if isinstance(told, HttpResponseBase):
                    return told
                further = _tell(request, told)
                return redirect(further) if further else self._back_to(request, found)
        context = {
            **self.admin_site.each_context(request),
            "model_admin": self,
            "title": f"{action.label}: {found}",
            "form": form,
            "action": action,
            "back": back,
            "object_name": str(found),
        }
        return TemplateResponse(request, "console/action_form.html", context)

    def _name(self, page: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{page}"


def _tell(request: HttpRequest, told: str | Done) -> str | None:
    """Tell the person, and return where they go on; None for the object's own page."""
    if isinstance(told, Done):
        messages.success(request, told.text)
        return told.address
    messages.success(request, told)
    return None
