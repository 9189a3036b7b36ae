"""The page on which a person chooses the zone that times are shown in."""

from __future__ import annotations

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods
from unfold.widgets import UnfoldAdminSelectWidget

from accounts.roles import Permission, may
from accounts.time_zone import BROWSER, COOKIE, choose_time_zone, chosen_time_zone
from core.shown_zone import NAME_OF_UTC, known_zones


class ZoneForm(forms.Form):
    """One list: UTC, the browser's zone, all others."""

    time_zone = forms.ChoiceField(
        label=gettext_lazy("Show times in"), widget=UnfoldAdminSelectWidget
    )

    def __init__(self, *args: object, browser_zone: str, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type] # passed on as they come
        of_browser = _("My browser's zone")
        if browser_zone in known_zones():
            of_browser = f"{of_browser} ({browser_zone})"
        field = self.fields["time_zone"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [
            (NAME_OF_UTC, NAME_OF_UTC),
            (BROWSER, of_browser),
            *((name, name) for name in known_zones()),
        ]


@require_http_methods(["GET", "HEAD", "POST"])
def zone_view(request: HttpRequest) -> HttpResponse:
    """Ask for the zone, and go back to the page that the person came from."""
    if not may(request.user, Permission.VIEW):
        raise PermissionDenied
    form = ZoneForm(
        request.POST or None,
        initial={"time_zone": chosen_time_zone(request.user)},
        browser_zone=request.COOKIES.get(COOKIE, ""),
    )
    back = _page_before(request)
    if request.method == "POST" and form.is_valid():
        choose_time_zone(user=request.user, choice=form.cleaned_data["time_zone"])
        messages.success(request, _("Times are shown in the zone that you chose."))
        return redirect(back)
    context = {
        **admin.site.each_context(request),
        "title": _("Time zone"),
        "form": form,
        "back": back,
    }
    return TemplateResponse(request, "console/time_zone.html", context)


def zone_urls() -> list[URLPattern]:
    """The page's address; it needs a sign-in to the console."""
    return [path("admin/time-zone/", admin.site.admin_view(zone_view), name="time_zone")]


def _page_before(request: HttpRequest) -> str:
    """The page of the console that the address or the form names; home, if it names none."""
    named = request.POST.get("next") or request.GET.get("next") or ""
    hosts = {request.get_host()}
    is_ours = url_has_allowed_host_and_scheme(named, hosts, require_https=request.is_secure())
    return named if is_ours else reverse("admin:index")
