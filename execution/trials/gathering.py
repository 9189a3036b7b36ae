"""The scheduler's part in evidence: packs that wait get a task (spec 4)."""

from __future__ import annotations

from dataclasses import replace

import structlog
from django.db import connection, transaction
from django.db.models import F

from core.clock import database_now
from core.correlation import set_correlation_id
from core.errors import PortalError
from core.ids import uuid7
from execution.exceptions import LoaderAtCapacityError, PortalAtCapacityError
from execution.models import LoaderExecutionLock, LoadHistory
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
    no other waiting; what it waits for is noted with it."""
    queued = 0
    for pack in list(waiting_packs()):
        set_correlation_id(str(uuid7()))
        try:
            queued += _gather(pack)
        except PortalAtCapacityError:
            break
        except LoaderAtCapacityError:
            continue
        except PortalError as error:
            EvidencePack.objects.filter(pk=pack.pk).update(note=error.message)
        except Exception as error:  # noqa: BLE001 - the boundary between one pack and the others
            logger.warning("evidence.not_queued", pack=str(pack.pk), error=type(error).__name__)
            connection.close_if_unusable_or_obsolete()
    return queued


def _gather(pack: EvidencePack) -> bool:
    if LoaderExecutionLock.objects.active().filter(load_history__trial__evidence=pack).exists():
        return False
    if pack.attempts >= MOST_ATTEMPTS:
        finish_evidence(pack.pk, _incomplete(pack))
        return False
    with transaction.atomic():
        request_evidence(pack)
        EvidencePack.objects.filter(pk=pack.pk).update(attempts=F("attempts") + 1, note="")
    return True


def _incomplete(pack: EvidencePack) -> TrialReport:
    """The report of a pack whose tasks came to no end: why the last one did not."""
    last = LoadHistory.objects.filter(trial__evidence=pack).latest("start_time")
    report = TrialReport(
        definition=fingerprint(pack.version.definition),
        window_from=last.query_from_time.isoformat(),
        window_to=last.query_to_time.isoformat(),
        at=database_now().isoformat(timespec="seconds"),
    )
    return replace(report, findings=(gave_up(last.error_code, last.error_message),))
