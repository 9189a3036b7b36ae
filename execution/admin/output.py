"""Console pages of output versions: a list, a comparison, and the restore."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.admin_actions import ActionPageAdmin, PageAction
from accounts.admin_lists import SearchedFilter
from accounts.roles import Permission, User
from core.clock import database_now
from core.display import Tone, badge, number_text, time_shown, window_shown
from core.shown_zone import in_shown_zone
from execution.admin.links import loader_link
from execution.models import LoaderExecutionLock
from execution.services import restore_output
from signals.comparison import MOST_EXAMPLES, VALUE_NAMES, Comparison, Example, Kind, compare
from signals.exceptions import ComparisonTimeoutError
from signals.models import OutputVersion

_KINDS = {
    Kind.ONLY_BEFORE: badge("Only before", Tone.BAD),
    Kind.ONLY_NOW: badge("Only now", Tone.GOOD),
    Kind.DIFFERING: badge("Differs", Tone.WAITING),
}


def _may_be_restored(_: User, version: OutputVersion) -> str:
    active = LoaderExecutionLock.objects.active().filter(
        loader=version.loader,
        window_from__lt=version.window_to,
        window_to__gt=version.window_from,
    )
    return "A run over its window is under way." if active.exists() else ""


def _restore(user: User, version: OutputVersion) -> str:
    restore_output(user=user, version_id=version.pk)
    return "A run that restores it is queued. What stands there now becomes a version in turn."


RESTORE = PageAction(
    "restore",
    "Restore",
    "settings_backup_restore",
    Permission.RUN,
    _may_be_restored,
    act=_restore,
    confirm="Restore it? Its signals replace those that stand in the window now.",
)


class OutputVersionAdmin(ActionPageAdmin):
    """What reloads replaced, until it expires."""

    page_actions = (RESTORE,)
    change_form_outer_before_template = "console/output_box.html"
    list_display = (
        "replaced",
        "loader_shown",
        "window_shown",
        "rows_shown",
        "replacing_run",
        "expires",
    )
    list_filter = (("loader", SearchedFilter),)
    list_filter_submit = True
    list_select_related = ("loader",)
    search_fields = ("=loader__loader_code",)
    search_help_text = "Loader, in full"

    def get_queryset(self, request: HttpRequest) -> QuerySet[OutputVersion]:
        found: QuerySet[OutputVersion] = super().get_queryset(request)
        return found.filter(expires_at__gt=database_now()).select_related("loader")

    def get_fieldsets(self, request: HttpRequest, obj: OutputVersion | None = None) -> Any:
        return [
            (
                "What was replaced",
                {"fields": (("window_shown", "rows_shown"), ("replaced", "replacing_run"))},
            )
        ]

    def page_context(self, request: HttpRequest, obj: OutputVersion) -> dict[str, Any]:
        context = {
            "loader_address": reverse("admin:loaders_loader_change", args=[obj.loader.pk]),
            "until": time_shown(obj.expires_at),
        }
        try:
            return {**context, **_comparison_context(compare(obj))}
        except ComparisonTimeoutError as error:
            return {**context, "not_compared": error.message}

    @admin.display(description=in_shown_zone("Replaced"), ordering="replaced_at")
    def replaced(self, version: OutputVersion) -> str:
        return time_shown(version.replaced_at)

    @admin.display(description="Loader", ordering="loader")
    def loader_shown(self, version: OutputVersion) -> SafeString:
        return loader_link(version.loader_id, version.loader.pk)

    @admin.display(description=in_shown_zone("Window"), ordering="window_from")
    def window_shown(self, version: OutputVersion) -> str:
        return window_shown(version.window_from, version.window_to)

    @admin.display(description="Signals", ordering="rows")
    def rows_shown(self, version: OutputVersion) -> str:
        return number_text(version.rows)

    @admin.display(description="Replaced by")
    def replacing_run(self, version: OutputVersion) -> SafeString:
        address = reverse("admin:execution_loadhistory_change", args=[version.replaced_by])
        return format_html('<a class="lp-link" href="{}">Execution</a>', address)

    @admin.display(description=in_shown_zone("Kept until"), ordering="expires_at")
    def expires(self, version: OutputVersion) -> str:
        return time_shown(version.expires_at)


def _comparison_context(comparison: Comparison) -> dict[str, Any]:
    return {
        "counts": _counts(comparison),
        "examples": [_example(example) for example in comparison.examples],
        "most_examples": MOST_EXAMPLES,
        "is_same": comparison.is_same,
    }


def _counts(comparison: Comparison) -> list[tuple[str, str]]:
    return [
        ("Only in this version", number_text(comparison.only_before)),
        ("Only there now", number_text(comparison.only_now)),
        ("With other values", number_text(comparison.differing)),
        ("The same", number_text(comparison.same)),
    ]


def _example(example: Example) -> dict[str, Any]:
    """A changed signal, and its values as `before → now` where the two differ."""
    return {
        "kind": _KINDS[example.kind],
        "at": time_shown(example.load_time_stamp),
        "segments": " / ".join(value for value in example.segments if value) or "(all)",
        "values": [_change(example, name) for name in VALUE_NAMES],
    }


def _change(example: Example, name: str) -> str:
    sides = [side[name] for side in (example.before, example.now) if side is not None]
    shown = [number_text(None) if value is None else f"{value:,}" for value in sides]
    return shown[0] if len(set(shown)) == 1 else " → ".join(shown)
