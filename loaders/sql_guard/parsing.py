"""Makes a syntax tree of a masked text, within a fixed budget, and never raises on bad SQL."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Thread
from typing import Final

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import ErrorLevel, ParseError, SqlglotError
from sqlglot.parser import Parser
from sqlglot.parsers.mysql import MySQLParser
from sqlglot.parsers.postgres import PostgresParser

from loaders.sql_guard.source import Source
from loaders.sql_guard.verdict import Code, Finding

# The parser backtracks, exponentially on nested ARRAY[...]. Ordinary SQL takes less than two
# steps a token. Counting steps and not seconds gives a text the same verdict on a busy machine.
STEPS_PER_TOKEN: Final = 10
FREE_STEPS: Final = 20_000


class _BudgetSpentError(Exception):
    """The parser took more steps than the budget. No ParseError, which the parser swallows."""


class _Budget:
    """Mixed into a parser: counts its steps, and keeps SQL out of the log."""

    budget: int

    def _advance(self, times: int = 1) -> None:
        self.budget -= 1
        if self.budget < 0:
            raise _BudgetSpentError
        super()._advance(times)  # type: ignore[misc]

    def _warn_unsupported(self) -> None:
        """Say nothing: the tree is refused for its Command node, the log must hold no SQL."""


class _BudgetMySQLParser(_Budget, MySQLParser):
    pass


class _BudgetPostgresParser(_Budget, PostgresParser):
    pass


@dataclass(frozen=True)
class Parsed:
    """Either a tree of exactly one statement, or the finding that says why there is none."""

    tree: exp.Expr | None
    finding: Finding | None


class _ParserThread(Thread):
    """Parses on an empty stack, so that what is too deep doesn't depend on who calls."""

    def __init__(self, source: Source) -> None:
        super().__init__(name="sql-guard", daemon=True)
        self._source = source
        self.parsed = Parsed(None, None)

    def run(self) -> None:
        source = self._source
        try:
            self.parsed = Parsed(_parse(source), None)
        except (RecursionError, _BudgetSpentError):
            message = "The SQL is too deeply nested to be checked. Flatten or shorten it."
            self.parsed = Parsed(None, source.finding(Code.TOO_DEEP, message))
        except SqlglotError as error:
            self.parsed = Parsed(None, _syntax_finding(source, error))


def parse(source: Source) -> Parsed:
    """Parse the masked text of a source. Takes at most about a second, mostly milliseconds."""
    thread = _ParserThread(source)
    thread.start()
    thread.join()
    return thread.parsed


def _parse(source: Source) -> exp.Expr | None:
    dialect = Dialect.get_or_raise(source.db_type.sqlglot_dialect)
    dialect.STRICT_JSON_PATH_SYNTAX = False  # A masked path is none; don't log about it.
    tokens = dialect.tokenize(source.masked)
    kind: type[Parser] = _BudgetMySQLParser if source.is_mysql else _BudgetPostgresParser
    parser = kind(dialect=dialect, error_level=ErrorLevel.IMMEDIATE)
    parser.budget = FREE_STEPS + STEPS_PER_TOKEN * len(tokens)  # type: ignore[attr-defined]
    trees = parser.parse(tokens, source.masked)
    return trees[0] if len(trees) == 1 else None


def _syntax_finding(source: Source, error: SqlglotError) -> Finding:
    detail = error.errors[0] if isinstance(error, ParseError) and error.errors else {}
    line, column = detail.get("line"), detail.get("col")
    message = "The SQL cannot be read from here on. Check commas, brackets and keywords."
    if not isinstance(line, int) or not isinstance(column, int):
        return Finding(Code.SYNTAX.value, message.replace(" from here on", ""), None, None)
    # sqlglot names the column where the token ends.
    text = detail.get("highlight")
    start = column - len(text) + 1 if isinstance(text, str) else column
    return Finding(Code.SYNTAX.value, message, line, max(start, 1))
