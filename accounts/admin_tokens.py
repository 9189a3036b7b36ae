"""Console pages of API tokens: one's own; everybody's, for administrators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget

from accounts.admin_access import ServiceForm
from accounts.admin_actions import ActionPageAdmin, PageAction
from accounts.models import ApiToken, TokenState
from accounts.roles import Permission, User, may
from accounts.tokens import create_token, revoke_token, roles_for_token, tokens_seen_by
from core.display import NOTHING, Tone, badge, time_shown
from core.shown_zone import in_shown_zone

_TONES = {
    TokenState.VALID: Tone.GOOD,
    TokenState.EXPIRED: Tone.QUIET,
    TokenState.REVOKED: Tone.BAD,
}


class NewTokenForm(ServiceForm):
    """A token for a machine."""

    role = forms.ChoiceField(
        widget=UnfoldAdminSelectWidget,
        help_text="What the token may do, as long as you may do it yourself.",
    )
    days = forms.IntegerField(
        label="Expires after (days)",
        min_value=1,
        widget=UnfoldAdminIntegerFieldWidget,
    )
    shown_once = ""
    """The token itself, once it is made."""

    class Meta:
        model = ApiToken
        fields = ("name",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.adds:
            return
        roles = [(role.value, role.value.capitalize()) for role in roles_for_token(self.actor)]
        self.fields["role"].choices = roles  # type: ignore[attr-defined]
        self.initial["days"] = settings.TOKEN_LIFETIME.days
        most = settings.TOKEN_LONGEST_LIFETIME.days
        self.fields["days"].help_text = f"At most {most}."

    def write(self, values: Mapping[str, Any]) -> ApiToken:
        made = create_token(actor=self.actor, **values)
        self.shown_once = made.text
        return made.row


def _ended(_: User, token: ApiToken) -> str:
    return "" if token.revoked_at is None else "It is revoked already."


def _revoke(user: User, token: ApiToken) -> str:
    revoke_token(actor=user, token=token)
    return f"The token {token.name} is revoked: it opens nothing any more."


REVOKE = PageAction(
    "revoke",
    "Revoke",
    "key_off",
    Permission.OWN_TOKENS,
    _ended,
    act=_revoke,
    tone="danger",
    confirm="Revoke the token? Whatever uses it is refused from now on.",
)


class ApiTokenAdmin(ActionPageAdmin):
    """API tokens. The token itself is on the page that answers the form, and nowhere else."""

    audited_as = "token"
    view_permission = Permission.OWN_TOKENS
    add_permission = Permission.OWN_TOKENS
    form = NewTokenForm
    page_actions = (REVOKE,)
    change_form_outer_before_template = "console/token_box.html"
    list_filter = ("role",)
    search_fields = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiToken]:
        return tokens_seen_by(request.user)

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        owner = ("owner",) if may(request.user, Permission.MANAGE_USERS) else ()
        return ("name", *owner, "role", "status", "expires", "last_used")

    def get_fieldsets(self, request: HttpRequest, obj: ApiToken | None = None) -> Any:
        if obj is None:
            return ((None, {"fields": ("name", "role", "days")}),)
        facts = ("name", "owner", "role", "status", "begins_with")
        times = ("made", "expires", "last_used", "revocation")
        return ((None, {"fields": facts}), (in_shown_zone("Times"), {"fields": times}))

    def get_readonly_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> Any:
        if obj is None:
            return ()
        times = ("made", "expires", "last_used", "revocation")
        return ("name", "owner", "role", "status", "begins_with", *times)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        super().save_model(request, obj, form, change)
        obj.shown_once = form.shown_once

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        """The page that shows the token, which no cache keeps."""
        context = {
            **self.admin_site.each_context(request),
            "model_admin": self,
            "title": f"Token {obj.name}",
            "token": obj,
            "text": obj.shown_once,
            "expires": time_shown(obj.expiry),
            "back": reverse("admin:accounts_apitoken_changelist"),
        }
        return TemplateResponse(
            request,
            "console/token_made.html",
            context,
            headers={"Cache-Control": "no-store, private", "Referrer-Policy": "no-referrer"},
        )

    @admin.display(description="Owner", ordering="user__username")
    def owner(self, token: ApiToken) -> str:
        return str(token.user.get_username())

    @admin.display(description="State")
    def status(self, token: ApiToken) -> SafeString:
        state = token.state
        if state is TokenState.VALID and not token.user.is_active:
            return badge("Owner locked out", Tone.BAD)
        return badge(state.label, _TONES[state])

    @admin.display(description="Begins with")
    def begins_with(self, token: ApiToken) -> str:
        return f"{token.token_key[:8]}…"

    @admin.display(description=in_shown_zone("Made"), ordering="created")
    def made(self, token: ApiToken) -> str:
        return time_shown(token.created)

    @admin.display(description=in_shown_zone("Expires"), ordering="expiry")
    def expires(self, token: ApiToken) -> str:
        return time_shown(token.expiry)

    @admin.display(description=in_shown_zone("Last used"), ordering="last_used_at")
    def last_used(self, token: ApiToken) -> str:
        return time_shown(token.last_used_at, empty="Never")

    @admin.display(description=in_shown_zone("Revoked"))
    def revocation(self, token: ApiToken) -> str:
        if token.revoked_at is None or token.revoked_by is None:
            return NOTHING
        return format_html(
            "{} by {}", time_shown(token.revoked_at), token.revoked_by.get_username()
        )
