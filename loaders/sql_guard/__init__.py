"""Decides whether a text may run as a loader on a production database (spec 4).

Two independent readings must both agree. The first is lexical: the text as the server's own
scanner splits it (`loaders.placeholders`). The second is a syntax tree that sqlglot makes of the
text after comments and string contents are masked. Both refuse what they do not know.
"""

from __future__ import annotations

from loaders.sql_guard.source import executable_text
from loaders.sql_guard.validator import validate
from loaders.sql_guard.verdict import Code, Finding, Verdict

__all__ = ["Code", "Finding", "Verdict", "executable_text", "validate"]
