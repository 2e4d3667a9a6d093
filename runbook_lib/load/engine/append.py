"""One item added to a table that may hold others: put by the server's own condition, seen through to the end.

What stands under the key is never replaced. An item that is equal to the exported one is "present": it was there
before, or it is this run's own and the answer to its put was lost; nobody can tell. Another one sends the line to
quarantine. Looking first and putting then would replace what was written in between.
"""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from typing import Any

import orjson

from runbook_lib.aws.dynamodb.conditional_write import REFUSED, absent_put
from runbook_lib.aws.dynamodb.read.batch_get import key_request, keys_read
from runbook_lib.aws.transport.retry import TransportError
from runbook_lib.aws.transport.shapes import consumed_units
from runbook_lib.errors import CorruptFile
from runbook_lib.items.canonical import Item, canonical, digest
from runbook_lib.items.keys import held_key, key_of
from runbook_lib.items.lines import parse_line
from runbook_lib.items.redact import without_values
from runbook_lib.load.engine.batch_write import (
    REJECTED,
    Attempt,
    Line,
    Outcome,
    Patience,
    Target,
    WriteReply,
    Writing,
    is_throttled,
    note_failure,
    reject,
)

ANOTHER = "another item is there under this key, and import.on_non_empty is 'append'"


def add_items(target: Target, lines: list[Line], outcome: Outcome) -> Writing:
    """Add each line's item where nothing is under its key; see `put_batch`."""
    for line in lines:
        yield from _add(target, line, outcome)


def _add(target: Target, line: Line, outcome: Outcome) -> Writing:
    try:
        item = canonical(parse_line(line[1]))
        held_key(item, target.key)
    except CorruptFile as error:
        return reject(target, line, str(error), outcome)
    partition = next(k.name for k in target.key if k.role == "HASH")
    build = partial(absent_put, target.transport, target.table, partition, line[1])
    patience, pause = Patience.of(target), 0.0
    while True:
        reply = yield Attempt([line], build, pause)
        answer = reply.answer
        if isinstance(answer, bytes):
            return _added(target, line, answer, reply, outcome)
        if isinstance(answer, TransportError) and answer.code in REJECTED:
            return reject(target, line, without_values(answer.message, line[1]), outcome)
        if isinstance(answer, TransportError) and answer.code == REFUSED:
            _settle(target, line, reply, reply.units, outcome)
            held = answer.item or (yield from _held(target, key_of(item, target.key)))
            if held is not None:
                return _in_the_way(target, line, item, held, outcome)
            last = "an item that was in the way was gone when it was looked at"
        else:
            note_failure(target, reply, [line], outcome)
            last = str(answer)
        pause = patience.pause(last, throttled=is_throttled(answer))


def _settle(target: Target, line: Line, reply: WriteReply, units: float, outcome: Outcome) -> None:
    """A condition that fails costs as a write does."""
    outcome.wcu += units
    target.capacity.settle(reply.lane, len(line[1]), reply.units, units, 0.0)


def _added(target: Target, line: Line, content: bytes, reply: WriteReply, outcome: Outcome) -> None:
    answer: dict[str, Any] = orjson.loads(content)
    table_units, all_units = consumed_units(answer)
    outcome.wcu += all_units
    target.capacity.settle(reply.lane, len(line[1]), reply.units, table_units or reply.units, 0.0)
    outcome.written += 1
    outcome.bytes += len(line[1])


def _in_the_way(target: Target, line: Line, item: Item, held: Item, outcome: Outcome) -> None:
    """An item is there: the very same, or another."""
    if digest(item) == digest(held):
        outcome.present.append(line[0])
    else:
        reject(target, line, ANOTHER, outcome)


def _held(target: Target, key: Item) -> Generator[Attempt, WriteReply, Item | None]:
    """What stands under a key, for a server that did not say it when it refused; None where it has gone meanwhile."""
    keys, patience, pause = [key], Patience.of(target), 0.0
    build = partial(target.transport.question, "BatchGetItem", key_request(target.table, keys))
    while True:
        answer = (yield Attempt([], build, pause)).answer
        if isinstance(answer, bytes):
            found, left = keys_read(answer, target.table, keys)
            if not left:
                return found[0] if found else None
            last = "the key was not read"
        elif isinstance(answer, TransportError) and not answer.retryable:
            raise answer
        else:
            last = str(answer)
        pause = patience.pause(last, throttled=False)
