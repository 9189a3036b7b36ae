"""The scheduler's part in evidence: packs that wait get a task (spec 4)."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import structlog
from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, QuerySet

from core.clock import database_now
from core.correlation import set_correlation_id
from core.errors import PortalError
from core.ids import uuid7
from execution.exceptions import (
    LoaderAtCapacityError,
    NothingToLoadError,
    PortalAtCapacityError,
)
from execution.models import LoaderExecutionLock, LoadHistory, Trigger
from execution.services.trials import request_evidence
from execution.trials.findings import gave_up
from loaders.models import EvidencePack
from loaders.services import finish_evidence, waiting_packs
from loaders.trial_report import TrialReport, fingerprint

logger = structlog.get_logger(__name__)

MOST_ATTEMPTS = 3
"""Tasks that came to no end (a worker was lost, somebody cancelled) before a pack is closed as
incomplete: the approver decides without."""


def gather_waiting() -> int:
    """Queue a task for each pack that waits and has none; returns how many. One pack's fault keeps
    no other waiting; what it waits for is noted with it. A source that serves no further one now
    is not tried for the packs behind: thousands may wait, and live runs wait for this cycle."""
    queued = 0
    no_place: set[UUID] = set()
    for pack_id, source_id in _without_task():
        if source_id in no_place:
            continue
        try:
            queued += _gather(pack_id)
        except PortalAtCapacityError:
            break
        except LoaderAtCapacityError:
            no_place.add(source_id)
        except NothingToLoadError as error:
            no_place.add(source_id)
            _note(waiting_packs().filter(version__loader__source_database=source_id), error)
        except PortalError as error:
            if _note(EvidencePack.objects.filter(pk=pack_id), error):
                error.leave_trace()
        except Exception as error:  # noqa: BLE001 - the boundary between one pack and the others
            logger.warning("evidence.not_queued", pack=str(pack_id), error=type(error).__name__)
            connection.close_if_unusable_or_obsolete()
    return queued


def _without_task() -> list[tuple[UUID, UUID]]:
    """Waiting packs with the sources of their loaders, in the order of submission but for those
    that have had tasks; none whose loader is being tried already."""
    tried = LoaderExecutionLock.objects.active().filter(
        loader=OuterRef("version__loader__loader_code"), load_history__trigger=Trigger.DRY_RUN
    )
    waiting = waiting_packs().exclude(Exists(tried)).order_by("attempts", "pk")
    return list(waiting.values_list("pk", "version__loader__source_database"))


def _note(packs: QuerySet[EvidencePack], error: PortalError) -> bool:
    """Whether it is news."""
    return packs.exclude(note=error.message).update(note=error.message) > 0


def _gather(pack_id: UUID) -> bool:
    pack = waiting_packs().filter(pk=pack_id).first()
    if pack is None:
        return False
    set_correlation_id(pack.correlation_id or str(uuid7()))
    if pack.attempts >= MOST_ATTEMPTS and (report := _incomplete(pack)) is not None:
        finish_evidence(pack.pk, report)
        return False
    with transaction.atomic():
        request_evidence(pack)
        EvidencePack.objects.filter(pk=pack.pk).update(attempts=F("attempts") + 1, note="")
    return True


def _incomplete(pack: EvidencePack) -> TrialReport | None:
    """The report of a pack whose tasks came to no end: why the last one did not. None where that
    was forgotten meanwhile: it is tried once more."""
    last = LoadHistory.objects.filter(trial__evidence=pack).order_by("-start_time").first()
    if last is None:
        return None
    report = TrialReport(
        definition=fingerprint(pack.version.definition),
        window_from=last.query_from_time.isoformat(),
        window_to=last.query_to_time.isoformat(),
        at=database_now().isoformat(timespec="seconds"),
    )
    return replace(report, findings=(gave_up(last.error_code, last.error_message),))
