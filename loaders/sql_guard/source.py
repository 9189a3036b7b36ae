"""A loader's SQL text, split once into tokens, as all rules look at it."""

from __future__ import annotations

from functools import cached_property
from typing import Final

from loaders.dialects import DatabaseType
from loaders.placeholders import (
    FROM_TIME,
    LineIndex,
    Token,
    TokenKind,
    placeholder_name,
    tokenize,
)
from loaders.sql_guard.verdict import Code, Finding

MAX_NAME_IN_MESSAGE: Final = 64

# What stands for a masked string and for each placeholder in the text that is parsed.
STRING_FILL: Final = "s"
FROM_FILL: Final = "\u0192"
TO_FILL: Final = "\u0167"
_SAFE_LITERAL: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_ ")


class Source:
    """The text with its tokens; comments are held apart from the tokens that mean something."""

    def __init__(self, sql: str, db_type: DatabaseType) -> None:
        self.sql = sql
        self.db_type = db_type = db_type.grammar
        self.is_mysql = db_type is DatabaseType.MYSQL
        self.lines = LineIndex(sql)
        self.all_tokens = tokenize(sql, db_type)
        self.comments = tuple(t for t in self.all_tokens if t.kind is TokenKind.COMMENT)
        self.tokens = _without_closing_semicolon(
            [t for t in self.all_tokens if t.kind is not TokenKind.COMMENT]
        )

    def finding(self, code: Code, message: str, at: Token | int | None = None) -> Finding:
        """Make a finding at a token or an offset, or at no place."""
        if at is None:
            return Finding(code.value, message, None, None)
        offset = at.start if isinstance(at, Token) else at
        return Finding(code.value, message, *self.lines.position(offset))

    @cached_property
    def masked(self) -> str:
        """The statement as a parser may see it: same length, same places, nothing to trip over.

        Comments become blanks, strings keep their length but lose what is in them (unless it is
        only letters and digits), placeholders become marked strings, odd quoted identifiers
        become plain ones. So no difference between the server's and the parser's idea of where
        a string or comment ends can hide anything.
        """
        parts: list[str] = []
        done = 0
        for token in self.tokens:
            parts.append(_blank(self.sql[done : token.start]))
            parts.append(_mask(token))
            done = token.end
        return "".join(parts)


def executable_text(sql: str, db_type: DatabaseType) -> str:
    """Return the statement without a closing semicolon and without comments after its end.

    What stands before the last token of the statement is untouched. A text that `validate`
    accepts is still accepted, and means the same.
    """
    tokens = Source(sql, db_type).tokens
    return sql[: tokens[-1].end] if tokens else ""


def quoted(name: str) -> str:
    """Cut an identifier to what a message may show of it."""
    shown = "".join(c if c.isprintable() else "?" for c in name[:MAX_NAME_IN_MESSAGE])
    return shown + ("..." if len(name) > MAX_NAME_IN_MESSAGE else "")


def _without_closing_semicolon(tokens: list[Token]) -> tuple[Token, ...]:
    if tokens and tokens[-1].text == ";":
        tokens = tokens[:-1]
    return tuple(tokens)


def _blank(gap: str) -> str:
    return "".join(c if c == "\n" else " " for c in gap)


def _mask(token: Token) -> str:
    name = placeholder_name(token)
    if name is not None:
        return _filled("'", FROM_FILL if name == FROM_TIME else TO_FILL, len(token.text))
    if token.kind in {TokenKind.STRING, TokenKind.PREFIXED_STRING}:
        body = token.text[1:-1]
        if token.kind is TokenKind.STRING and _SAFE_LITERAL.issuperset(body):
            return f"'{body}'"
        return _filled("'", STRING_FILL, len(token.text))
    if token.kind is TokenKind.QUOTED_IDENTIFIER:
        quote, body = token.text[0], token.text[1:-1]
        if all(c.isalnum() or c in "_$ .-" for c in body):
            return token.text
        return _filled(quote, "q", len(token.text))
    return token.text


def _filled(quote: str, fill: str, length: int) -> str:
    return quote + fill * (length - 2) + quote
