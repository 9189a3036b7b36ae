"""What a governed change does to a loader's approval."""

from __future__ import annotations

from django.utils import timezone

from accounts.roles import User
from loaders.models import ApprovalStatus, Decision, DefinitionEditor, Loader


def return_to_draft(loader: Loader, *, user: User) -> None:
    """Take the approval (or the pending request) back and remember the editor. The caller holds
    the loader's row lock and saves nothing else of it afterwards than what it changed."""
    DefinitionEditor.objects.update_or_create(loader=loader, user=user)
    loader.versions.filter(decision=Decision.PENDING).update(
        decision=Decision.WITHDRAWN, decided_at=timezone.now()
    )
    if loader.approval_status != ApprovalStatus.DRAFT:
        loader.approval_status = ApprovalStatus.DRAFT
        loader.approved_version = None
        loader.save()
