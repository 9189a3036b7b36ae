"""The one answer of the SQL guard, put together from its rules."""

from __future__ import annotations

from typing import Final

from loaders.dialects import DatabaseType
from loaders.sql_guard.advice import token_advice, tree_advice
from loaders.sql_guard.call_rules import call_findings
from loaders.sql_guard.parsing import parse
from loaders.sql_guard.shape import read_shape
from loaders.sql_guard.source import Source
from loaders.sql_guard.text_rules import size_finding, text_findings
from loaders.sql_guard.token_rules import token_findings
from loaders.sql_guard.tree_rules import tree_findings
from loaders.sql_guard.verdict import Code, Finding, Verdict

MAX_FINDINGS: Final = 50
_SAY_NOTHING_OF_SYNTAX: Final = frozenset({Code.PLACEHOLDER_MISSING, Code.PLACEHOLDER_UNKNOWN})


def validate(sql: str, db_type: DatabaseType) -> Verdict:
    """Decide whether a text may be a loader's SQL (spec 4).

    Pure: no I/O, no clock, and the same text gets the same verdict everywhere. Never raises on
    any text; answers in milliseconds for an ordinary loader and in about a second at most.
    """
    too_large = size_finding(sql)
    if too_large:
        return Verdict((too_large,), (), has_value_count=False)
    source = Source(sql, db_type)
    fatal = list(text_findings(source))
    if fatal:
        return _verdict(fatal, [], has_value_count=False)
    errors = [*token_findings(source), *call_findings(source)]
    warnings = list(token_advice(source))
    parsed = parse(source)
    if parsed.tree is None:
        # A refused word often is what the parser stumbles over; one reason is enough then.
        finding = parsed.finding or source.finding(Code.SYNTAX, "The SQL cannot be read.")
        if finding.code != Code.SYNTAX or all(e.code in _SAY_NOTHING_OF_SYNTAX for e in errors):
            errors.append(finding)
        return _verdict(errors, warnings, has_value_count=False)
    named = {error.code for error in errors}
    refused = list(tree_findings(source, parsed.tree))
    errors += [finding for finding in refused if finding.code not in named]
    if any(finding.code in {Code.NOT_SELECT, Code.WRITES} for finding in refused):
        return _verdict(errors, warnings, has_value_count=False)
    shape = read_shape(source, parsed.tree)
    errors += shape.findings
    warnings += tree_advice(source, parsed.tree)
    return _verdict(errors, warnings, has_value_count=shape.has_value_count)


def _verdict(errors: list[Finding], warnings: list[Finding], *, has_value_count: bool) -> Verdict:
    """Drop repetitions, put findings in the order of the text, and keep a readable number."""
    return Verdict(_in_order(errors), _in_order(warnings), has_value_count)


def _in_order(findings: list[Finding]) -> tuple[Finding, ...]:
    unique = dict.fromkeys(findings)
    ordered = sorted(unique, key=lambda f: (f.line is None, f.line or 0, f.column or 0))
    return tuple(ordered[:MAX_FINDINGS])
