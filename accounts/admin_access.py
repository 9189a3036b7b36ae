"""Who may open which page of the console, and how its forms write: by the role table and by
services, never by Django's model permissions or by a page of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from unfold.admin import ModelAdmin

from accounts.admin_lists import BoundedPaginator
from accounts.object_access import is_governed, reachable
from accounts.roles import Permission, User, may
from core.errors import PortalError

_LOOKUPS = frozenset({"", "__exact", "__isnull", "__id__exact", "__loader_code__exact"})
"""What Django's filters append to a field; none of them looks into another field than a key."""


class PortalModelAdmin(ModelAdmin):  # type: ignore[misc] # django-unfold is not typed
    """A list and a page of one model. The three permissions name the role table's rows; None is
    nobody. Nothing is deleted in the console, and nothing is saved but by a service. Rows that the
    person does not reach are as if they did not exist."""

    view_permission: ClassVar[Permission] = Permission.VIEW
    add_permission: ClassVar[Permission | None] = None
    change_permission: ClassVar[Permission | None] = None
    linked_fields: tuple[str, ...] = ()
    """Fields that links within the console filter by, besides those of `list_filter`."""

    audited_as: ClassVar[str] = ""
    """The object type under which the audit trail tells of this model."""

    actions: ClassVar[Any] = None
    """What can be done to rows that were chosen in the list; None is nothing."""

    compressed_fields = True
    list_per_page = 50
    show_full_result_count = False
    paginator = BoundedPaginator

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        return reachable(request.user, super().get_queryset(request))

    def get_field_queryset(self, db: str | None, db_field: Any, request: HttpRequest) -> Any:
        """What a choice of related objects offers."""
        found = super().get_field_queryset(db, db_field, request)
        if not is_governed(db_field):
            return found
        every = db_field.related_model._default_manager.all()  # noqa: SLF001
        return reachable(request.user, every if found is None else found)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may(request.user, self.view_permission)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request.user, self.view_permission)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.add_permission is not None and may(request.user, self.add_permission)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.change_permission is not None and may(request.user, self.change_permission)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Only what a filter of the list or a link of ours asks for: an address must not become
        a way to probe fields that the page doesn't show."""
        offered = {*self.linked_fields, *map(_parameter_of, self.list_filter)}
        return any(
            lookup.startswith(name) and lookup.removeprefix(name) in _LOOKUPS for name in offered
        )

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """One way to save is enough."""
        one = {"show_save_and_continue": False, "show_save_and_add_another": False}
        return super().changeform_view(
            request, object_id, form_url, {**one, **(extra_context or {})}
        )

    def get_form(
        self,
        request: HttpRequest,
        obj: Any = None,
        change: bool = False,  # noqa: FBT001 - Django's signature
        **kwargs: Any,
    ) -> Any:
        """The form, told who fills it in."""
        form = super().get_form(request, obj, change=change, **kwargs)
        return type(form.__name__, (form,), {"actor": request.user})

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        """The service that the form called has saved already."""
        if not isinstance(form, ServiceForm):
            raise PermissionDenied

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """The audit trail tells it; a second, alterable trail is not kept."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """See `log_addition`."""

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """What happened to the object is in the audit trail, for those who may read it."""
        found = self.get_object(request, object_id)
        if found is None or not self.audited_as or not may(request.user, Permission.READ_AUDIT):
            raise PermissionDenied
        return redirect(audit_address(self.audited_as, str(found)))


def _parameter_of(entry: Any) -> str:
    """The field or parameter of one entry of a list's `list_filter`."""
    first = entry[0] if isinstance(entry, tuple) else entry
    return str(getattr(first, "parameter_name", first))


def audit_address(object_type: str, object_id: str) -> str:
    """Where the audit trail of one object is."""
    query = urlencode({"object_type__exact": object_type, "object_id__exact": object_id})
    return f"{reverse('admin:audit_auditevent_changelist')}?{query}"


class ServiceForm(forms.ModelForm):  # type: ignore[type-arg]
    """A form whose checks and saving are one service call, so that pages, API and commands obey
    the same rules. The service's errors become errors of the form; the instance that the page
    shows is never touched by what was typed."""

    actor: User = None

    def write(self, values: Mapping[str, Any]) -> models.Model:
        """Call the service. `values` are all of the form's when it adds, else those that differ
        from what the form showed."""
        raise NotImplementedError

    @property
    def adds(self) -> bool:
        """Whether the form makes a new object."""
        return bool(self.instance._state.adding)  # noqa: SLF001 - Django's documented flag

    def _post_clean(self) -> None:
        if self.errors:
            return
        names = self.cleaned_data if self.adds else self.changed_data
        values = {name: self.cleaned_data[name] for name in names}
        try:
            with transaction.atomic():
                self.instance = self.write(values)
        except PortalError as error:
            self._show(error)

    def _show(self, error: PortalError) -> None:
        error.leave_trace()
        by_field = error.details.get("errors")
        if not isinstance(by_field, Mapping):
            self.add_error(None, error.message)
            return
        for name, said in by_field.items():
            field = self.field_of(name)
            if field in self.fields:
                self.add_error(field, said)
            else:
                self.add_error(None, said)

    def field_of(self, name: str) -> str:
        """The form's field for a name that the service complains about."""
        return name

    def save(self, commit: bool = True) -> Any:  # noqa: FBT001 - Django's signature
        """What the service returned."""
        return self.instance

    def save_m2m(self) -> None:
        """The service has saved those too."""


def tell_refusal(request: HttpRequest, error: PortalError) -> None:
    """Show a service's error on the page that comes next."""
    error.leave_trace()
    messages.error(request, error.message)


def name_of(user: Any) -> str:
    """The name of a user, or of the system where there is none."""
    return user.get_username() if isinstance(user, get_user_model()) else "system"
