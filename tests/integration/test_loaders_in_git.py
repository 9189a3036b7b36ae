"""`loader export` and `import`: definitions go to git and come back, as drafts."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from audit.models import AuditEvent
from loaders import services
from loaders.models import ApprovalStatus, Loader, LoaderState
from tests.support.commands import manage
from tests.support.definitions import make_draft, make_source
from tests.support.people import People

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    return People()


@pytest.fixture
def loader(people: People) -> Loader:
    return make_draft(people, make_source(people))


def make_all_kinds(people: People, orders: Loader) -> None:
    """An SQL loader with every field set, by days, and one without a source."""
    services.update_loader(
        user=people.operator,
        loader=orders,
        values={
            "description": "Bestellungen, طلبات\nsecond line  ",
            "domain": "no",
            "tags": ["eu", "daily"],
            "is_test": True,
            "grain_seconds": None,
            "time_format": "MYSQL_DATETIME",
            "offset_hours": Decimal("-3.5"),
            "lateness_seconds": 3600,
            "watermark_policy": "WINDOW_END",
            "purge_strategy": "SKIP_DUPLICATES",
            "start_at": datetime(2026, 1, 1, 0, 0, 0, 250_000, tzinfo=UTC),
            "end_at": datetime(2027, 1, 1, tzinfo=UTC),
            "execution_timeout_seconds": 60,
            "row_cap": 5_000_000_000,
            "max_attempts": 3,
            "freshness_target_seconds": 900,
            "segment_meanings": ["region", "", "1"],
            "max_parallel_executions": 4,
            "min_interval_seconds": 30,
            "loader_sql": orders.loader_sql + "\n\n  -- end \n",
        },
    )
    services.set_log_level(user=people.admin, loader=orders, level="DEBUG")
    services.create_loader(
        user=people.admin, values={"loader_code": "POSTED", "kind": "EXTERNAL", "tags": ["ext"]}
    )


def exported(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def forget_loaders() -> None:
    """As in another portal, which has the source and no loader."""
    LoaderState.objects.all().delete()
    Loader.objects.all().delete()


def rejected(people: People, file: Path, text: str, *words: str) -> list[dict[str, object]]:
    """The problems of a file with this text, which is not imported."""
    file.write_text(text)
    outcome = manage("loader", "import", str(file), "--json", *words, as_user=people.operator)
    assert outcome.code == 6, outcome
    document = outcome.document()
    assert document["applied"] is False
    problems: list[dict[str, object]] = document["problems"]
    return problems


def test_export_and_import_into_an_empty_portal_give_the_same_files(
    people: People, loader: Loader, tmp_path: Path
) -> None:
    make_all_kinds(people, loader)
    words = ("--all", "--output", str(tmp_path / "a"))
    assert manage("loader", "export", *words, as_user=people.operator).code == 0
    first = exported(tmp_path / "a")
    assert set(first) == {"ORDERS.yaml", "POSTED.yaml"}
    assert b"password" not in b"".join(first.values())
    forget_loaders()
    outcome = manage("loader", "import", str(tmp_path / "a"), "--json", as_user=people.admin)
    assert outcome.code == 0, outcome
    assert [one["outcome"] for one in outcome.document()["results"]] == ["created", "created"]
    assert not Loader.objects.exclude(approval_status="DRAFT", enabled=False).exists()
    manage("loader", "export", "--all", "--output", str(tmp_path / "b"))
    assert exported(tmp_path / "b") == first


def test_an_export_to_standard_output_can_be_imported_from_it(
    people: People, loader: Loader, tmp_path: Path
) -> None:
    make_all_kinds(people, loader)
    text = manage("loader", "export", "--all", as_user=people.approver).out
    assert text.count("\n---\n") == 1
    (tmp_path / "both.yaml").write_text(text)
    again = manage("loader", "import", str(tmp_path), "--json", as_user=people.admin).document()
    assert [one["outcome"] for one in again["results"]] == ["unchanged", "unchanged"]
    results = manage("loader", "export", "ORDERS", "--json").document()["results"]
    assert text.startswith(results[0]["yaml"])


def test_an_export_writes_only_what_differs_and_is_audited(
    people: People, loader: Loader, tmp_path: Path
) -> None:
    words = ("loader", "export", "ORDERS", "--output", str(tmp_path), "--json")
    told = [manage(*words, as_user=people.operator).document()["results"][0] for _ in range(2)]
    assert [one["outcome"] for one in told] == ["written", "unchanged"]
    events = AuditEvent.objects.filter(action="loader.export", object_id="ORDERS")
    assert [event.actor_name for event in events] == ["operator-person"] * 2
    assert manage("loader", "export", "NO_SUCH").code == 4
    assert manage("loader", "export").code == 6
    assert manage("loader", "export", "ORDERS", "--output", "/proc/none").code == 6


def test_what_stands_there_already_is_left_alone(
    people: People, loader: Loader, tmp_path: Path
) -> None:
    manage("loader", "export", "--all", "--output", str(tmp_path))
    before = Loader.objects.get().updated_at
    outcome = manage("loader", "import", str(tmp_path), as_user=people.operator)
    assert outcome.code == 0
    assert "unchanged" in outcome.out
    assert Loader.objects.get().updated_at == before
    assert not AuditEvent.objects.filter(action="loader.import").exists()


def test_a_changed_file_makes_a_draft_whose_importer_may_not_approve_it(
    people: People, loader: Loader, tmp_path: Path
) -> None:
    services.submit(user=people.operator, loader=loader)
    manage("loader", "export", "--all", "--output", str(tmp_path))
    file = tmp_path / "ORDERS.yaml"
    file.write_text(file.read_text().replace("grainSeconds: 60", "grainSeconds: 3600"))
    words = ("loader", "import", str(file), "--json")
    dry = manage(*words, "--dry-run", as_user=people.admin).document()
    assert (dry["applied"], dry["results"][0]["changed"]) == (False, ["grainSeconds"])
    assert Loader.objects.get().approval_status == ApprovalStatus.PENDING_APPROVAL
    (done,) = manage(*words, as_user=people.admin).document()["results"]
    assert (done["outcome"], done["approvalStatus"]) == ("changed", "DRAFT")
    changed = Loader.objects.get()
    assert changed.grain_seconds == 3600
    assert services.has_edited(people.admin, changed)
    assert AuditEvent.objects.filter(action="loader.import", object_id="ORDERS").count() == 1


def test_a_refused_file_is_told_by_name_line_and_key_and_nothing_is_imported(
    people: People, loader: Loader, tmp_path: Path
) -> None:
    manage("loader", "export", "--all", "--output", str(tmp_path))
    file = tmp_path / "ORDERS.yaml"
    good = file.read_text()
    forget_loaders()
    (tmp_path / "GOOD.yaml").write_text(good.replace("ORDERS", "GOOD_ONE"))
    for changed, key, said in (
        (("sourceDatabase: SHOP", "sourceDatabase: ELSEWHERE"), "sourceDatabase", "no source"),
        (("grainSeconds: 60", "grainSeconds: sixty"), "grainSeconds", "whole number"),
        (("endAt: null", "endAt: 2026-02-30"), "endAt", "format"),
        (("grainSeconds: 60", "grainSeconds: 61"), "grainSeconds", "divide a day"),
        (("tags: []", "tags: [Not Good]"), "tags", "small letters"),
        (("kind: SQL", "kind: EXTERNAL"), "loaderSql", "reads no source"),
        (("kind: SQL", "enabled: true"), "enabled", "no such key"),
        (("loaderCode: ORDERS", "loaderCode: GOOD_ONE"), "loaderCode", "already"),
    ):
        file.write_text(good.replace(*changed))
        outcome = manage("loader", "import", str(tmp_path), "--json", as_user=people.operator)
        assert outcome.code == 6, outcome
        found = [one for one in outcome.document()["problems"] if one["key"] == key]
        line = 1 + file.read_text().splitlines().index(
            next(one for one in file.read_text().splitlines() if one.startswith(key))
        )
        assert (found[0]["file"], found[0]["line"]) == (str(file), line), outcome
        assert said in found[0]["message"]
        assert not Loader.objects.exists()
    partial = manage("loader", "import", str(tmp_path), "--partial", as_user=people.operator)
    assert partial.code == 6
    assert [one.loader_code for one in Loader.objects.all()] == ["GOOD_ONE"]


def test_what_an_import_may_not_is_refused(people: People, loader: Loader, tmp_path: Path) -> None:
    file = tmp_path / "ORDERS.yaml"
    (kind,) = rejected(people, file, "loaderCode: ORDERS\nkind: EXTERNAL\n")
    assert (kind["key"], kind["line"]) == ("kind", 2)
    (level,) = rejected(people, file, "loaderCode: ORDERS\nlogLevel: DEBUG\n")
    assert "Only the roles admin may set log levels." in str(level["message"])
    services.archive_loader(user=people.admin, loader=loader)
    (archived,) = rejected(people, file, "loaderCode: ORDERS\ndomain: Sales\n")
    assert "archived" in str(archived["message"])
    (tmp_path / "sub").mkdir()
    assert manage("loader", "import", str(tmp_path / "sub"), as_user=people.admin).code == 6
    assert manage("loader", "import", str(tmp_path / "none"), as_user=people.admin).code == 6
    (empty,) = rejected(people, file, "")
    assert empty["message"] == "It holds no definition."


def test_what_a_file_leaves_out_stays_as_it_is(
    people: People, loader: Loader, tmp_path: Path
) -> None:
    file = tmp_path / "some.yml"
    file.write_text("loaderCode: ORDERS\ndomain: Sales\nstartAt: 2026-01-31T10:00:00Z\n")
    assert manage("loader", "import", str(file), as_user=people.operator).code == 0
    changed = Loader.objects.get()
    assert changed.start_at == datetime(2026, 1, 31, 10, tzinfo=UTC)
    assert (changed.domain, changed.owning_team, changed.enabled) == ("Sales", "Shop", True)
    assert changed.loader_sql == loader.loader_sql
