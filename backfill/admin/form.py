"""The form by which a backfill is submitted, and what its preview shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.db.models import QuerySet
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.admin_actions import ActionForm
from accounts.object_access import reachable
from accounts.roles import User
from backfill.models import BackfillJob
from backfill.order import FIRST, LAST, USUAL
from backfill.preview_text import preview_facts, preview_notices
from backfill.services import Preview, PreviewedWindow, Wanted
from backfill.services.submitting import LONGEST_REASON
from backfill.states import JobMode
from core.display import Tone, badge, number_text, window_shown
from execution.admin import COVERAGE_TONES
from execution.coverage import CoverageState
from loaders.admin.forms import UtcField
from loaders.models import Loader
from loaders.policies import LoaderKind, PurgeStrategy

_LOADER = BackfillJob._meta.get_field("loader")  # noqa: SLF001 - Django's documented API


class SubmitForm(ActionForm):
    """What somebody wants loaded. A retry keeps its loader."""

    loader = forms.ModelChoiceField(
        queryset=Loader.objects.none(),
        widget=AutocompleteSelect(_LOADER, admin.site),
        to_field_name="loader_code",
    )
    from_time = UtcField(label="From (UTC)", help_text="Widened to whole grains of the loader.")
    to_time = UtcField(label="To (UTC)", help_text="At most the loader's watermark.")
    mode = forms.ChoiceField(choices=JobMode.choices, widget=UnfoldAdminSelectWidget)
    purge_strategy = forms.ChoiceField(
        choices=PurgeStrategy.choices,
        widget=UnfoldAdminSelectWidget,
        label="Where signals stand already",
    )
    priority = forms.IntegerField(
        min_value=FIRST,
        max_value=LAST,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=f"{FIRST} goes first, {LAST} last.",
    )
    reason = forms.CharField(
        required=False, max_length=LONGEST_REASON, widget=UnfoldAdminTextInputWidget
    )

    def __init__(self, user: User, *args: Any, retried: BackfillJob | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        loaders: QuerySet[Loader] = reachable(
            user, Loader.objects.filter(kind=LoaderKind.SQL, archived_at=None)
        )
        if retried is not None:
            loaders = loaders.filter(pk=retried.loader.pk)
        field = self.fields["loader"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = loaders

    @staticmethod
    def initial_for(
        *, loader: Loader | None, retried: BackfillJob | None, asked: Mapping[str, str]
    ) -> dict[str, Any]:
        """What the form starts from: an old job's values, or the usual ones with the range that
        the address asks for."""
        if retried is None:
            return {
                "from_time": asked.get("from", "").replace("T", " "),
                "to_time": asked.get("to", "").replace("T", " "),
                "loader": loader.loader_code if loader else None,
                "mode": JobMode.ALL,
                "purge_strategy": PurgeStrategy.PURGE_AND_RELOAD,
                "priority": USUAL,
            }
        names = ("from_time", "to_time", "mode", "purge_strategy", "priority", "reason")
        return {
            "loader": retried.loader_id,
            **{name: getattr(retried, name) for name in names},
        }

    def wanted(self) -> Wanted:
        """The wish of a valid form."""
        values = self.cleaned_data
        return Wanted(
            from_time=values["from_time"],
            to_time=values["to_time"],
            purge_strategy=PurgeStrategy(values["purge_strategy"]),
            mode=JobMode(values["mode"]),
            priority=values["priority"],
            reason=values["reason"],
        )

    def fingerprint(self) -> str:
        """Tells whether what is submitted is what was previewed."""
        return " ".join(
            str(self.cleaned_data[name])
            for name in ("loader", "from_time", "to_time", "mode", "purge_strategy")
        )


def preview_context(preview: Preview) -> dict[str, Any]:
    """A preview as the page shows it."""
    return {
        "facts": list(preview_facts(preview, window_shown).items()),
        "notices": preview_notices(preview),
        "windows": [_row(shown) for shown in preview.windows],
        "page": preview.page,
        "pages": preview.pages,
        "earlier": preview.page - 1 or None,
        "later": preview.page + 1 if preview.page < preview.pages else None,
    }


def _row(shown: PreviewedWindow) -> dict[str, Any]:
    if shown.fails:
        fate = badge("The run fails on them", Tone.BAD)
    elif shown.replaced:
        fate = badge("Replaced", Tone.WAITING)
    else:
        fate = badge("Kept" if shown.rows else "None there", Tone.QUIET)
    return {
        "window": window_shown(shown.window.start, shown.window.end),
        "coverage": [
            badge(CoverageState(state).label, COVERAGE_TONES[CoverageState(state)])
            for state in shown.coverage
        ],
        "rows": number_text(shown.rows),
        "fate": fate,
    }
