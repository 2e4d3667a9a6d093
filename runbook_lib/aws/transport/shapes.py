"""What answers may look like, held to it before anything is concluded from them.

A proxy, a gateway or another engine may answer with JSON of another shape. What is taken for granted there would trip
over it, with items in its hands, or take it for "all is written" or "costs nothing". Nothing here shows what it found:
it may be contents. Source: the service model of DynamoDB.
"""

from __future__ import annotations

from typing import Any

from runbook_lib.errors import SaidTwice, TransferError
from runbook_lib.items.read_once import read_once

SENT_BACK = {"PutRequest": "Item", "DeleteRequest": "Key"}
MOST_UNITS = 1e12  # of one answer; a page has 1 MB


def object_said(operation: str, content: bytes) -> dict[str, Any]:
    """An answer as JSON; raises TransferError for what is no object, and SaidTwice."""
    try:
        said = read_once(content)
    except SaidTwice as error:
        raise SaidTwice(f"{operation}: an answer cannot be believed, {error}; look at what answers for it") from None
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise TransferError(f"{operation}: an answer is no JSON object; run again, or look at what answers for it")
    return said


def check_written(operation: str, content: bytes) -> None:
    """Raise ValueError, or SaidTwice, for an answer to a write that does not say what became of it."""
    said = read_once(content)
    if not isinstance(said, dict):
        raise ValueError("it is no JSON object")
    consumed_units(said, many=operation == "BatchWriteItem")
    left = said.get("UnprocessedItems")
    if left is None:
        return
    if not isinstance(left, dict):
        raise ValueError("UnprocessedItems should be a map of tables")
    for writes in left.values():
        if not isinstance(writes, list) or not all(map(_is_write, writes)):
            raise ValueError("UnprocessedItems should hold puts and deletes")


def _is_write(said: object) -> bool:
    """Whether something is one put or one delete, as it was sent."""
    if not isinstance(said, dict) or len(said) != 1:
        return False
    ((kind, inside),) = said.items()
    return kind in SENT_BACK and isinstance(inside, dict) and isinstance(inside.get(SENT_BACK[kind]), dict)


def consumed_units(said: dict[str, Any], *, many: bool = False) -> tuple[float, float]:
    """The units that an answer names, of the table alone and with its indexes; none where it names none.

    `many` says that it is about several tables. Raises ValueError where they can be no such numbers.
    """
    consumed = said.get("ConsumedCapacity")
    if consumed is None:
        return 0.0, 0.0
    if many and not isinstance(consumed, list):
        raise ValueError("ConsumedCapacity should be a list")
    tables, whole = 0.0, 0.0
    for each in consumed if many else [consumed]:
        if not isinstance(each, dict):
            raise ValueError("ConsumedCapacity should be an object")
        units = _units(each)
        whole += units
        table = each.get("Table")
        tables += units if table is None or table == {} else _units(table)
    return tables, whole


def _units(said: object) -> float:
    units = said.get("CapacityUnits", 0.0) if isinstance(said, dict) else None
    if isinstance(units, bool) or not isinstance(units, (int, float)) or not 0 <= units <= MOST_UNITS:
        raise ValueError("CapacityUnits should be a number of units")
    return float(units)


def key_to_go_on_after(said: dict[str, Any]) -> dict[str, Any] | None:
    """The LastEvaluatedKey of a page, None of the last one; raises ValueError for what is neither."""
    last = said.get("LastEvaluatedKey")
    if last is not None and not isinstance(last, dict):
        raise ValueError("LastEvaluatedKey should be a key")
    return last or None
