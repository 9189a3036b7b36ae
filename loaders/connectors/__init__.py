"""Connectors: how the portal reads from a source database; one adapter file a kind.

Callers ask `connector_for(db_type)` and see nothing but the protocols of `base` and the errors
of `errors`.
"""

from __future__ import annotations

from importlib import import_module
from typing import cast

from loaders.connectors.base import Connector
from loaders.connectors.errors import DriverMissingError
from loaders.dialects import DatabaseType

_ADAPTERS = {
    DatabaseType.MYSQL: "loaders.connectors.mysql",
    DatabaseType.POSTGRESQL: "loaders.connectors.postgresql",
    DatabaseType.SIMULATED: "loaders.connectors.simulated",
}


def connector_for(db_type: DatabaseType) -> Connector:
    """The connector for sources of this kind.

    The adapter and its driver are imported at the first call, so a replica without mysqlclient
    still serves PostgreSQL sources. Raises `DriverMissingError`.
    """
    raw = ""
    try:
        return cast("Connector", import_module(_ADAPTERS[db_type]).CONNECTOR)
    except ImportError as error:
        raw = str(error)
    raise DriverMissingError(f"The driver for {db_type.label} is not installed.", raw=raw)
