"""One item added to a table that may hold others: put by the server's own condition, seen through to the end.

What stands under the key is never replaced. An item that is equal to the exported one is "present": it was there
before, or it is this run's own and the answer to its put was lost; nobody can tell. Another one sends the line to
quarantine. Looking first and putting then would replace what was written in between.
"""

from __future__ import annotations

from typing import Any

import orjson

from runbook_lib.aws.dynamodb.conditional_write import REFUSED, put_if_absent
from runbook_lib.aws.dynamodb.read.batch_get import read_keys
from runbook_lib.aws.transport.retry import BrokenAnswer, TransportError
from runbook_lib.errors import CorruptFile
from runbook_lib.items.canonical import Item, canonical, digest
from runbook_lib.items.keys import held_key, key_of
from runbook_lib.items.lines import parse_line
from runbook_lib.items.redact import without_values
from runbook_lib.load.engine.batch_write import (
    REJECTED,
    InFlightBatch,
    Line,
    Outcome,
    Target,
    consumed_units,
    give_up,
    next_pause,
    note_throttle,
    note_unanswered,
    reject,
)
from runbook_lib.load.engine.rate_control import Lane

ANOTHER = "another item is there under this key, and import.on_non_empty is 'append'"


def append_once(target: Target, sending: InFlightBatch, lane: Lane, units: float) -> float:
    """One request for the one line of `sending`, accounted for with `units`; the seconds to wait before the next.

    Raises TransferError when there is no way to go on.
    """
    line, outcome = sending.lines[0], sending.outcome
    try:
        item = canonical(parse_line(line[1]))
        held_key(item, target.key)
    except CorruptFile as error:
        target.capacity.stay(lane)
        reject(target, line, str(error), outcome)
        return _through(sending)
    try:
        _put(target, line, lane, units, outcome)
    except BrokenAnswer as error:
        note_unanswered(outcome, 1)
        last = str(error)
    except TransportError as error:
        if error.code == REFUSED:
            return _in_the_way(target, sending, item, error.item)
        if error.code in REJECTED:
            reject(target, line, without_values(error.message, line[1]), outcome)
            return _through(sending)
        if not error.retryable:
            raise give_up(target, error) from error
        if error.status >= 500:
            note_unanswered(outcome, 1)
        last = str(error)
    else:
        outcome.written += 1
        outcome.bytes += len(line[1])
        return _through(sending)
    return next_pause(target, sending, last)


def _through(sending: InFlightBatch) -> float:
    sending.lines = []
    return 0.0


def _put(target: Target, line: Line, lane: Lane, expected: float, outcome: Outcome) -> None:
    """One request; the lane learns from what it cost. A condition that fails costs as a write does."""
    capacity, size = target.capacity, len(line[1])
    partition = next(k.name for k in target.key if k.role == "HASH")
    try:
        with capacity.flight(lane):
            content = put_if_absent(target.transport, target.table, partition, line[1])
    except TransportError as error:
        if error.throttled:
            capacity.settle(lane, size, expected, 0.0, expected)
            note_throttle(outcome, 1, error.reasons or [(error.code, "")])
        elif error.code == REFUSED:
            outcome.wcu += expected
            capacity.settle(lane, size, expected, expected, 0.0)
        raise
    answer: dict[str, Any] = orjson.loads(content)
    said = answer.get("ConsumedCapacity")
    table_units, all_units = consumed_units({"ConsumedCapacity": [said] if said else []})
    outcome.wcu += all_units
    capacity.settle(lane, size, expected, table_units or expected, 0.0)


def _in_the_way(target: Target, sending: InFlightBatch, item: Item, held: Item | None) -> float:
    """An item is there: the very same, or another. A server that does not say which is asked."""
    line = sending.lines[0]
    if held is None:
        found = read_keys(target.transport, target.table, [key_of(item, target.key)], target.backoff)
        if not found:  # it has gone in the meantime
            return next_pause(target, sending, "an item that was in the way was gone when it was looked at")
        held = found[0]
    if digest(item) == digest(held):
        sending.outcome.present.append(line[0])
    else:
        reject(target, line, ANOTHER, sending.outcome)
    return _through(sending)
