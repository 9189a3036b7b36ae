"""Addresses of every page of the console and every endpoint that can be read, with what there is
to show. A new page or endpoint is visited without being named here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.auth.models import User
from django.urls import get_resolver, reverse

from accounts.models import ApiToken
from audit.models import AuditEvent
from backfill.models import BackfillJob, GapScan
from core.window import Window
from execution.models import (
    Gap,
    GapWaiver,
    LoaderExecutionLock,
    LoadHistory,
    Recount,
    gap_id,
)
from loaderportal.loader_sections import SECTIONS
from loaderportal.loader_tabs import FORM_TABS
from loaders.models import Loader, LoaderVersion, SourceDatabase
from signals.models import OutputVersion, SegmentCombination
from tests.support.scenes import START
from tests.support.web import API

_GROUP = re.compile(r"\(\?P<(\w+)>")
_NAMED = re.compile(r"\{(\w+)\}")
_LISTS_ONLY = {"coverageinterval", "loaderexecutionlock", "replica"}
_FATES = ("GOOD_POSTGRES", "MISSING_MARIA", "BAD_DATA", "LOGIN_MARIA", "INVALID", "REJECTED")
_NOWHERE = UUID(int=0)
_NO_GAP = gap_id("NONE", Window(START, START + timedelta(hours=1)))
_DAY = int(START.timestamp()), int(START.timestamp()) + 86_400


def api_addresses() -> list[str]:
    """Every endpoint that answers GET, for every object that there is, below `/api/v1/`."""
    return [
        _with_parameters(address)
        for template, view in _endpoints()
        if hasattr(view, "get")
        for address in _filled(template)
    ]


def api_acts() -> list[tuple[str, str]]:
    """Method and address of every act that the API knows, on one object each."""
    return [
        (method, _filled(template)[0])
        for method in ("POST", "PUT", "PATCH", "DELETE")
        for template, view in _endpoints()
        if hasattr(view, method.lower())
    ]


def _endpoints() -> Iterator[tuple[str, Any]]:
    """Each endpoint's address, `loaders/{code}`, and its view."""
    for pattern in get_resolver().url_patterns:
        view = getattr(getattr(pattern, "callback", None), "view_class", None)
        address = template_of(str(pattern.pattern))
        if address.startswith(API.lstrip("/")):
            yield address.removeprefix(API.lstrip("/")), view


def template_of(route: str) -> str:
    """`^api/v1/loaders/(?P<code>..)/?$` to `api/v1/loaders/{code}`."""
    done, rest = "", route.removeprefix("^").removesuffix("/?$")
    while (group := _GROUP.search(rest)) is not None:
        done += f"{rest[: group.start()]}{{{group.group(1)}}}"
        rest = rest[_end_of_group(rest, group.start()) :]
    return done + rest


def _end_of_group(text: str, start: int) -> int:
    depth = 0
    for place in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if depth == 0:
            return place + 1
    raise AssertionError(f"The group in {text} does not end.")


def _filled(template: str) -> list[str]:
    """The addresses of all objects that a template stands for."""
    if "{execution_id}" in template:
        return [template.format(execution_id=pk) for pk in _executions()]
    models: dict[str, Any] = {
        "job_id": BackfillJob,
        "output_id": OutputVersion,
        "recount_id": Recount,
        "token_id": ApiToken,
        "waiver_id": GapWaiver,
        "gap": Gap,
        "scan_id": GapScan,
        "lock_id": LoaderExecutionLock,
        "segment_code": SegmentCombination,
    }
    for name in models.keys() & set(_NAMED.findall(template)):
        known = list(models[name].objects.values_list("pk", flat=True))
        nowhere = _NO_GAP if name == "gap" else _NOWHERE
        return [template.format(**{name: pk}) for pk in known or [nowhere]]
    if "db-sources/{code}" in template:
        sources = SourceDatabase.objects.values_list("db_code", flat=True)
        return [template.format(code=code) for code in sources]
    if "{number}" in template:
        versions = LoaderVersion.objects.values_list("loader__loader_code", "number")
        return [template.format(code=code, number=number) for code, number in versions]
    if "{code}" in template:
        codes = Loader.objects.values_list("loader_code", flat=True)
        return [template.format(code=code) for code in codes]
    if "{" in template:
        raise AssertionError(f"Say in every_page.py what {template} stands for.")
    return [template]


def _with_parameters(address: str) -> str:
    if address.endswith("/diff"):
        return f"{address}?from=1&to=2"
    if address.startswith("res/signals/signal/"):
        return f"{address}?fromEpoch={_DAY[0]}&toEpoch={_DAY[1]}"
    if address == "signals/export":
        range_ = f"fromEpoch={_DAY[0]}&toEpoch={_DAY[1]}"
        return f"{address}?loaderCode=GOOD_MARIA&{range_}&format=csv"
    if address == "signals/query":
        return f"{address}?loaderCode=GOOD_MARIA&fromEpoch={_DAY[0]}&toEpoch={_DAY[1]}"
    if address == "signals/segments":
        return f"{address}?loaderCode=GOOD_MARIA"
    return address


def console_addresses() -> list[str]:
    """Every page of every model in the console, for every object worth a look."""
    found = [reverse("admin:index"), reverse("admin:password_change"), "/admin/no/such/page/"]
    for model in admin.site._registry:
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        found += [reverse(f"admin:{name}_changelist"), reverse(f"admin:{name}_add")]
        if model._meta.model_name not in _LISTS_ONLY:
            found += [reverse(f"admin:{name}_change", args=[pk]) for pk in _worth_a_look(model)]
    report = reverse("admin:loaders_loader_governance")
    found += [report, f"{report}?format=csv", reverse("admin:execution_coverage_board")]
    found += [reverse("explorer"), reverse("explorer_loaders"), reverse("time_zone")]
    found.append(reverse("explorer_loader", args=["GOOD_POSTGRES"]))
    loader = Loader.objects.get(loader_code="GOOD_POSTGRES")
    found.append(reverse("admin:loaders_loader_coverage", args=[loader.pk]))
    for pk in _worth_a_look(LoadHistory):
        found.append(reverse("admin:execution_loadhistory_live", args=[pk]))
    for pk in _worth_a_look(Loader):
        found.append(f"{reverse('admin:loaders_loader_change', args=[pk])}?tab=sql")
    page = reverse("admin:loaders_loader_change", args=[loader.pk])
    found += [f"{page}?tab={tab}" for tab in (*SECTIONS, *FORM_TABS)]
    found.append(reverse("admin:loaders_loaderversion_compare", args=[loader.pk]))
    for page in ("history", "delete"):
        found.append(reverse(f"admin:loaders_loader_{page}", args=[loader.pk]))
    found.append(f"{reverse('admin:loaders_loader_add')}?copy={loader.pk}")
    return found


def _worth_a_look(model: type[Any]) -> list[Any]:
    """Keys of a model's rows: of loaders and theirs one of each fate (pages take their time), one
    an action of the audit trail, one person."""
    rows = model.objects.order_by("pk")
    if model is Loader:
        rows = rows.filter(loader_code__in=_FATES)
    elif model is LoaderVersion:
        rows = rows.filter(loader__loader_code__in=_FATES)
    elif model is LoadHistory:
        rows = rows.filter(pk__in=_executions(), loader__in=_FATES)
    elif model is AuditEvent:
        rows = AuditEvent.objects.order_by("action", "-at").distinct("action")
    elif model is User:
        rows = rows[:1]
    return list(rows.values_list("pk", flat=True))


def _executions() -> list[Any]:
    latest = LoadHistory.objects.order_by("loader_id", "trigger", "start_time")
    latest = latest.distinct("loader_id", "trigger")
    return list(latest.values_list("pk", flat=True))
