"""Console pages of the segments dictionary: segment combinations and what people call them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.admin_access import PortalModelAdmin, ServiceForm
from accounts.roles import Permission
from core.display import NOTHING, time_shown
from core.shown_zone import in_shown_zone
from loaders.models import Loader
from signals.dictionary import (
    LONGEST,
    changes_of,
    describe_segment,
    of_loader,
    search_segments,
    with_names,
)
from signals.models import LoaderSegment, SegmentCombination

_MOST_CHANGES = 20
_MOST_LOADERS = 5


class BroughtByFilter(admin.SimpleListFilter):
    """Combinations that a loader has brought; offers the loaders that the person reaches."""

    title = "loader"
    parameter_name = "loader"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        codes = Loader.objects.visible_to(request.user).values_list("loader_code", flat=True)
        return [(code, code) for code in codes.order_by("loader_code")]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[SegmentCombination]
    ) -> QuerySet[SegmentCombination]:
        code = self.value()
        if code is None:
            return queryset
        reached = Loader.objects.visible_to(request.user).filter(loader_code=code)
        return of_loader(queryset, code) if reached.exists() else queryset.none()


class DescriptionForm(ServiceForm):
    """The name of a combination."""

    description = forms.CharField(
        label="Name",
        required=False,
        max_length=LONGEST,
        widget=UnfoldAdminTextInputWidget,
        help_text="Shown in legends and downloads, for every loader with these segments. Empty "
        "takes the name away.",
    )

    class Meta:
        model = SegmentCombination
        fields: tuple[str, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["description"] = getattr(self.instance, "description", None) or ""

    def clean_description(self) -> str:
        """A form that was cut off must not take a name away."""
        if "description" not in self.data:
            raise forms.ValidationError("Give a name, or an empty one.")
        name: str = self.cleaned_data["description"]
        return name

    def write(self, values: Mapping[str, Any]) -> SegmentCombination:
        shown: SegmentCombination = self.instance
        if "description" not in values:
            return shown
        return describe_segment(
            user=self.actor, segment_code=shown.pk, description=values["description"]
        )


class SegmentCombinationAdmin(PortalModelAdmin):
    """What segments are called."""

    change_permission = Permission.DESCRIBE_SEGMENTS
    form = DescriptionForm
    list_display = ("segments_shown", "name_shown", "loaders_shown")
    list_filter = (BroughtByFilter,)
    search_fields = ("segment_1",)
    search_help_text = "Words in segments and names"
    ordering = ("segment_1", "segment_2", "segment_3", "segment_code")
    readonly_fields = ("segment_code", "name_shown", "loaders_shown", "changes_shown")

    def get_queryset(self, request: HttpRequest) -> QuerySet[SegmentCombination]:
        brought = LoaderSegment.objects.filter(
            segment_code=OuterRef("segment_code"),
            loader_code__in=Loader.objects.visible_to(request.user).values("loader_code"),
        )
        codes = brought.order_by("loader_code").values("loader_code")[: _MOST_LOADERS + 1]
        return with_names(super().get_queryset(request)).annotate(loaders=ArraySubquery(codes))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[SegmentCombination], search_term: str
    ) -> tuple[QuerySet[SegmentCombination], bool]:
        return search_segments(queryset, search_term), False

    def get_fieldsets(self, request: HttpRequest, obj: SegmentCombination | None = None) -> Any:
        name = "description" if self.has_change_permission(request, obj) else "name_shown"
        return [
            (None, {"fields": (name, "segment_code", "loaders_shown")}),
            ("Names it had", {"fields": ("changes_shown",)}),
        ]

    @admin.display(description="Segments", ordering="segment_1")
    def segments_shown(self, segment: SegmentCombination) -> str:
        return str(segment)

    @admin.display(description="Name", ordering="description", empty_value=NOTHING)
    def name_shown(self, segment: Any) -> str | None:
        name: str | None = segment.description
        return name

    @admin.display(description="Came with")
    def loaders_shown(self, segment: Any) -> str:
        more = ["…"] if len(segment.loaders) > _MOST_LOADERS else []
        return ", ".join([*segment.loaders[:_MOST_LOADERS], *more]) or NOTHING

    @admin.display(description=in_shown_zone("The latest first"))
    def changes_shown(self, segment: SegmentCombination) -> SafeString | str:
        lines = [
            (time_shown(change.at), change.by, change.description or "no name")
            for change in changes_of(segment.pk, _MOST_CHANGES)
        ]
        return format_html_join("", "<div>{} · {} · {}</div>", lines) or NOTHING
