"""One BatchWriteItem, seen through to the end: every item acknowledged or rejected with a reason.

Lines of an export are spliced into the request as they are. What the server leaves unprocessed is
sent again, as often as it takes as long as there is progress; a rejected batch is halved until the
guilty items stand alone. A request may have 25 items and 16 MB (AWS, Service quotas for DynamoDB); ours
ends with the item that takes it over 1 MB.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from runbook_lib.aws.error_classes import ErrorClass, codes_of
from runbook_lib.aws.transport.client import DynamoDBTransport
from runbook_lib.aws.transport.retry import Backoff, BrokenAnswer, TransportError
from runbook_lib.errors import CorruptFile, TransferError
from runbook_lib.items.canonical import Item, canonical_json, digest
from runbook_lib.items.keyed import RunSecret
from runbook_lib.items.keys import KeyAttribute, key_of
from runbook_lib.items.lines import parse_line
from runbook_lib.items.redact import without_values
from runbook_lib.load.engine.rate_control import Lane, WriteRateController

MAX_ITEMS = 25
MAX_BYTES = 1 << 20  # costs what a key range gives in a second; 16 MB times all requests in flight is too much memory
UNANSWERED = "Unanswered"
REJECTED = codes_of(ErrorClass.ITEM)
Line = tuple[int, bytes]


class Stopped(TransferError):
    """The import was asked to stop before this batch was through."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a line was not written; `key_hash` is None where no key could be made out."""

    line: int
    key_hash: str | None
    reason: str


@dataclass(slots=True)
class Outcome:
    """What became of a batch: `written` counts the server's acknowledgements, `bytes` their lines.

    `present` are the lines whose very item was there already when it should have been added.
    `throttles` counts throttled requests and `refused` the items in them that were not taken;
    `reasons` counts those items by what DynamoDB said: (reason, ARN of the resource), and under UNANSWERED those that
    had to be sent again without a word of what became of them.
    """

    written: int = 0
    bytes: int = 0
    wcu: float = 0.0
    throttles: int = 0
    refused: int = 0
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    rejected: list[Rejection] = field(default_factory=list)
    present: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Target:
    """Where batches go: the wire, the table, its key, whether items there may be replaced, and how fast.

    `secret` hides the keys of what is rejected.
    """

    transport: DynamoDBTransport
    table: str
    key: tuple[KeyAttribute, ...]
    replace: bool
    backoff: Backoff
    stop: threading.Event
    capacity: WriteRateController
    secret: RunSecret

    @property
    def at_once(self) -> int:
        """Items in one request, at most: a put with a condition is a request of its own."""
        return items_at_once(self.replace)


def items_at_once(replace: bool) -> int:
    """Items in one request, at most, of an import that replaces what is there or does not."""
    return MAX_ITEMS if replace else 1


def batches(lines: Iterable[Line], at_once: int = MAX_ITEMS) -> Iterator[list[Line]]:
    """Cut lines into batches within the limits of one request."""
    batch: list[Line] = []
    size = 0
    for number, line in lines:
        batch.append((number, line))
        size += len(line)
        if len(batch) == at_once or size > MAX_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


@dataclass(slots=True)
class InFlightBatch:
    """A batch on its way: the lines still to be sent, what became of the others, and the pauses left to it."""

    lines: list[Line]
    outcome: Outcome = field(default_factory=Outcome)
    pauses: Iterator[float] | None = None


def send_once(target: Target, sending: InFlightBatch, lane: Lane, units: float) -> float:
    """One request, accounted for with `units`; returns the seconds to wait before the next.

    A batch that the server rejects is taken apart here and seen through to the end. Raises TransferError
    when there is no way to go on.
    """
    lines, outcome = sending.lines, sending.outcome
    try:
        answer = _send(target, lines, lane, units, outcome)
    except BrokenAnswer as error:
        note_unanswered(outcome, len(lines))
        last = str(error)  # puts can be repeated: the same bytes under the same key
    except TransportError as error:
        if error.code in REJECTED:
            sending.lines = []
            _take_apart(target, lines, error.message, outcome, lane)
            return 0.0
        if not error.retryable:
            raise give_up(target, error) from error
        if error.status >= 500:
            note_unanswered(outcome, len(lines))
        last = str(error)
    else:
        left = _unprocessed(target, lines, answer.get("UnprocessedItems") or {})
        outcome.written += len(lines) - len(left)
        outcome.bytes += _size(lines) - _size(left)
        sending.lines = left
        last = f"{len(left)} of {len(lines)} items were left unprocessed"
        if not left:
            return 0.0
        if len(left) < len(lines):
            sending.pauses = None  # only attempts without progress wear patience out
    return next_pause(target, sending, last)


def next_pause(target: Target, sending: InFlightBatch, last: str) -> float:
    """Seconds to wait before the next attempt; raises TransferError when there have been enough without progress."""
    sending.pauses = sending.pauses or target.backoff.pauses()
    pause = next(sending.pauses, None)
    if pause is None:
        raise TransferError(
            f"table {target.table}: no progress in {target.backoff.attempts} attempts, the last: {last}"
        )
    return pause


def give_up(target: Target, error: TransportError) -> TransferError:
    """What to raise for an answer that no repetition mends."""
    return TransferError(f"table {target.table}: {error}; nothing more is written to it")


def write_batch(target: Target, batch: Sequence[Line], lane: Lane | None = None) -> Outcome:
    """Write a batch to the end, in a lane of the target's capacity; raises TransferError if that is not possible."""
    lane = lane or target.capacity.lanes[0]
    sending = InFlightBatch(list(batch))
    _see_through(target, sending, lane)
    return sending.outcome


def _see_through(target: Target, sending: InFlightBatch, lane: Lane) -> None:
    while sending.lines:
        units = target.capacity.expected(len(sending.lines), _size(sending.lines))
        target.capacity.wait_for(lane, units, target.stop)
        if target.stop.is_set():
            target.capacity.stay(lane)
            raise Stopped(f"table {target.table}: stopped before all of a batch was sent")
        pause = send_once(target, sending, lane, units)
        if sending.lines:
            target.backoff.sleep(pause)
            if target.stop.is_set():
                raise Stopped(f"table {target.table}: stopped while waiting to send again")


def _take_apart(target: Target, group: list[Line], reason: str, outcome: Outcome, lane: Lane) -> None:
    """Find the lines of a rejected batch that the server does not take, and write the others."""
    if len(group) == 1:
        return reject(target, group[0], without_values(reason, group[0][1]), outcome)
    rest = _without_duplicates(target, group, outcome)
    halves = [rest] if len(rest) < len(group) else [group[: len(group) // 2], group[len(group) // 2 :]]
    for half in halves:
        _see_through(target, InFlightBatch(half, outcome), lane)
    return None


def _send(target: Target, lines: list[Line], lane: Lane, expected: float, outcome: Outcome) -> dict[str, Any]:
    """One request; the lane learns from what it cost, `outcome` keeps it."""
    capacity, size = target.capacity, _size(lines)
    try:
        with capacity.flight(lane):
            content = target.transport.put_lines(target.table, [line for _, line in lines])
    except TransportError as error:
        if error.throttled:
            capacity.settle(lane, size, expected, 0.0, expected)
            note_throttle(outcome, len(lines), error.reasons or [(error.code, "")])
        raise
    answer: dict[str, Any] = orjson.loads(content)
    table_units, all_units = consumed_units(answer)
    left = sum(map(len, (answer.get("UnprocessedItems") or {}).values()))
    if left:
        note_throttle(outcome, left, [("UnprocessedItems", "")])
    outcome.wcu += all_units
    refused = expected * left / len(lines)
    capacity.settle(lane, size, expected, table_units or expected - refused, refused)
    return answer


def consumed_units(answer: dict[str, Any]) -> tuple[float, float]:
    """Write units of the table alone, and with its indexes."""
    said = answer.get("ConsumedCapacity")
    if not said:
        return 0.0, 0.0
    whole = sum(c.get("CapacityUnits", 0.0) for c in said)
    return sum((c.get("Table") or c).get("CapacityUnits", 0.0) for c in said), whole


def note_unanswered(outcome: Outcome, items: int) -> None:
    """These items are sent again, and nobody knows whether they were written."""
    outcome.reasons[UNANSWERED, ""] += items


def note_throttle(outcome: Outcome, items: int, reasons: Sequence[tuple[str, str]]) -> None:
    """These items were throttled, for these reasons."""
    outcome.throttles += 1
    outcome.refused += items
    for reason in reasons:
        outcome.reasons[reason] += items


def _size(lines: Iterable[Line]) -> int:
    return sum(len(line) for _, line in lines)


def _unprocessed(target: Target, sent: list[Line], said: dict[str, list[dict[str, dict[str, Item]]]]) -> list[Line]:
    """The sent lines that the server gave back, found by key."""
    if not said:
        return []
    by_key = {digest(key_of(parse_line(line), target.key)): (number, line) for number, line in sent}
    try:
        returned = [digest(key_of(request["PutRequest"]["Item"], target.key)) for request in said[target.table]]
        return [by_key[key] for key in returned]
    except (KeyError, CorruptFile):
        raise TransferError(
            f"table {target.table}: the server returned items as unprocessed that were not sent"
        ) from None


def reject(target: Target, line: Line, reason: str, outcome: Outcome) -> None:
    """Put a line into quarantine."""
    try:
        key_hash = target.secret.key_hash(canonical_json(key_of(parse_line(line[1]), target.key)))
    except CorruptFile:
        key_hash = None
    outcome.rejected.append(Rejection(line[0], key_hash, reason))


def _without_duplicates(target: Target, group: list[Line], outcome: Outcome) -> list[Line]:
    """A rejected group without lines whose key stands in an earlier line of it, or that have no usable key."""
    first: dict[bytes, int] = {}
    kept = []
    for number, line in group:
        try:
            key = digest(key_of(parse_line(line), target.key))
        except CorruptFile as error:
            reject(target, (number, line), str(error), outcome)
            continue
        if key in first:
            reject(target, (number, line), f"the same key stands in line {first[key]} of the file", outcome)
        else:
            first[key] = number
            kept.append((number, line))
    return kept
