"""What an answer says, held to what it may be before anything is built on it or kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from runbook_lib.errors import RunbookError

MOST = 2**53 - 1  # what every reader of JSON takes exactly


def said_count(said: Mapping[str, Any], member: str) -> int | None:
    """A number of items or bytes, None where the answer has none; raises ValueError for what can be no such number."""
    value = said.get(member)
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST:
        found = repr(value)[:40] if isinstance(value, (int, float)) else type(value).__name__
        raise ValueError(f"{member} should be a whole number from 0 to {MOST}, found {found}")
    return value


def said_text(said: Mapping[str, Any], member: str) -> str:
    """A text that has to be there; raises ValueError where it is not."""
    value = said.get(member)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{member} should be a text, found {type(value).__name__}")
    return value


def said_text_or_none(said: Mapping[str, Any], member: str) -> str | None:
    """A text that need not be there; raises ValueError for what is none."""
    return None if said.get(member) is None else said_text(said, member)


@contextmanager
def answer_of(operation: str, kind: type[RunbookError]) -> Iterator[None]:
    """Turn what is wrong with an answer into an error of this kind."""
    try:
        yield
    except (ValueError, TypeError, AttributeError) as error:
        raise kind(f"an answer of {operation} makes no sense: {error}; ask whoever runs the server") from None


def refuse_answer_of_another(operation: str, kind: type[RunbookError], asked: str, found: str) -> None:
    """Raise an error of this kind unless an answer is of what was asked for, by its ARN."""
    if asked != found:
        raise kind(
            f"{operation} was asked for {asked}, and the answer is about {found}: nothing of it is believed; ask "
            "whoever runs the server, or run again"
        )
