"""Schemathesis over one address of the API, in this process and in a transaction that is undone
after each request, among objects that are really there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from typing import Any

import schemathesis
from django.conf import settings as portal
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, settings
from rest_framework_simplejwt.tokens import AccessToken
from schemathesis.config import SchemathesisConfig
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.hypothesis.builder import (
    HypothesisTestConfig,
    HypothesisTestMode,
    create_test,
)
from schemathesis.generation.meta import TestPhase
from schemathesis.specs.openapi.checks import ignored_auth

from accounts.roles import Role
from loaderportal.api_document import document_as_json
from loaderportal.wsgi import application
from tests.support.place import Place

_MODES = [HypothesisTestMode.EXAMPLES, HypothesisTestMode.COVERAGE, HypothesisTestMode.FUZZING]

_ACCEPTED = ["2xx", "304", "401", "403", "404", "409"]
"""What valid data may be answered with, besides what needs a rule that no schema can say."""

_BY_RULE = ["410", "412", "422", "503"]


@cache
def fuzzed_api() -> Any:
    """The document as Schemathesis reads it, with every check on. No request holds NUL: that is
    refused everywhere, and `test_nul_is_refused_everywhere` sees to it."""
    positive = {"enabled": True, "expected-statuses": [*_ACCEPTED, *_BY_RULE]}
    config = SchemathesisConfig.from_dict(
        {
            "generation": {"allow-x00": False},
            "checks": {"enabled": True, "positive_data_acceptance": positive},
        }
    )
    api = schemathesis.openapi.from_dict(json.loads(document_as_json()), config=config)
    api.app = _answer_in_whole
    return api


def _answer_in_whole(environ: Any, start_response: Any) -> list[bytes]:
    """The portal behind a server, which closes each answer. Schemathesis' own client does not: a
    download's session would stay open until its memory is collected. Nor can it read gzip, which
    it asks for."""
    environ.pop("HTTP_ACCEPT_ENCODING", None)
    answer = application(environ, start_response)
    with closing(answer):
        return [b"".join(answer)]


@contextmanager
def requests_of_one_transaction() -> Iterator[None]:
    """Requests neither end the connection that the transaction is on, nor are they counted."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    limit, portal.RATE_LIMIT = portal.RATE_LIMIT, None
    try:
        yield
    finally:
        portal.RATE_LIMIT = limit
        for signal in (request_started, request_finished):
            signal.connect(close_old_connections)


def fuzz(path: str, *, place: Place, role: Role, examples: int, thins_after: int) -> int:
    """Every method of the address as the role: the document's examples, what its bounds ask for,
    and so many requests at random besides. Of the requests for bounds beyond `thins_after` a method
    only every tenth is sent. Returns how many were sent. Raises Schemathesis' FailureGroup."""
    headers = {"Authorization": f"Bearer {AccessToken.for_user(place.user(role))}"}
    known = Known(place)
    sent = bounds = 0
    once: list[Any] = []

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
    )
    def send(case: Any) -> None:
        nonlocal sent, bounds, once
        if case.meta is not None and case.meta.phase.name is TestPhase.COVERAGE:
            bounds += 1
            if bounds > thins_after and bounds % 10:
                return
        sent += 1
        known.lead(case, sent)
        with transaction.atomic():
            try:
                answer = case.call_and_validate(headers=headers, excluded_checks=once)
            finally:
                transaction.set_rollback(True)
        if answer.status_code < 300:
            # That the operation refuses others has been seen; it costs two requests each time.
            once = [ignored_auth]

    with requests_of_one_transaction():
        for operation in fuzzed_api()[path].values():
            bounds, once = 0, []
            config = HypothesisTestConfig(project=fuzzed_api().config, modes=_MODES)
            create_test(operation=operation, test_func=send, config=config)()
    return sent


class Known:
    """Puts what is there into three of four requests whose path is to be a valid one: else nearly
    all of them would be answered 404."""

    def __init__(self, place: Place) -> None:
        objects = place.objects
        self._loader = objects["loaders_loader"].loader_code
        self._source = objects["loaders_sourcedatabase"].db_code
        self.paths: dict[str, str] = {
            "execution_id": str(place.execution.pk),
            "recount_id": str(objects["execution_recount"].pk),
            "output_id": str(objects["signals_outputversion"].pk),
            "job_id": str(objects["backfill_backfilljob"].pk),
            "waiver_id": str(objects["execution_gapwaiver"].pk),
            "scan_id": str(objects["backfill_gapscan"].pk),
            "lock_id": str(objects["execution_loaderexecutionlock"].pk),
            "token_id": str(place.tokens[Role.ADMIN].pk),
            "gap": objects["execution_gap"].pk,
            "number": "1",
            "segment_code": "019c1234-5678-7abc-8def-0123456789ab",
            "code": self._loader,
        }

    def lead(self, case: Any, turn: int) -> None:
        """Change the case, unless it is its turn to go astray."""
        if turn % 4 == 0 or case.meta is None:
            return
        is_source = "db-sources" in case.path
        code = self._source if is_source else self._loader
        if not case.meta.is_negative_at(ParameterLocation.PATH):
            paths = {**self.paths, "code": code}
            for name in set(case.path_parameters or ()) & set(paths):
                case.path_parameters[name] = paths[name]
        if not case.meta.is_negative_at(ParameterLocation.QUERY):
            _put(case.query, self._loader, self._source)
        if not case.meta.is_negative_at(ParameterLocation.BODY) and "copy" not in case.path:
            _put(case.body, self._loader, self._source)


def _put(values: Any, loader: str, source: str) -> None:
    if not isinstance(values, dict):
        return
    if isinstance(values.get("loaderCode"), str):
        values["loaderCode"] = loader
    if isinstance(values.get("sourceDatabase"), str):
        values["sourceDatabase"] = source
