"""The words of an expression."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a word of an expression is."""

    NAME = "a name"
    VALUE = "a value"
    NUMBER = "a number"
    SIGN = "a sign"
    KEYWORD = "a keyword"
    END = "the end"


@dataclass(frozen=True, slots=True)
class Token:
    """One word, and where it begins."""

    kind: Kind
    text: str
    at: int


KEYWORDS = frozenset({"AND", "OR", "NOT", "BETWEEN", "IN"})
_WORD = re.compile(
    r"\s*(?:(?P<value>:[A-Za-z0-9_]+)|(?P<name>#?[A-Za-z_][A-Za-z0-9_]*|#[A-Za-z0-9_]+)|(?P<number>\d+)"
    r"|(?P<sign><>|<=|>=|[=<>(),.\[\]]))",
    re.ASCII,
)


def split_expression(text: str) -> list[Token]:
    """The words of an expression, an end after them; raises ValueError for a character that begins none."""
    tokens: list[Token] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _WORD.match(text, at)
        if match is None:
            place = at + len(text[at:]) - len(text[at:].lstrip())
            raise ValueError(f"character {place + 1}, {text[place]!r}, begins no word of an expression")
        word = match[match.lastgroup or 0]
        if match["name"]:
            kind = Kind.KEYWORD if word.upper() in KEYWORDS else Kind.NAME
        else:
            kind = {"value": Kind.VALUE, "number": Kind.NUMBER}.get(match.lastgroup or "", Kind.SIGN)
        tokens.append(Token(kind, word.upper() if kind is Kind.KEYWORD else word, match.start(match.lastgroup or 0)))
        at = match.end()
    tokens.append(Token(Kind.END, "", end))
    return tokens
