"""Look and navigation of the console (django-unfold)."""

from __future__ import annotations

from django.urls import reverse_lazy

UNFOLD = {
    "SITE_TITLE": "Loader Portal",
    "SITE_HEADER": "Loader Portal",
    "SITE_SYMBOL": "conveyor_belt",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SIDEBAR": {
        "show_search": False,
        "navigation": [
            {
                "title": "Loaders",
                "items": [
                    {
                        "title": "Loaders",
                        "icon": "sync_alt",
                        "link": reverse_lazy("admin:loaders_loader_changelist"),
                    },
                    {
                        "title": "Executions",
                        "icon": "history",
                        "link": reverse_lazy("admin:execution_loadhistory_changelist"),
                    },
                    {
                        "title": "Coverage",
                        "icon": "view_timeline",
                        "link": reverse_lazy("admin:execution_coverageinterval_changelist"),
                    },
                ],
            },
            {
                "title": "Operation",
                "items": [
                    {
                        "title": "Source databases",
                        "icon": "database",
                        "link": reverse_lazy("admin:loaders_sourcedatabase_changelist"),
                    },
                    {
                        "title": "Locks",
                        "icon": "lock",
                        "link": reverse_lazy("admin:execution_loaderexecutionlock_changelist"),
                    },
                    {
                        "title": "Replicas",
                        "icon": "dns",
                        "link": reverse_lazy("admin:execution_replica_changelist"),
                    },
                    {
                        "title": "Audit trail",
                        "icon": "fact_check",
                        "link": reverse_lazy("admin:audit_auditevent_changelist"),
                    },
                    {
                        "title": "Users",
                        "icon": "group",
                        "link": reverse_lazy("admin:auth_user_changelist"),
                    },
                ],
            },
        ],
    },
}
