"""Forms of sources and loaders. They write through the services only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.admin_access import ServiceForm
from loaders.models import Loader, SourceDatabase
from loaders.services import create_loader, create_source, update_loader, update_source

_CODE_ATTRS = {"class": "lp-code", "spellcheck": "false", "autocomplete": "off", "wrap": "off"}


class VerbatimField(forms.CharField):
    """Text kept as it is, but for the line ends that browsers rewrite: opening and saving a page
    must not change a governed text, nor send an approved loader back to draft."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(strip=False, **kwargs)

    def to_python(self, value: Any) -> str:
        return _unix(super().to_python(value) or "")

    def has_changed(self, initial: Any, data: Any) -> bool:
        return _unix(initial or "") != _unix(data or "")


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n")


class UtcField(forms.DateTimeField):
    """An instant, typed and shown in UTC."""

    widget = UnfoldAdminTextInputWidget

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {"placeholder": "2026-01-31 10:00"}

    def prepare_value(self, value: Any) -> Any:
        shown = super().prepare_value(value)
        return shown.strftime("%Y-%m-%d %H:%M:%S") if hasattr(shown, "strftime") else shown


class TagsField(forms.CharField):
    """A list of words, typed with commas between them."""

    widget = UnfoldAdminTextInputWidget

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value) or ""
        return [word.strip() for word in text.split(",") if word.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool((initial or []) != self.to_python(data))


class LoaderForm(ServiceForm):
    """A loader's definition and texts."""

    loader_sql = VerbatimField(
        label="SQL",
        widget=UnfoldAdminTextareaWidget(attrs={**_CODE_ATTRS, "rows": 18}),
        help_text="One SELECT with <code>:fromTime</code> and <code>:toTime</code>. Its columns: "
        "LOAD_TIME_STAMP, SEGMENT_1 to SEGMENT_10, REC_COUNT, SUM_VAL, AVG_VAL, MAX_VAL, MIN_VAL "
        "and, if wanted, VALUE_COUNT.",
    )
    description = forms.CharField(
        required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3})
    )
    tags = TagsField(required=False, help_text="Words, separated by commas.")
    start_at = UtcField(label="Start (UTC)", required=False)
    end_at = UtcField(label="End (UTC)", required=False)

    class Meta:
        model = Loader
        fields = (
            "loader_code",
            "source_database",
            "loader_sql",
            "grain_seconds",
            "time_zone",
            "offset_hours",
            "time_format",
            "lateness_seconds",
            "start_at",
            "end_at",
            "min_interval_seconds",
            "max_query_period_seconds",
            "max_parallel_executions",
            "purge_strategy",
            "watermark_policy",
            "execution_timeout_seconds",
            "description",
            "domain",
            "tags",
            "is_test",
            "owning_team",
            "contact",
        )
        help_texts = {
            "is_test": "For trying things out; left out of reports and alerts.",
            "loader_code": "Capital letters, digits and underscores. It can't be changed later.",
            "time_zone": "An IANA name such as Asia/Riyadh. Empty: the source tells UTC.",
            "lateness_seconds": "How long after its end a stretch of time counts as closed.",
            "max_query_period_seconds": "How much time one run asks the source for at most.",
            "execution_timeout_seconds": "Empty: the portal's own limit.",
            "purge_strategy": "What a run does where signals already stand in its window.",
        }

    def write(self, values: Mapping[str, Any]) -> Loader:
        if self.adds:
            return create_loader(user=self.actor, values=values)
        return update_loader(user=self.actor, loader=self.instance, values=values)


class SourceForm(ServiceForm):
    """A source database. The password goes in and never comes out."""

    new_password = forms.CharField(
        label="Password",
        required=False,
        strip=False,
        widget=UnfoldAdminPasswordWidget(
            render_value=False, attrs={"autocomplete": "new-password"}
        ),
    )
    tls_ca = VerbatimField(
        label="TLS authority (PEM)",
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={**_CODE_ATTRS, "rows": 5}),
        help_text="Empty: the authorities of the system.",
    )

    class Meta:
        model = SourceDatabase
        fields = (
            "db_code",
            "db_type",
            "environment",
            "host",
            "port",
            "db_name",
            "user_name",
            "tls_mode",
            "tls_ca",
            "connect_timeout_seconds",
            "idle_read_timeout_seconds",
            "max_connections",
        )

        labels = {
            "connect_timeout_seconds": "Connect timeout (seconds)",
            "idle_read_timeout_seconds": "Idle read timeout (seconds)",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "new_password" in self.fields:
            field = self.fields["new_password"]
            field.required = self.adds
            if not self.adds:
                field.help_text = "Leave it empty to keep the stored one. It is never shown."

    def field_of(self, name: str) -> str:
        return "new_password" if name == "password" else name

    def write(self, values: Mapping[str, Any]) -> SourceDatabase:
        named = {self._name_of(field): value for field, value in values.items()}
        if self.adds:
            return create_source(user=self.actor, values=named)
        return update_source(user=self.actor, source=self.instance, values=named)

    @staticmethod
    def _name_of(field: str) -> str:
        return "password" if field == "new_password" else field


class DecisionForm(forms.Form):
    """What an approver says about a version."""

    comment = forms.CharField(
        required=False,
        max_length=4000,
        widget=UnfoldAdminTextareaWidget(
            attrs={"rows": 3, "placeholder": "What you checked, or why you reject it"}
        ),
    )
