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
from accounts.admin_actions import ActionForm
from loaders.admin.sql_editor import SqlEditor, editor_facts
from loaders.models import Loader, SourceDatabase
from loaders.services import (
    create_loader,
    create_source,
    set_log_level,
    update_loader,
    update_source,
)

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
        return {"placeholder": "2026-01-31 10:00", "data-utc": ""}

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


class MeaningsField(TagsField):
    """What the segments stand for, in their order, typed with commas between them."""

    def to_python(self, value: Any) -> Any:
        words = [word.strip() for word in (forms.CharField.to_python(self, value) or "").split(",")]
        while words and not words[-1]:
            words.pop()
        return words


class LoaderForm(ServiceForm):
    """A loader's definition and texts."""

    loader_sql = VerbatimField(
        label="SQL",
        required=False,
        widget=SqlEditor(),
        help_text="One SELECT with <code>:fromTime</code> and <code>:toTime</code>. Its columns: "
        "LOAD_TIME_STAMP, SEGMENT_1 to SEGMENT_10, REC_COUNT, SUM_VAL, AVG_VAL, MAX_VAL, MIN_VAL "
        "and, if wanted, VALUE_COUNT.",
    )
    description = forms.CharField(
        required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3})
    )
    tags = TagsField(required=False, help_text="Words, separated by commas.")
    segment_meanings = MeaningsField(
        label="Meaning of the segments",
        required=False,
        help_text="What SEGMENT_1, SEGMENT_2, ... stand for, in order: origin, carrier.",
    )
    start_at = UtcField(label="Start (UTC)", required=False)
    end_at = UtcField(label="End (UTC)", required=False)

    class Meta:
        model = Loader
        fields = (
            "loader_code",
            "kind",
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
            "row_cap",
            "max_attempts",
            "raw_capture",
            "freshness_target_seconds",
            "log_level",
            "segment_meanings",
            "description",
            "domain",
            "tags",
            "is_test",
            "owning_team",
            "contact",
        )
        help_texts = {
            "kind": "EXTERNAL has no source and no SQL: another system posts its signals.",
            "row_cap": "Most rows of one run; a window with more is halved. Empty: no limit.",
            "max_attempts": "How often a window is tried after errors that may pass.",
            "raw_capture": "Keep each run's rows as the source sent them, as a Parquet file.",
            "freshness_target_seconds": "How old the newest signal may be before people are told.",
            "log_level": "How much its runs log. Empty: as the portal.",
            "is_test": "For trying things out; left out of reports and alerts.",
            "loader_code": "Capital letters, digits and underscores. It can't be changed later.",
            "time_zone": "An IANA name such as Asia/Riyadh. Empty: the source's own, else UTC.",
            "lateness_seconds": "How long after its end a stretch of time counts as closed.",
            "max_query_period_seconds": "How much time one run asks the source for at most.",
            "execution_timeout_seconds": "Empty: the portal's own limit.",
            "purge_strategy": "What a run does where signals already stand in its window.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "loader_sql" in self.fields:
            choice = self.fields.get("source_database")
            offered = choice.queryset if isinstance(choice, forms.ModelChoiceField) else None
            widget: SqlEditor = self.fields["loader_sql"].widget
            widget.facts = editor_facts(None if self.adds else self.instance, offered)

    def write(self, values: Mapping[str, Any]) -> Loader:
        if self.adds:
            return create_loader(user=self.actor, values=values)
        others = {name: value for name, value in values.items() if name != "log_level"}
        written: Loader = self.instance
        if "log_level" in values:
            level = values["log_level"]
            written = set_log_level(user=self.actor, loader=self.instance, level=level)
        if others:
            written = update_loader(user=self.actor, loader=self.instance, values=others)
        return written


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
            "time_zone",
            "connect_timeout_seconds",
            "idle_read_timeout_seconds",
            "max_connections",
            "blackout_hours",
            "retention_days",
            "allow_test_queries",
        )
        help_texts = {
            "time_zone": "An IANA name such as Asia/Riyadh. Loaders that set no zone or offset of "
            "their own take it. Empty: UTC.",
            "blackout_hours": "Times of its day at which no run starts: 08:00-10:00, 22:30-01:00.",
            "retention_days": "How far back it still has its data. Empty: for ever.",
            "allow_test_queries": "Let people try out statements that nobody has approved yet.",
        }
        labels = {
            "connect_timeout_seconds": "Connect timeout (seconds)",
            "idle_read_timeout_seconds": "Idle read timeout (seconds)",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "new_password" in self.fields:
            field = self.fields["new_password"]
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


class WatermarkForm(ActionForm):
    """Where the next run continues from, and why."""

    note = (
        "The next run continues from here and is due at once; a run under way is called off. "
        "Signals that stand are replaced or kept as the loader's purge strategy says. Under "
        "FAIL_ON_DUPLICATE the next run that meets some fails: choose another strategy first to "
        "load a stretch again."
    )
    watermark = UtcField(
        label="Watermark (UTC)", required=False, help_text="Empty: the loader's start."
    )
    reason = forms.CharField(
        max_length=1000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="The audit trail keeps it.",
    )

    @classmethod
    def initial_of(cls, obj: Loader) -> dict[str, Any]:
        return {"watermark": obj.state.last_load_timestamp}


class SubmitForm(ActionForm):
    """What who submits a definition wants the approver to know."""

    note = "A second person looks at it, with evidence that is gathered at the source meanwhile."
    message = forms.CharField(
        label="Note to the approver",
        required=False,
        max_length=4000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="May be left empty. What changes, why, and what to look at.",
    )


class DecisionForm(forms.Form):
    """What an approver says about a version."""

    comment = forms.CharField(
        required=False,
        max_length=4000,
        widget=UnfoldAdminTextareaWidget(
            attrs={"rows": 3, "placeholder": "What you checked, or why you reject it"}
        ),
    )
