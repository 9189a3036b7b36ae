"""Console pages of users and of the audit trail, for administrators."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.forms import AdminPasswordChangeForm
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminSelectWidget

from accounts.admin_access import PortalModelAdmin, ServiceForm
from accounts.admin_actions import ActionPageAdmin, PageAction
from accounts.audit_trail import audit_events
from accounts.lockout import lock_ends_at
from accounts.roles import Permission, PermissionDeniedError, Role, roles_of
from accounts.sign_in import unlock
from accounts.users import create_user, password_was_changed, password_was_set, update_user
from audit.admin import AuditEventColumns
from audit.models import AuditEvent
from core.display import Tone, badge, instant_text, time_shown
from core.shown_zone import in_shown_zone

_ROLE_TEXTS = {
    Role.VIEWER: "Viewer: sees loaders, history, coverage and signals",
    Role.OPERATOR: "Operator: writes, submits and runs loaders",
    Role.APPROVER: "Approver: approves or rejects definitions",
    Role.ADMIN: "Admin: all of it, and sources, users and the audit trail",
}


class AuditEventAdmin(AuditEventColumns, PortalModelAdmin):
    """The audit trail."""

    view_permission = Permission.READ_AUDIT

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEvent]:
        try:
            return audit_events(user=request.user)
        except PermissionDeniedError as error:  # Django looks for the object first
            raise PermissionDenied(error.message) from None


class UserForm(ServiceForm):
    """A person, their role and whether they may sign in."""

    role = forms.ChoiceField(
        choices=[(role.value, text) for role, text in _ROLE_TEXTS.items()],
        widget=UnfoldAdminSelectWidget,
    )

    class Meta:
        model = User
        fields = ("username", "first_name", "last_name", "email", "is_active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "role" in self.fields and not self.adds:
            present = roles_of(self.instance) or _roles_kept(self.instance)
            self.initial["role"] = max(present, key=list(Role).index) if present else None

    def write(self, values: Mapping[str, Any]) -> User:
        return update_user(actor=self.actor, user=self.instance, values=values)


class NewUserForm(UserForm):
    """A new person, with a first password."""

    password1 = forms.CharField(
        label="Password",
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )
    password2 = forms.CharField(
        label="Password again",
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )

    def clean_password2(self) -> str:
        """The same as the first, and good enough."""
        password = str(self.cleaned_data["password2"])
        if password != self.cleaned_data.get("password1"):
            raise ValidationError("The two passwords differ.")
        validate_password(password)
        return password

    def write(self, values: Mapping[str, Any]) -> User:
        rest = {k: v for k, v in values.items() if k not in {"password1", "password2"}}
        return create_user(actor=self.actor, password=values["password2"], values=rest)


def _roles_kept(user: User) -> set[Role]:
    """Roles that a user who is not active, and so has none at the moment, would have again."""
    names = set(user.groups.values_list("name", flat=True))
    if user.is_superuser:
        names.add(Role.ADMIN.value)
    return {role for role in Role if role.value in names}


def telling_password_change(page: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """The site's page on which people change their own password, with an event in the audit trail
    for each change, in the same transaction."""

    @wraps(page)
    def told(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        with transaction.atomic():
            response = page(request, extra_context)
            if request.method == "POST" and isinstance(response, HttpResponseRedirect):
                password_was_changed(user=request.user)  # type: ignore[arg-type] # signed in
        return response

    return told


def _not_locked(_: Any, user: User) -> str:
    return "" if lock_ends_at(user.get_username()) else "Sign-in is not locked."


def _unlock(actor: Any, user: User) -> str:
    unlock(actor=actor, user=user)
    return f"{user.get_username()} can sign in again."


UNLOCK = PageAction(
    "unlock",
    "Unlock sign-in",
    "lock_open",
    Permission.MANAGE_USERS,
    _not_locked,
    act=_unlock,
)


class PortalUserAdmin(ActionPageAdmin, UserAdmin):  # type: ignore[misc,type-arg]
    """Users. There are four roles and no other permissions."""

    audited_as = "user"
    view_permission = Permission.MANAGE_USERS
    add_permission = Permission.MANAGE_USERS
    change_permission = Permission.MANAGE_USERS
    form = UserForm
    add_form = NewUserForm
    change_password_form = AdminPasswordChangeForm
    add_form_template = None
    filter_horizontal = ()
    page_actions = (UNLOCK,)
    change_form_outer_before_template = "console/user_box.html"
    list_display = ("username", "full_name", "roles", "active", "last_seen")
    list_filter = ("groups", "is_active")
    fieldsets = (
        ("Person", {"fields": ("username", ("first_name", "last_name"), "email")}),
        ("Access", {"fields": ("role", "is_active", "sign_in", "password_link")}),
    )
    add_fieldsets = (
        ("Person", {"fields": ("username", ("first_name", "last_name"), "email")}),
        ("Access", {"fields": ("role", "password1", "password2")}),
    )
    readonly_fields = ("password_link", "sign_in")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        found: QuerySet[User] = super().get_queryset(request)
        return found.prefetch_related("groups")

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        return PortalModelAdmin.lookup_allowed(self, lookup, value, request)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:  # type: ignore[override]
        """Django's password page tells only here that it has set a password."""
        if (
            request.resolver_match
            and request.resolver_match.url_name == "auth_user_password_change"
        ):
            password_was_set(actor=request.user, user=obj)

    @admin.display(description="Name", ordering="last_name")
    def full_name(self, user: User) -> str:
        return user.get_full_name()

    @admin.display(description="Role")
    def roles(self, user: User) -> str:
        names = {group.name for group in user.groups.all()}
        shown = [role.value for role in Role if role.value in names]
        return ", ".join([*shown, *(["superuser"] if user.is_superuser else [])])

    @admin.display(description="Active", ordering="is_active")
    def active(self, user: User) -> SafeString:
        return badge("Active", Tone.GOOD) if user.is_active else badge("Locked out", Tone.QUIET)

    @admin.display(description=in_shown_zone("Last sign-in"), ordering="last_login")
    def last_seen(self, user: User) -> str:
        return time_shown(user.last_login, empty="Never")

    @admin.display(description="Sign-in")
    def sign_in(self, user: User) -> SafeString:
        """Whether failures have locked it; tokens and sessions are not touched by that."""
        until = lock_ends_at(user.get_username())
        if until is None:
            return badge("Not locked", Tone.QUIET)
        return badge(f"Locked until {instant_text(until)} UTC", Tone.BAD)

    @admin.display(description="Password")
    def password_link(self, user: User) -> SafeString:
        address = reverse("admin:auth_user_password_change", args=[user.pk])
        return format_html('<a class="lp-link" href="{}">Set a new password</a>', address)
