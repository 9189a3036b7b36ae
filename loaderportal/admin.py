"""What the console consists of. Pages that other packages bring along show their internals (queue
messages, tokens) and go by Django's own permissions: they are not imported, or not kept where ours
build upon them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User

from accounts.admin import AuditEventAdmin, PortalUserAdmin, telling_password_change
from accounts.admin_teams import TeamAdmin
from accounts.admin_tokens import ApiTokenAdmin
from accounts.models import ApiToken, Team
from audit.models import AuditEvent
from backfill.admin import BackfillJobAdmin, RecountAdmin
from backfill.admin_gaps import GapScanAdmin
from backfill.models import BackfillJob, GapScan
from execution.admin import (
    LockAdmin,
    MaintenanceJobAdmin,
    OutputVersionAdmin,
    ReplicaAdmin,
    WaiverAdmin,
)
from execution.models import (
    CoverageInterval,
    Gap,
    GapWaiver,
    LoaderExecutionLock,
    LoadHistory,
    MaintenanceJob,
    Recount,
    Replica,
)
from loaderportal.coverage_page import CoverageBoardAdmin, GapPageAdmin
from loaderportal.execution_page import ExecutionPageAdmin
from loaderportal.loader_list import LoaderRowsAdmin
from loaderportal.source_page import SourcePageAdmin
from loaders.admin.version import LoaderVersionAdmin
from loaders.models import Loader, LoaderVersion, SourceDatabase
from signals.admin import SegmentCombinationAdmin
from signals.models import OutputVersion, SegmentCombination

for _model in list(admin.site._registry):  # noqa: SLF001 - there is no public way to list them
    admin.site.unregister(_model)

_site: Any = admin.site
_site.password_change = telling_password_change(_site.password_change)

admin.site.register(Loader, LoaderRowsAdmin)
admin.site.register(LoaderVersion, LoaderVersionAdmin)
admin.site.register(SourceDatabase, SourcePageAdmin)
admin.site.register(LoadHistory, ExecutionPageAdmin)
admin.site.register(BackfillJob, BackfillJobAdmin)
admin.site.register(Recount, RecountAdmin)
admin.site.register(CoverageInterval, CoverageBoardAdmin)
admin.site.register(Gap, GapPageAdmin)
admin.site.register(GapWaiver, WaiverAdmin)
admin.site.register(GapScan, GapScanAdmin)
admin.site.register(OutputVersion, OutputVersionAdmin)
admin.site.register(SegmentCombination, SegmentCombinationAdmin)
admin.site.register(LoaderExecutionLock, LockAdmin)
admin.site.register(Replica, ReplicaAdmin)
admin.site.register(MaintenanceJob, MaintenanceJobAdmin)
admin.site.register(AuditEvent, AuditEventAdmin)
admin.site.register(User, PortalUserAdmin)
admin.site.register(Team, TeamAdmin)
admin.site.register(ApiToken, ApiTokenAdmin)
