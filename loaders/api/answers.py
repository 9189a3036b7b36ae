"""Answers about versions, statements and sources. camelCase outside (see `core.api.json`)."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from core.api.answers import DataclassAnswer
from loaders.api.serializers import VersionAnswer
from loaders.changes import governed_values
from loaders.connectors.catalogue import Catalogue
from loaders.connectors.connection_test import ConnectionReport
from loaders.governance.findings import Rule, Severity, SubjectKind
from loaders.models import LoaderVersion, SourceDatabase
from loaders.sql_guard import Verdict


class VersionDetailAnswer(VersionAnswer):
    """A version with its governed settings; the SQL and where the source is are among them only
    for those who may see them, which `with_sql` in the context tells."""

    definition = serializers.SerializerMethodField()

    class Meta(VersionAnswer.Meta):
        fields = (*VersionAnswer.Meta.fields, "definition")

    def get_definition(self, version: LoaderVersion) -> dict[str, Any]:
        """The governed settings by name."""
        return governed_values(version.definition, with_sql=self.context["with_sql"])


class ChangeAnswer(serializers.Serializer[Any]):
    """One setting that differs."""

    setting = serializers.CharField(source="label")
    before = serializers.CharField()
    after = serializers.CharField(source="now")


class DiffAnswer(serializers.Serializer[Any]):
    """What differs between two versions. `sqlDiff` is there for those who may see SQL."""

    only_for_some = frozenset({"sql_diff"})

    to = serializers.IntegerField()
    changes = ChangeAnswer(many=True)
    sql_diff = serializers.ListField(child=serializers.CharField(), required=False)

    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of the language."""
        return {"from": serializers.IntegerField(), **super().get_fields()}


class VerdictAnswer(DataclassAnswer):
    """What the guard says of a statement. Line and column of a finding count from 1; both are null
    where no place can be named."""

    shows = Verdict

    def get_fields(self) -> dict[str, Any]:
        return {"is_valid": serializers.BooleanField(), **super().get_fields()}


class ConnectionReportAnswer(DataclassAnswer):
    """What a try at a source found. `code` is empty when all went well; times are milliseconds."""

    shows = ConnectionReport


class CatalogueAnswer(DataclassAnswer):
    """Tables and views that the source's account may read, with names and types of their columns.
    Those of `defaultSchema` need no schema in front; `isCut` says that there are more."""

    shows = Catalogue


class InspectionAnswer(serializers.ModelSerializer[SourceDatabase]):
    """What the source's account may do beyond reading."""

    read_only_findings = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = SourceDatabase
        fields = ("db_code", "read_only_verdict", "read_only_checked_at", "read_only_findings")


class TeamsAnswer(serializers.Serializer[Any]):
    """The names of the teams that reach the object."""

    teams = serializers.ListField(child=serializers.CharField())


class GovernanceFindingAnswer(serializers.Serializer[Any]):
    """One thing that is not as it should be; `link` is the console's page of it."""

    severity = serializers.ChoiceField(list(Severity))
    rule = serializers.ChoiceField(list(Rule))
    subject_type = serializers.ChoiceField(list(SubjectKind))
    subject = serializers.CharField()
    team = serializers.CharField()
    message = serializers.CharField()
    link = serializers.CharField()


class RuleCountAnswer(serializers.Serializer[Any]):
    """How many findings a rule has."""

    rule = serializers.ChoiceField(list(Rule))
    findings = serializers.IntegerField()


class GovernanceCountsAnswer(serializers.Serializer[Any]):
    """Of all that the team's filter lets through."""

    by_severity = serializers.DictField(child=serializers.IntegerField())
    by_rule = RuleCountAnswer(many=True)


class GovernancePageAnswer(serializers.Serializer[Any]):
    """A page of the report."""

    count = serializers.IntegerField()
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = GovernanceFindingAnswer(many=True)
    counts = GovernanceCountsAnswer()
