"""Configuration from the environment only, checked before anything else starts (spec 11).

Every variable is declared once, in a register that also makes the reference in the docs. A value
may come from `NAME` or from the file that `NAME_FILE` names (a mounted secret).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class ConfigurationError(Exception):
    """A required variable is missing or a value is malformed; one line, never the value."""


class _Required:
    def __repr__(self) -> str:
        return "required"


REQUIRED = _Required()


@dataclass(frozen=True)
class Variable:
    """One environment variable. `parse` raises ValueError on a malformed text."""

    name: str
    description: str
    parse: Callable[[str], Any] = str
    default: Any = REQUIRED
    aliases: tuple[str, ...] = ()

    def read(self, environment: Mapping[str, str]) -> Any:
        """The value in effect. Raises ConfigurationError naming the variable."""
        for name in (self.name, *self.aliases):
            text = _text_of(name, environment)
            if text:
                try:
                    return self.parse(text)
                except ValueError as error:
                    raise ConfigurationError(f"{name} is malformed: {error}.") from None
        if isinstance(self.default, _Required):
            raise ConfigurationError(
                f"{self.name} is not set. {self.description} Set {self.name} or {self.name}_FILE."
            )
        return self.default


def read_all(variables: Sequence[Variable], environment: Mapping[str, str]) -> dict[str, Any]:
    """Values of all variables by name. Raises ConfigurationError for the first bad one."""
    return {variable.name: variable.read(environment) for variable in variables}


def _text_of(name: str, environment: Mapping[str, str]) -> str:
    direct = environment.get(name, "")
    if direct:
        return direct
    file_name = environment.get(f"{name}_FILE", "")
    if not file_name:
        return ""
    try:
        return Path(file_name).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(f"{name}_FILE names a file that can't be read.") from None


def whole_number(minimum: int = 1, maximum: int | None = None) -> Callable[[str], int]:
    """Parser of a whole number within limits."""

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise ValueError("it must be a whole number") from None
        if number < minimum or (maximum is not None and number > maximum):
            upper = "" if maximum is None else f" and at most {maximum}"
            raise ValueError(f"it must be at least {minimum}{upper}")
        return number

    return parse


def switch(text: str) -> bool:
    """Parser of on and off."""
    lowered = text.strip().lower()
    if lowered in {"1", "true", "yes", "on"}:
        return True
    if lowered in {"0", "false", "no", "off"}:
        return False
    raise ValueError("it must be true or false")


def words(text: str) -> list[str]:
    """Parser of a comma-separated list."""
    return [part.strip() for part in text.split(",") if part.strip()]


def one_of(*choices: str) -> Callable[[str], str]:
    """Parser of one word out of a list, in any case."""

    def parse(text: str) -> str:
        if text.upper() in choices:
            return text.upper()
        raise ValueError(f"it must be one of {', '.join(choices)}")

    return parse
