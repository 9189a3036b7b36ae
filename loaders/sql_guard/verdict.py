"""What the SQL guard answers: findings with stable codes, and the verdict they add up to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Code(StrEnum):
    """Stable codes of findings. They are part of the API: add, never rename."""

    EMPTY = "SQL_EMPTY"
    TOO_LARGE = "SQL_TOO_LARGE"
    TOO_DEEP = "SQL_TOO_DEEP"
    CHARACTER = "SQL_CHARACTER"
    SYNTAX = "SQL_SYNTAX"
    NOT_SELECT = "SQL_NOT_SELECT"
    MULTIPLE_STATEMENTS = "SQL_MULTIPLE_STATEMENTS"
    EXECUTABLE_COMMENT = "SQL_EXECUTABLE_COMMENT"
    HINT = "SQL_HINT"
    INTO = "SQL_INTO"
    LOCKING = "SQL_LOCKING"
    WRITES = "SQL_WRITES"
    VARIABLE = "SQL_VARIABLE"
    FUNCTION_NOT_ALLOWED = "SQL_FUNCTION_NOT_ALLOWED"
    TYPE_NOT_ALLOWED = "SQL_TYPE_NOT_ALLOWED"
    CONSTRUCT_NOT_ALLOWED = "SQL_CONSTRUCT_NOT_ALLOWED"
    COLUMNS = "SQL_COLUMNS"
    GROUP_BY_MISSING = "SQL_GROUP_BY_MISSING"
    AGGREGATE_MISSING = "SQL_AGGREGATE_MISSING"
    PLACEHOLDER_MISSING = "SQL_PLACEHOLDER_MISSING"
    PLACEHOLDER_UNKNOWN = "SQL_PLACEHOLDER_UNKNOWN"
    # Warnings
    PLACEHOLDER_NOT_IN_WHERE = "SQL_PLACEHOLDER_NOT_IN_WHERE"
    PLACEHOLDER_IN_COMMENT = "SQL_PLACEHOLDER_IN_COMMENT"
    PLACEHOLDER_IN_STRING = "SQL_PLACEHOLDER_IN_STRING"
    END_INCLUSIVE = "SQL_END_INCLUSIVE"
    ORDER_BY_NEEDLESS = "SQL_ORDER_BY_NEEDLESS"
    LIMIT = "SQL_LIMIT"
    ROLLUP = "SQL_ROLLUP"
    CLOCK = "SQL_CLOCK"
    SYSTEM_CATALOG = "SQL_SYSTEM_CATALOG"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong or doubtful.

    `message` is plain English and quotes at most one identifier of the SQL. Line and column
    count from 1 in the text as given; both are None where no place can be named.
    """

    code: str
    message: str
    line: int | None
    column: int | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The guard's answer for one text; the same text always gets the same answer.

    `has_value_count` says whether the output ends in the optional VALUE_COUNT column; it means
    nothing while there are errors.
    """

    errors: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    has_value_count: bool

    @property
    def is_valid(self) -> bool:
        """Whether the text may be submitted, and once approved, run."""
        return not self.errors
