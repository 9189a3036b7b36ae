"""People of all roles at work with marked sources and loaders: what goes well, what is refused,
what fails at the source, and what the portal itself stumbles over."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor

from accounts.roles import Role
from execution.models import LoadHistory, RunStatus, Trigger
from loaders.dialects import DatabaseType
from loaders.models import EvidencePack, Loader, SourceDatabase
from tests.portal_database import PortalDatabase
from tests.servers import SourceServer
from tests.support.leaks import Secret
from tests.support.marked_sources import (
    NEW,
    REFUSED,
    hostile_statements,
    invalid_sql,
    loader_body,
    marked_sql,
    source_bodies,
    source_body,
    sql_that_meets_bad_data,
    sql_with_missing_column,
)
from tests.support.people import People
from tests.support.replica import wait_until
from tests.support.web import Answer, Caller, WebServer, place_of

NOBODY = "nobody"
MACHINE = "machine"
_TOKEN = re.compile(r"lpt_[0-9a-f]{64}")
_SOURCES = "admin/res/db-sources"
_ENDS = {
    "GOOD_MARIA": "",
    "GOOD_POSTGRES": "",
    "MISSING_MARIA": "SOURCE_SQL_FAILED",
    "MISSING_POSTGRES": "SOURCE_SQL_FAILED",
    "BAD_DATA": "SOURCE_DATA",
    "LOGIN_MARIA": "SOURCE_AUTH_FAILED",
    "LOGIN_POSTGRES": "SOURCE_AUTH_FAILED",
    "UNREACHABLE": "SOURCE_UNREACHABLE",
}
"""Loaders that run, and the error code that each ends with."""

# A defect of the portal's own, in the middle of saving what holds a password or SQL.
_DEFECTS = """
ALTER TABLE loader.source_databases ADD CHECK (db_code <> 'DEFECT');
ALTER TABLE loader.loader ADD CHECK (loader_code <> 'DEFECT');
"""


class MarkedWork:
    """Everybody signed in, and what they do in order."""

    def __init__(self, server: WebServer, mariadb: SourceServer, postgres: SourceServer) -> None:
        self._mariadb, self._postgres = mariadb, postgres
        people = People()
        names = {role: getattr(people, role.value).get_username() for role in Role}
        place_of("GET", "/")  # the addresses are read once, before the threads ask for them
        with ThreadPoolExecutor(len(names)) as threads:  # signing in takes its time, on purpose
            callers = threads.map(lambda role: Caller(server, role.value, names[role]), names)
            self.callers = dict(zip(names, callers, strict=True))
        self.nobody = Caller(server, NOBODY)
        self.machine = Caller(server, MACHINE)
        self.tokens: list[Secret] = []
        self.viewer, self.operator = self.callers[Role.VIEWER], self.callers[Role.OPERATOR]
        self.approver, self.admin = self.callers[Role.APPROVER], self.callers[Role.ADMIN]

    @property
    def everybody(self) -> list[Caller]:
        """All who call, with roles and without."""
        return [*self.callers.values(), self.nobody]

    # --- tokens ---------------------------------------------------------------------------------

    def make_tokens(self) -> None:
        """At the API and in the console; each is used, and then sent with its last letter wrong."""
        made = self.operator.api("POST", "tokens", {"name": "by API", "role": "operator"})
        self._did(made, 201)
        form = {"name": "by form", "role": "viewer", "days": "30"}
        page = self.operator.post("/admin/accounts/apitoken/add/", **form).body
        for how, text in (("by API", made.json["token"]), ("by form", _TOKEN.findall(page)[0])):
            self.tokens.append(Secret(f"token made {how}", text))
            for sent, status in ((text, 200), (text[:-1] + "g", 401)):
                self.machine.token = sent
                self._did(self.machine.api("GET", "tokens"), status)

    # --- sources --------------------------------------------------------------------------------

    def register_sources(self) -> None:
        """By the API; each is tried out, at the API and in the console."""
        for body in source_bodies(self._mariadb, self._postgres):
            self._did(self.admin.api("POST", _SOURCES, body), 201)
        for source in SourceDatabase.objects.all():
            self._did(self.admin.api("POST", f"{_SOURCES}/{source.db_code}/test"), 200)
            page = f"/admin/loaders/sourcedatabase/{source.pk}"
            self._did(self.admin.post(f"{page}/do/test/"), 200)

    def try_bad_sources(self) -> None:
        """What is refused: it holds a password all the same."""
        good = source_body("REFUSED", self._mariadb, REFUSED)
        for wrong in (
            {"port": 0},
            {"dbType": "ORACLE"},
            {"environment": "elsewhere"},
            {"noSuchField": REFUSED.text},
            {"password": {"is": REFUSED.text}},
            {"password": REFUSED.text * 100},
            {"dbCode": "MARIA"},
        ):
            self._did(self.admin.api("POST", _SOURCES, {**good, **wrong}), 422)
        malformed = json.dumps(good)[:-1] + ', "more": }'
        for path in (_SOURCES, "auth/login", "loaders"):
            self._did(self.admin.api("POST", path, malformed), 400)
        for caller, status in ((self.operator, 403), (self.viewer, 403), (self.nobody, 401)):
            self._did(caller.api("POST", _SOURCES, good), status)
        self._did(self.admin.api("PUT", _SOURCES, good), 405)
        self._did(self.admin.api("POST", "no/such/path", good), 404)
        self._did(self.admin.api("POST", _SOURCES, {**good, "dbCode": "DEFECT"}), 500)
        form = {"db_code": "lower case", "new_password": REFUSED.text, "host": "h", "port": "1"}
        refused = self.admin.post("/admin/loaders/sourcedatabase/add/", **form)
        assert "errornote" in refused.body or "Please correct" in refused.body

    def change_a_password(self) -> None:
        """Of a source whose loaders have run."""
        self._did(self.admin.api("PATCH", f"{_SOURCES}/AWAY", {"password": NEW.text}), 200)

    # --- loaders --------------------------------------------------------------------------------

    def write_loaders(self) -> None:
        """Those that will run, one that is rejected, and those that are refused."""
        for code, db_code, sql in (
            ("GOOD_MARIA", "MARIA", marked_sql("MYSQL")),
            ("GOOD_POSTGRES", "POSTGRES", marked_sql("POSTGRESQL")),
            ("MISSING_MARIA", "MARIA", sql_with_missing_column("MYSQL")),
            ("MISSING_POSTGRES", "POSTGRES", sql_with_missing_column("POSTGRESQL")),
            ("BAD_DATA", "POSTGRES", sql_that_meets_bad_data("POSTGRESQL")),
            ("LOGIN_MARIA", "WRONG_MARIA", marked_sql("MYSQL")),
            ("LOGIN_POSTGRES", "WRONG_POSTGRES", marked_sql("POSTGRESQL")),
            ("UNREACHABLE", "AWAY", marked_sql("POSTGRESQL")),
            ("REJECTED", "MARIA", marked_sql("MYSQL")),
        ):
            self._did(self.operator.api("POST", "loaders", loader_body(code, db_code, sql)), 201)
            self._submit(code)
        reason = {"comment": "Not like this."}
        self._did(self.approver.api("POST", "loaders/REJECTED/reject", reason), 200)
        for code in _ENDS:
            self._did(self.operator.api("POST", f"loaders/{code}/approve"), 403)
            self._approve(code)

    def try_bad_loaders(self) -> None:
        """A form and bodies that fail validation, and SQL that the guard refuses."""
        body = loader_body("INVALID", "MARIA", invalid_sql("MYSQL"))
        for wrong in ({"grainSeconds": 0}, {"timeZone": "Nowhere/At_All"}, {"loaderCode": "x"}):
            self._did(self.operator.api("POST", "loaders", {**body, **wrong}), 422)
        self._did(self.operator.api("POST", "loaders", json.dumps(body)[:-1]), 400)
        self._did(self.viewer.api("POST", "loaders", body), 403)
        self._did(self.nobody.api("POST", "loaders", body), 401)
        self._did(self.operator.api("POST", "loaders", {**body, "loaderCode": "DEFECT"}), 500)
        self._did(self.operator.api("POST", "loaders", body), 201)
        self._did(self.operator.api("POST", "loaders/INVALID/submit"), 422)
        for sql in (invalid_sql("MYSQL"), *hostile_statements()):
            for db_type in DatabaseType:
                asked = {"sql": sql, "dbType": db_type}
                self._did(self.operator.api("POST", "sql/validate", asked), 200)
        form = {"loader_code": "lower case", "loader_sql": marked_sql("MYSQL"), "grain_seconds": ""}
        assert "errornote" in self.operator.post("/admin/loaders/loader/add/", **form).body
        invalid = Loader.objects.get(loader_code="INVALID")
        page = f"/admin/loaders/loader/{invalid.pk}"
        assert "is refused" in self.operator.post(f"{page}/do/submit/").body

    def rework_loaders(self) -> None:
        """A second version, an old one restored, a copy, and one whose row was tampered with."""
        twice = marked_sql("POSTGRESQL").replace("SUM(amount)", "SUM(amount * 2)")
        self._did(self.operator.api("PATCH", "loaders/GOOD_POSTGRES", {"loaderSql": twice}), 200)
        self._submit("GOOD_POSTGRES")
        self._approve("GOOD_POSTGRES")
        self._did(self.operator.api("POST", "loaders/GOOD_POSTGRES/versions/1/restore"), 200)
        copied = {"loaderCode": "COPIED"}
        self._did(self.operator.api("POST", "loaders/GOOD_POSTGRES/copy", copied), 201)
        for action in ("enable", "disable", "run", "submit"):
            self._did(self.viewer.api("POST", f"loaders/GOOD_MARIA/{action}"), 403)

    def run_loaders(self) -> None:
        """Each ends as it should; one is asked for once more, and a run that ended is cancelled."""
        wait_until(self._all_have_ended, seconds=30, what="every loader has run")
        self._did(self.operator.api("POST", "loaders/MISSING_MARIA/run"), 202)
        self._did(self.admin.api("PATCH", f"{_SOURCES}/MARIA", {"allowTestQueries": True}), 200)
        for trial in ("test-query", "dry-run"):
            wait_until(_nothing_is_tried, seconds=30, what="the trials have ended")
            self._did(self.operator.api("POST", f"loaders/GOOD_MARIA/{trial}"), 202)
        wait_until(_nothing_is_tried, seconds=30, what="the trials have ended")
        ended = LoadHistory.objects.filter(status=RunStatus.FAILED).latest("start_time")
        self._did(self.operator.api("POST", f"executions/{ended.pk}/cancel"), 409)

    def _all_have_ended(self) -> bool:
        """By the first run of each."""
        runs = LoadHistory.objects.exclude(trigger=Trigger.DRY_RUN)
        ends = runs.exclude(status=RunStatus.RUNNING)
        ended = dict(ends.order_by("-start_time").values_list("loader_id", "error_code"))
        return ended == _ENDS

    # --- the portal's own faults -----------------------------------------------------------------

    def meet_defects(self, database: PortalDatabase) -> None:
        """Make what saves fail unexpectedly from now on."""
        with database.server.admin_connection(database.name) as connection:
            connection.execute(_DEFECTS)

    def tamper(self, database: PortalDatabase) -> None:
        """Give one loader another's SQL, and one source another's password."""
        with database.server.admin_connection(database.name) as connection:
            connection.execute(
                "UPDATE loader.loader SET loader_sql = (SELECT loader_sql FROM loader.loader "
                "WHERE loader_code = 'GOOD_MARIA') WHERE loader_code = 'COPIED'"
            )
            connection.execute(
                "UPDATE loader.source_databases SET pass_word = (SELECT pass_word FROM "
                "loader.source_databases WHERE db_code = 'MARIA') WHERE db_code = 'WRONG_MARIA'"
            )
        for caller in self.callers.values():
            caller.api("GET", "loaders/COPIED")
        self.admin.api("POST", f"{_SOURCES}/WRONG_MARIA/test")

    def lose_a_column(self, database: PortalDatabase) -> None:
        """While a column is missing every page of loaders is an error page."""
        rename = "ALTER TABLE loader.loader RENAME COLUMN {} TO {}"
        good = Loader.objects.get(loader_code="GOOD_MARIA")
        with database.server.admin_connection(database.name) as connection:
            connection.execute(rename.format("description", "lost"))
            for caller in self.callers.values():
                self._did(caller.api("GET", "loaders/GOOD_MARIA"), 500)
                self._did(caller.open(f"/admin/loaders/loader/{good.pk}/change/"), 500)
            connection.execute(rename.format("lost", "description"))

    # --- small steps -----------------------------------------------------------------------------

    def _submit(self, code: str) -> None:
        self._did(self.operator.api("POST", f"loaders/{code}/submit"), 200)

    def _approve(self, code: str) -> None:
        packs = EvidencePack.objects.filter(version__loader__loader_code=code)
        wait_until(lambda: not packs.filter(status="WAITING").exists(), seconds=30, what="evidence")
        reason = {"comment": "The evidence is as bad as it is meant to be."}
        self._did(self.approver.api("POST", f"loaders/{code}/approve", reason), 200)

    @staticmethod
    def _did(answer: Answer, status: int) -> None:
        assert answer.status == status, (answer.place, answer.status, answer.body[-2000:])


def _nothing_is_tried() -> bool:
    return not LoadHistory.objects.filter(
        trigger=Trigger.DRY_RUN, status=RunStatus.RUNNING
    ).exists()
