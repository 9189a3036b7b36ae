"""Lists of the console that stay quick whatever there is to list: how far they count, and filters
that offer only what the person reaches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib.admin.filters import FieldListFilter, RelatedFieldListFilter
from django.core.paginator import Paginator
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from accounts.object_access import is_governed, reachable

MOST_COUNTED = 10_000


class BoundedPaginator(Paginator):  # type: ignore[type-arg] # not so at run time
    """Counts, and has pages, up to `MOST_COUNTED` rows: to count a million takes longer than to
    show fifty. What lies beyond is found by a filter or a search."""

    template_name = "console/pagination.html"
    most_counted = MOST_COUNTED

    @cached_property
    def counted(self) -> int:
        """Rows, at most one more than are counted."""
        rows: Any = self.object_list
        return int(rows.order_by()[: MOST_COUNTED + 1].count())

    @property
    def is_cut(self) -> bool:
        """Whether there are more rows than pages."""
        return self.counted > MOST_COUNTED

    @cached_property
    def count(self) -> int:
        """Rows that there are pages of."""
        return min(self.counted, MOST_COUNTED)


class ReachableFilter(RelatedFieldListFilter):
    """Offers only what the person reaches."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        found = reachable(request.user, field.related_model._default_manager.all())  # noqa: SLF001
        return field.get_choices(
            include_blank=False,
            limit_choices_to={"pk__in": found.values("pk")},
            ordering=self.field_admin_ordering(field, request, model_admin),
        )


FieldListFilter.register(is_governed, ReachableFilter, take_priority=True)


class SearchedFilter(AutocompleteSelectFilter):  # type: ignore[misc] # django-unfold is not typed
    """The same where there may be thousands: offers what a search finds. A list with it sets
    `list_filter_submit`."""

    def choices(self, changelist: Any) -> Iterator[Any]:
        for choice in super().choices(changelist):
            field = choice["form"].fields[self.lookup_kwarg]
            # Else the name of what somebody doesn't reach would show as what is chosen.
            field.queryset = reachable(self.request.user, field.queryset)
            field.to_field_name = self.field.target_field.name
            yield choice
