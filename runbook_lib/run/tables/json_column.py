"""Columns that hold JSON: read by their shape, and refused by name where they are damaged, as facts are."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from runbook_lib.run.ledger import Ledger

Held = TypeVar("Held")


def held_in(ledger: Ledger, column: str, of: str, text: Any, read: Callable[[Any], Held]) -> Held:
    """What a column, called `table.column`, holds in a row `of` something; raises LedgerError where `read` refuses."""
    try:
        return read(json.loads(text))
    except (TypeError, ValueError, RecursionError) as error:
        raise ledger.damaged(f"{column} of {of}", error) from None


def held_numbers(value: Any) -> tuple[int, ...]:
    """A list of whole numbers; raises ValueError for anything else."""
    if type(value) is not list or not all(type(number) is int for number in value):
        raise ValueError("it should be a list of whole numbers")
    return tuple(value)


def held_spans(value: Any) -> tuple[tuple[int, int], ...]:
    """A list of first and last lines; raises ValueError for anything else."""
    if type(value) is not list or not all(len(held_numbers(span)) == 2 for span in value):
        raise ValueError("it should be a list of pairs of lines")
    return tuple((first, last) for first, last in value)


def held_objects(value: Any) -> list[dict[str, Any]]:
    """A list of objects; raises ValueError for anything else."""
    if type(value) is not list:
        raise ValueError("it should be a list of objects")
    return [held_object(each) for each in value]


def held_object(value: Any) -> dict[str, Any]:
    """An object; raises ValueError for anything else."""
    if not isinstance(value, dict):
        raise ValueError("it should be an object")
    return value
