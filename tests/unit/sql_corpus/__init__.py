"""Statements, good and hostile, with what the SQL guard must say of each."""

from __future__ import annotations

from tests.unit.sql_corpus.case import Case
from tests.unit.sql_corpus.good import GOOD
from tests.unit.sql_corpus.hostile_both import HOSTILE_BOTH
from tests.unit.sql_corpus.hostile_mysql import HOSTILE_MYSQL
from tests.unit.sql_corpus.hostile_postgresql import HOSTILE_POSTGRESQL
from tests.unit.sql_corpus.misshapen import MISSHAPEN

HOSTILE = (*HOSTILE_BOTH, *HOSTILE_MYSQL, *HOSTILE_POSTGRESQL, *MISSHAPEN)

__all__ = ["GOOD", "HOSTILE", "Case"]
