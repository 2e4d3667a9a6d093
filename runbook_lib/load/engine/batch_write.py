"""One BatchWriteItem, seen through to the end: every item acknowledged or rejected with a reason.

Lines of an export are spliced into the request as they are. What the server leaves unprocessed is
sent again, as often as it takes as long as there is progress; a rejected batch is halved until the
guilty items stand alone. A request may have 25 items and 16 MB (AWS, Service quotas for DynamoDB); ours
ends with the item that takes it over 1 MB.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import orjson

from runbook_lib.aws.error_classes import ErrorClass, codes_of
from runbook_lib.aws.transport.client import DynamoDBRequest, DynamoDBTransport
from runbook_lib.aws.transport.loop import RequestLoop, RequestSender
from runbook_lib.aws.transport.retry import Backoff, BrokenAnswer, TransportError
from runbook_lib.aws.transport.shapes import consumed_units
from runbook_lib.errors import CorruptFile, TransferError
from runbook_lib.items.canonical import Item, canonical_json, digest
from runbook_lib.items.keyed import RunSecret
from runbook_lib.items.keys import KeyAttribute, key_of
from runbook_lib.items.lines import parse_sent, sent_in
from runbook_lib.items.redact import without_values
from runbook_lib.load.engine.lane import Lane
from runbook_lib.load.engine.rate_control import WriteRateController

MAX_ITEMS = 25
MAX_BYTES = 1 << 20  # costs what a key range gives in a second; 16 MB times all requests in flight is too much memory
SOON = 0.5  # seconds that a throttled batch waits at most: its lane is slowed down already
UNANSWERED = "Unanswered"
REJECTED = codes_of(ErrorClass.ITEM)
Line = tuple[int, bytes]


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
    `throttles` counts throttled requests, `refused` the items in them that were not taken, and `reasons` those by what
    DynamoDB said: (reason, ARN of the resource), or UNANSWERED. `times` counts the answered requests (`latency`).
    """

    written: int = 0
    bytes: int = 0
    wcu: float = 0.0
    throttles: int = 0
    refused: int = 0
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    rejected: list[Rejection] = field(default_factory=list)
    present: list[int] = field(default_factory=list)
    times: Counter[int] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Target:
    """Where batches go: the wire, the table, its key, whether items there may be replaced, and how fast.

    `secret` hides the keys of what is rejected. `lock` is held by whoever touches the capacity, or what is known
    of files that are being sent.
    """

    transport: DynamoDBTransport
    table: str
    key: tuple[KeyAttribute, ...]
    replace: bool
    backoff: Backoff
    stop: threading.Event
    capacity: WriteRateController
    secret: RunSecret
    lock: threading.Lock = field(default_factory=threading.Lock)
    sender: Callable[[DynamoDBTransport], RequestSender] = RequestLoop

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


@dataclass(frozen=True, slots=True)
class Attempt:
    """What is to be sent next: a request that writes these lines, not before `pause` seconds from now.

    A request that only asks has no lines.
    """

    lines: list[Line]
    build: Callable[[], DynamoDBRequest]
    pause: float = 0.0


@dataclass(frozen=True, slots=True)
class WriteReply:
    """What came of an attempt: the answer, or why there is none. It left in `lane`, accounted for with `units`."""

    answer: bytes | TransportError | BrokenAnswer
    lane: Lane
    units: float


Writing = Generator[Attempt, WriteReply, None]


def put_batch(target: Target, lines: list[Line], outcome: Outcome) -> Writing:
    """See a batch through: yields what to send, is sent what came of it, ends when every line is accounted for.

    A batch that the server rejects is taken apart. Raises TransferError when there is no way to go on.
    """
    patience, pause = Patience.of(target), 0.0
    while lines:
        reply = yield Attempt(lines, partial(_request, target, lines), pause)
        answer = reply.answer
        if isinstance(answer, bytes):
            left, last = _acknowledged(target, lines, answer, reply, outcome)
            if not left:
                return
            if len(left) < len(lines):
                patience = Patience.of(target)  # only attempts without progress wear patience out
            lines = left
        elif isinstance(answer, TransportError) and answer.code in REJECTED:
            yield from _take_apart(target, lines, answer.message, outcome)
            return
        else:  # puts can be repeated: the same bytes under the same key
            note_failure(target, reply, lines, outcome)
            last = str(answer)
        pause = patience.pause(last, throttled=isinstance(answer, bytes) or is_throttled(answer))


def is_throttled(answer: bytes | TransportError | BrokenAnswer) -> bool:
    """Whether the lanes' rates see to it that the next attempt comes in time."""
    return isinstance(answer, TransportError) and answer.throttled


@dataclass(slots=True)
class Patience:
    """How long a batch is waited for without progress. One that was throttled asks more often, and no longer."""

    target: Target
    pauses: Iterator[float]
    owed: float = 0.0

    @classmethod
    def of(cls, target: Target) -> Patience:
        return cls(target, target.backoff.pauses())

    def pause(self, last: str, *, throttled: bool) -> float:
        """Seconds to wait before the next attempt; raises TransferError when there have been enough."""
        if self.owed <= 0:
            pause = next(self.pauses, None)
            if pause is None:
                raise TransferError(
                    f"table {self.target.table}: no progress in {self.target.backoff.attempts} attempts, the last: "
                    f"{last}"
                )
            self.owed = pause
        pause = min(self.owed, SOON) if throttled else self.owed
        self.owed -= pause
        return pause


def note_failure(target: Target, reply: WriteReply, lines: list[Line], outcome: Outcome) -> None:
    """Keep what a failed attempt tells; raises TransferError for an answer that no repetition mends."""
    error = reply.answer
    if isinstance(error, TransportError):
        if not error.retryable:
            raise TransferError(f"table {target.table}: {error}; nothing more is written to it") from error
        if error.throttled:
            target.capacity.settle(reply.lane, _size(lines), reply.units, 0.0, reply.units, error.reasons)
            note_throttle(outcome, len(lines), error.reasons or [(error.code, "")])
    if isinstance(error, BrokenAnswer) or (isinstance(error, TransportError) and error.may_be_done):
        outcome.reasons[UNANSWERED, ""] += len(lines)  # nobody knows whether they were written


def _request(target: Target, lines: list[Line]) -> DynamoDBRequest:
    return target.transport.puts(target.table, [line for _, line in lines])


def _acknowledged(
    target: Target, lines: list[Line], content: bytes, reply: WriteReply, outcome: Outcome
) -> tuple[list[Line], str]:
    """Count what an answer acknowledges; what is left, and how to say so."""
    answer: dict[str, Any] = orjson.loads(content)
    table_units, all_units = consumed_units(answer, many=True)
    size, said = _size(lines), answer.get("UnprocessedItems")
    left = _unprocessed(target, lines, said) if said else []
    refused = reply.units * len(left) / len(lines)
    target.capacity.settle(reply.lane, size, reply.units, table_units or reply.units - refused, refused)
    outcome.wcu += all_units
    outcome.written += len(lines) - len(left)
    if not left:
        outcome.bytes += size
        return left, ""
    outcome.bytes += size - _size(left)
    note_throttle(outcome, len(left), [("UnprocessedItems", "")])
    return left, f"{len(left)} of {len(lines)} items were left unprocessed"


def _take_apart(target: Target, group: list[Line], reason: str, outcome: Outcome) -> Writing:
    """Find the lines of a rejected batch that the server does not take, and write the others."""
    if len(group) == 1:
        reject(target, group[0], without_values(reason, group[0][1]), outcome)
        return
    rest = _without_duplicates(target, group, outcome)
    halves = [rest] if len(rest) < len(group) else [group[: len(group) // 2], group[len(group) // 2 :]]
    for half in halves:
        yield from put_batch(target, half, outcome)


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
    by_key = {digest(key_of(parse_sent(line), target.key)): (number, line) for number, line in sent}
    try:
        if said.keys() != {target.table}:
            raise KeyError(target.table)
        returned = [digest(key_of(sent_in(request), target.key)) for request in said[target.table]]
        return [by_key[key] for key in dict.fromkeys(returned)]  # one that is named twice is left once
    except (KeyError, CorruptFile):
        raise TransferError(
            f"table {target.table}: the server returned items as unprocessed that were not sent"
        ) from None


def reject(target: Target, line: Line, reason: str, outcome: Outcome) -> None:
    """Put a line into quarantine."""
    try:
        key_hash = target.secret.key_hash(canonical_json(key_of(parse_sent(line[1]), target.key)))
    except CorruptFile:
        key_hash = None
    outcome.rejected.append(Rejection(line[0], key_hash, reason))


def _without_duplicates(target: Target, group: list[Line], outcome: Outcome) -> list[Line]:
    """A rejected group without lines whose key stands in an earlier line of it, or that have no usable key."""
    first: dict[bytes, int] = {}
    kept = []
    for number, line in group:
        try:
            key = digest(key_of(parse_sent(line), target.key))
        except CorruptFile as error:
            reject(target, (number, line), str(error), outcome)
            continue
        if key in first:
            reject(target, (number, line), f"the same key stands in line {first[key]} of the file", outcome)
        else:
            first[key] = number
            kept.append((number, line))
    return kept
