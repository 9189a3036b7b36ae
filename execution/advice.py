"""What a person can do about a run that failed, by its stable code. Pure; texts for people, which
may be worded anew. A code that is not here passes by itself or says in its message what to do."""

from __future__ import annotations

from types import MappingProxyType

_LOOK_AT_SQL = "Correct the SQL on the loader's page, and have it approved."
_BY_ITSELF = "Nothing, if it passes; if it comes back, look at the replicas and their logs."

_ADVICE = MappingProxyType(
    {
        "SOURCE_UNREACHABLE": "See whether the source is up and can be reached from the portal; "
        "“Test connection” on the source's page tells where it ends.",
        "SOURCE_AUTH_FAILED": "An administrator corrects user name or password on the source's "
        "page and presses “Test connection”.",
        "SOURCE_TLS_FAILED": "An administrator checks TLS mode and authority on the source's page.",
        "SOURCE_TIMEOUT": "Make the statement faster at the source, load less time a run, or raise "
        "the loader's timeout.",
        "SOURCE_IDLE": "See what the source is busy with; if the statement needs its time before "
        "the first row, raise the source's idle read timeout.",
        "SOURCE_CONNECTION_LOST": "Nothing, if it passes; else see whether the source was "
        "restarted or something between cuts long connections.",
        "SOURCE_BUSY": "Nothing, if it passes; else lower how many connections the portal may use.",
        "SOURCE_READ_ONLY": f"The statement tries to write. {_LOOK_AT_SQL}",
        "SOURCE_PERMISSION_DENIED": "Have the source's administrator grant the account SELECT on "
        "what the statement reads.",
        "SOURCE_SQL_FAILED": f"The source does not understand the statement, or lacks a table or "
        f"column of it. {_LOOK_AT_SQL}",
        "SOURCE_DATA": "Correct the value at the source, or leave such rows out in the SQL.",
        "DRIVER_MISSING": "Install the driver that the message names on every replica.",
        "ROW_REJECTED": "Correct the rows at the source, or leave them out in the SQL.",
        "COLUMNS_CHANGED": f"The result no longer has the agreed columns. {_LOOK_AT_SQL}",
        "DUPLICATE_KEY": f"Group by the time and all segments. {_LOOK_AT_SQL}",
        "DUPLICATE_DATA": "Load the window again by a backfill that replaces what stands there, or "
        "choose another purge strategy.",
        "ROW_CAP_EXCEEDED": "Raise the loader's row limit, or group by less.",
        "EXECUTION_TIMEOUT": "Load less time a run, make the statement faster, or raise the "
        "loader's timeout.",
        "DEFINITION_TAMPERED": "Somebody altered the definition outside the portal. Find out who; "
        "then save, submit and approve it again.",
        "SOURCE_NOT_READ_ONLY": "Take the right to write from the source's account, and inspect it "
        "again on the source's page.",
        "ENVIRONMENT_MISMATCH": "Use a source of this deployment's environment.",
        "SQL_INVALID": _LOOK_AT_SQL,
        "CAPTURE_FAILED": "See whether the place for raw rows can be written and has room.",
        "LEASE_EXPIRED": _BY_ITSELF,
        "NOT_CLAIMED": "See whether a replica is alive and has a free slot.",
        "CONTROL_DATABASE_FAILED": _BY_ITSELF,
        "INTERNAL_ERROR": "Tell the portal's operators, with the correlation id: they see the "
        "trace.",
    }
)


def advice_of(error_code: str) -> str:
    """What to do about the code; empty where there is nothing to say."""
    return _ADVICE.get(error_code, "")
