"""Endpoints of loaders, their approval, sources and SQL validation. Each calls one service."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from django.db.models import QuerySet
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.roles import Permission, may
from core.api.etags import etag_headers, if_match, is_known
from core.api.idempotency import Repetition
from core.api.views import Endpoint, ListEndpoint, valid_body
from loaders import services
from loaders.api import operations as described
from loaders.api.answers import (
    ConnectionReportAnswer,
    DiffAnswer,
    InspectionAnswer,
    VerdictAnswer,
    VersionDetailAnswer,
)
from loaders.api.filters import (
    LoaderFilter,
    LoaderPagination,
    SourceFilter,
    narrowed_loaders,
    narrowed_sources,
)
from loaders.api.serializers import (
    CopyBody,
    DecisionBody,
    DiffParameters,
    LoaderAnswer,
    LoaderBody,
    LoaderChangeBody,
    LoaderWithSql,
    LogLevelBody,
    SourceBody,
    SubmitBody,
    ValidateBody,
    VersionAnswer,
    WatermarkBody,
)
from loaders.changes import settings_of, sql_diff, sql_of
from loaders.dialects import DatabaseType
from loaders.etags import etag_of
from loaders.models import Loader, LoaderVersion, SourceDatabase
from loaders.sql_guard import validate


class LoaderList(ListEndpoint[Loader]):
    """List loaders, archived ones only with `archived=true`; or add one as a draft."""

    needs = {"GET": Permission.VIEW, "POST": Permission.EDIT_LOADERS}
    operations = {"GET": described.LIST_LOADERS, "POST": described.CREATE_LOADER}

    parameters = LoaderFilter
    serializer_class = LoaderAnswer
    pagination_class = LoaderPagination

    def get_queryset(self) -> QuerySet[Loader]:
        found = narrowed_loaders(Loader.objects.visible_to(self.request.user), self.asked)
        related = found.select_related("source_database", "state", "approved_version")
        return related.defer("loader_sql", "approved_version__definition")

    def post(self, request: Request) -> Response:
        loader = services.create_loader(user=request.user, values=valid_body(LoaderBody, request))
        return loader_answer(request, loader, status.HTTP_201_CREATED)


class LoaderDetail(Endpoint):
    """One loader: read it, change it, archive it."""

    needs = {
        "GET": Permission.VIEW,
        "PATCH": Permission.EDIT_LOADERS,
        "DELETE": Permission.ARCHIVE,
    }
    operations = {
        "GET": described.GET_LOADER,
        "PATCH": described.CHANGE_LOADER,
        "DELETE": described.ARCHIVE_LOADER,
    }

    def get(self, request: Request, code: str) -> Response:
        loader = services.get_loader(code, user=request.user)
        etag = etag_of(loader, with_sql=may(request.user, Permission.VIEW_SQL))
        if is_known(request, etag):
            return Response(status=status.HTTP_304_NOT_MODIFIED, headers=etag_headers(etag))
        shown = services.show_sql(user=request.user, loader_code=loader.loader_code)
        answer = LoaderWithSql(loader) if shown else LoaderAnswer(loader)
        return Response(answer.data, headers=etag_headers(etag))

    def patch(self, request: Request, code: str) -> Response:
        values = valid_body(LoaderChangeBody, request, partial=True)
        with held(request, code) as loader:
            services.update_loader(user=request.user, loader=loader, values=values)
        return loader_answer(request, loader)

    def delete(self, request: Request, code: str) -> Response:
        with held(request, code) as loader:
            services.archive_loader(user=request.user, loader=loader)
        return Response(status=status.HTTP_204_NO_CONTENT)


class LoaderLogLevel(Endpoint):
    """How much the loader's runs log."""

    needs = {"POST": Permission.SET_LOG_LEVELS}
    operations = {"POST": described.SET_LOG_LEVEL}

    def post(self, request: Request, code: str) -> Response:
        level = valid_body(LogLevelBody, request)["level"]
        with held(request, code) as loader:
            services.set_log_level(user=request.user, loader=loader, level=level)
        return loader_answer(request, loader)


class LoaderWatermark(Endpoint):
    """Move the watermark, saying why."""

    needs = {"POST": Permission.RUN}
    operations = {"POST": described.MOVE_WATERMARK}

    def post(self, request: Request, code: str) -> Response:
        body = valid_body(WatermarkBody, request)
        with held(request, code) as loader:
            services.move_watermark(user=request.user, loader=loader, **body)
        return loader_answer(request, loader)


class LoaderSubmit(Endpoint):
    """Ask a second person to approve the draft."""

    needs = {"POST": Permission.EDIT_LOADERS}
    operations = {"POST": described.SUBMIT_LOADER}

    def post(self, request: Request, code: str) -> Response:
        body = valid_body(SubmitBody, request)
        with held(request, code) as loader:
            services.submit(user=request.user, loader=loader, note=body["note"] or body["comment"])
        return loader_answer(request, loader)


class LoaderApprove(Endpoint):
    """Approve the waiting version."""

    needs = {"POST": Permission.APPROVE}
    operations = {"POST": described.APPROVE_LOADER}

    def post(self, request: Request, code: str) -> Response:
        body = valid_body(DecisionBody, request)
        with held(request, code) as loader:
            services.approve(user=request.user, loader=loader, **body)
        return loader_answer(request, loader)


class LoaderReject(Endpoint):
    """Reject the waiting version, saying why."""

    needs = {"POST": Permission.APPROVE}
    operations = {"POST": described.REJECT_LOADER}

    def post(self, request: Request, code: str) -> Response:
        body = valid_body(DecisionBody, request)
        with held(request, code) as loader:
            services.reject(user=request.user, loader=loader, **body)
        return loader_answer(request, loader)


class LoaderEnable(Endpoint):
    """Let the loader run."""

    needs = {"POST": Permission.RUN}
    operations = {"POST": described.ENABLE_LOADER}

    def post(self, request: Request, code: str) -> Response:
        with held(request, code) as loader:
            services.enable(user=request.user, loader=loader)
        return loader_answer(request, loader)


class LoaderDisable(Endpoint):
    """Let no new run start."""

    needs = {"POST": Permission.RUN}

    def post(self, request: Request, code: str) -> Response:
        with held(request, code) as loader:
            services.disable(user=request.user, loader=loader)
        return loader_answer(request, loader)


class LoaderCopy(Endpoint):
    """A new draft with this loader's definition."""

    needs = {"POST": Permission.EDIT_LOADERS}
    operations = {"POST": described.COPY_LOADER}

    def post(self, request: Request, code: str) -> Response:
        body = valid_body(CopyBody, request)
        db_code = body.get("source_database")
        with held(request, code) as loader:
            copied = services.copy_loader(
                user=request.user,
                loader=loader,
                loader_code=body["loader_code"],
                source=services.get_source(db_code, user=request.user) if db_code else None,
                domain=body.get("domain"),
            )
        return loader_answer(request, copied, status.HTTP_201_CREATED)


class VersionList(ListEndpoint[LoaderVersion]):
    """Versions of a loader, newest first."""

    needs = {"GET": Permission.VIEW}
    operations = {"GET": described.LIST_VERSIONS}
    serializer_class = VersionAnswer

    def get_queryset(self) -> QuerySet[LoaderVersion]:
        loader = services.get_loader(self.kwargs["code"], user=self.request.user)
        return loader.versions.select_related("loader", "submitted_by", "decided_by")


class VersionDetail(Endpoint):
    """One version; its settings, and its SQL and source for those who may see them."""

    needs = {"GET": Permission.VIEW}
    operations = {"GET": described.GET_VERSION}

    def get(self, request: Request, code: str, number: str) -> Response:
        version = services.get_version(services.get_loader(code, user=request.user), int(number))
        shown = services.show_sql(user=request.user, loader_code=code, version=version.number)
        return Response(VersionDetailAnswer(version, context={"with_sql": shown}).data)


class VersionRestore(Endpoint):
    """Make a draft of an old version."""

    needs = {"POST": Permission.EDIT_LOADERS}
    operations = {"POST": described.RESTORE_VERSION}

    def post(self, request: Request, code: str, number: str) -> Response:
        with held(request, code) as loader:
            services.restore_version(user=request.user, loader=loader, number=int(number))
        return loader_answer(request, loader)


class VersionDiff(Endpoint):
    """What differs between two versions."""

    needs = {"GET": Permission.VIEW}
    operations = {"GET": described.COMPARE_VERSIONS}
    parameters = DiffParameters

    def get(self, request: Request, code: str) -> Response:
        numbers = self.asked
        loader = services.get_loader(code, user=request.user)
        before, now = (
            services.get_version(loader, numbers[name]).definition for name in ("from", "to")
        )
        compared = (numbers["from"], numbers["to"])
        shown = services.show_both(user=request.user, loader=loader, numbers=compared)
        settings = settings_of(now, before, with_source=shown)
        answer: dict[str, Any] = {**numbers, "changes": [one for one in settings if one.changed]}
        if shown:
            answer["sql_diff"] = [line.text for line in sql_diff(sql_of(before), sql_of(now))]
        return Response(DiffAnswer(answer).data)


class LoaderValidate(Endpoint):
    """What the guard says of the loader's draft as it stands; nothing is stored or run."""

    repetition = Repetition.HARMLESS

    needs = {"POST": Permission.VIEW_SQL}
    operations = {"POST": described.VALIDATE_LOADER}

    def post(self, request: Request, code: str) -> Response:
        loader = services.get_loader(code, user=request.user)
        verdict = services.validate_draft(user=request.user, loader=loader)
        return Response(VerdictAnswer(verdict).data)


class SqlValidate(Endpoint):
    """What the guard says of a statement; nothing is stored or run."""

    repetition = Repetition.HARMLESS

    needs = {"POST": Permission.VIEW}
    operations = {"POST": described.VALIDATE_SQL}

    def post(self, request: Request) -> Response:
        body = valid_body(ValidateBody, request)
        verdict = validate(body["sql"], DatabaseType(body["db_type"]))
        return Response(VerdictAnswer(verdict).data)


class SourceList(ListEndpoint[SourceDatabase]):
    """List source databases, or add one."""

    needs = {"GET": Permission.VIEW_SQL, "POST": Permission.MANAGE_SOURCES}
    operations = {"GET": described.LIST_SOURCES, "POST": described.CREATE_SOURCE}

    parameters = SourceFilter
    serializer_class = SourceBody

    def get_queryset(self) -> QuerySet[SourceDatabase]:
        return narrowed_sources(SourceDatabase.objects.visible_to(self.request.user), self.asked)

    def post(self, request: Request) -> Response:
        source = services.create_source(user=request.user, values=valid_body(SourceBody, request))
        return _source_answer(request, source, status.HTTP_201_CREATED)


class SourceDetail(Endpoint):
    """One source: read it, change it."""

    needs = {"GET": Permission.VIEW_SQL, "PATCH": Permission.MANAGE_SOURCES}
    operations = {"GET": described.GET_SOURCE, "PATCH": described.CHANGE_SOURCE}

    def get(self, request: Request, code: str) -> Response:
        source = services.get_source(code, user=request.user)
        etag = etag_of(source)
        if is_known(request, etag):
            return Response(status=status.HTTP_304_NOT_MODIFIED, headers=etag_headers(etag))
        return Response(SourceBody(source).data, headers=etag_headers(etag))

    def patch(self, request: Request, code: str) -> Response:
        values = valid_body(SourceBody, request, partial=True)
        read = services.get_source(code, user=request.user)
        with services.unchanged(read, if_match(request)) as source:
            services.update_source(user=request.user, source=source, values=values)
        return _source_answer(request, source)


class SourceTest(Endpoint):
    """Connect to the source and report: clock, TLS, privileges, and what to do about them."""

    repetition = Repetition.HARMLESS

    needs = {"POST": Permission.MANAGE_SOURCES}
    operations = {"POST": described.TEST_SOURCE}

    def post(self, request: Request, code: str) -> Response:
        report = services.try_source(
            user=request.user, source=services.get_source(code, user=request.user)
        )
        return Response(ConnectionReportAnswer(report).data)


class SourceInspect(Endpoint):
    """What the source's account may do beyond reading, looked up now."""

    repetition = Repetition.HARMLESS

    needs = {"POST": Permission.MANAGE_SOURCES}
    operations = {"POST": described.INSPECT_SOURCE}

    def post(self, request: Request, code: str) -> Response:
        source = services.inspect_source(
            user=request.user, source=services.get_source(code, user=request.user)
        )
        return Response(InspectionAnswer(source).data)


def held(request: Request, code: str) -> AbstractContextManager[Loader]:
    """The loader of the address, for an act that the request's `If-Match` may make conditional."""
    read = services.get_loader(code, user=request.user)
    return services.unchanged(read, if_match(request))


def loader_answer(request: Request, loader: Loader, code: int = status.HTTP_200_OK) -> Response:
    """The loader after an act, as it is now, with its tag."""
    fresh: Any = services.get_loader(loader.loader_code, user=request.user)
    return Response(LoaderAnswer(fresh).data, status=code, headers=etag_headers(etag_of(fresh)))


def _source_answer(
    request: Request, source: SourceDatabase, code: int = status.HTTP_200_OK
) -> Response:
    fresh = services.get_source(source.db_code, user=request.user)
    return Response(SourceBody(fresh).data, status=code, headers=etag_headers(etag_of(fresh)))
