"""One BatchWriteItem, seen through to the end: every item acknowledged or rejected with a reason.

Lines of an export are spliced into the request as they are. What the server leaves unprocessed is
sent again, as often as it takes as long as there is progress; a rejected batch is halved until the
guilty items stand alone. Limits: 25 items and 16 MB a request (AWS, Service quotas for DynamoDB).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import orjson

from runbook_lib.aws.wire import BrokenAnswer, Patience, Wire, WireError
from runbook_lib.errors import CorruptFile, TransferError
from runbook_lib.items import Item, KeyAttribute, digest, key_of, parse_line
from runbook_lib.lookup import read_keys

MAX_ITEMS, MAX_BYTES = 25, 15 << 20
REJECTED = frozenset({"ValidationException", "SerializationException", "ItemCollectionSizeLimitExceededException"})
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
    """What became of a batch: `written` counts the server's acknowledgements, `bytes` their lines."""

    written: int = 0
    bytes: int = 0
    wcu: float = 0.0
    throttles: int = 0
    rejected: list[Rejection] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Target:
    """Where batches go: the wire, the table, its key, and whether items there may be replaced."""

    wire: Wire
    table: str
    key: tuple[KeyAttribute, ...]
    replace: bool
    patience: Patience
    stop: threading.Event


def batches(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """Cut lines into batches within the limits of one request."""
    batch: list[Line] = []
    size = 0
    for number, line in lines:
        if batch and (len(batch) == MAX_ITEMS or size + len(line) > MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((number, line))
        size += len(line)
    if batch:
        yield batch


def body_of(table: str, lines: Iterable[bytes]) -> bytes:
    """The request that puts these `{"Item":...}` lines; not a byte of a line is changed."""
    puts = b",".join(b'{"PutRequest":' + line + b"}" for line in lines)
    return b'{"RequestItems":{"' + table.encode() + b'":[' + puts + b']},"ReturnConsumedCapacity":"TOTAL"}'


def write_batch(target: Target, batch: Sequence[Line]) -> Outcome:
    """Write a batch to the end; raises TransferError when that is not possible."""
    outcome = Outcome()
    lines = list(batch) if target.replace else _without_taken(target, batch, outcome)
    groups = [lines] if lines else []
    while groups:
        group = groups.pop()
        reason = _write_group(target, group, outcome)
        if reason is None:
            continue
        if len(group) == 1:
            _reject(target, group[0], reason, outcome)
        else:
            rest = _without_duplicates(target, group, outcome)
            if len(rest) < len(group):
                groups.append(rest)
            else:
                groups += [group[: len(group) // 2], group[len(group) // 2 :]]
    return outcome


def _write_group(target: Target, group: list[Line], outcome: Outcome) -> str | None:
    """Send a group until all of it is acknowledged; returns the reason if the server rejects it as a whole."""
    pending = group
    pauses = target.patience.pauses()
    last = ""
    while pending:
        try:
            answer = orjson.loads(
                target.wire.batch_write(target.table, body_of(target.table, (line for _, line in pending)))
            )
        except BrokenAnswer as error:
            last = str(error)  # puts can be repeated: the same bytes under the same key
        except WireError as error:
            if error.code in REJECTED:
                return error.message
            if not error.retryable:
                raise TransferError(f"table {target.table}: {error}; nothing more is written to it") from error
            outcome.throttles += error.throttled
            last = str(error)
        else:
            outcome.wcu += sum(c.get("CapacityUnits", 0.0) for c in answer.get("ConsumedCapacity") or [])
            left = _unprocessed(target, pending, answer.get("UnprocessedItems") or {})
            outcome.written += len(pending) - len(left)
            outcome.bytes += sum(len(line) for _, line in pending) - sum(len(line) for _, line in left)
            outcome.throttles += bool(left)
            last = f"{len(left)} of {len(pending)} items were left unprocessed"
            if len(left) < len(pending):
                pauses = target.patience.pauses()  # only attempts without progress wear patience out
            pending = left
        if pending:
            _wait(target, pauses, last)
    return None


def _wait(target: Target, pauses: Iterator[float], last: str) -> None:
    pause = next(pauses, None)
    if pause is None:
        raise TransferError(
            f"table {target.table}: no progress in {target.patience.attempts} attempts, the last: {last}"
        )
    target.patience.sleep(pause)
    if target.stop.is_set():
        raise Stopped(f"table {target.table}: stopped while waiting to send again")


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


def _reject(target: Target, line: Line, reason: str, outcome: Outcome) -> None:
    try:
        key_hash = digest(key_of(parse_line(line[1]), target.key)).hex()
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
            _reject(target, (number, line), str(error), outcome)
            continue
        if key in first:
            _reject(target, (number, line), f"the same key stands in line {first[key]} of the file", outcome)
        else:
            first[key] = number
            kept.append((number, line))
    return kept


def _without_taken(target: Target, batch: Sequence[Line], outcome: Outcome) -> list[Line]:
    """The lines whose key the target does not hold, or holds with the very same item."""
    parsed: dict[bytes, tuple[int, bytes, Item]] = {}
    for number, line in batch:
        try:
            item = parse_line(line)
            key = digest(key_of(item, target.key))
        except CorruptFile as error:
            _reject(target, (number, line), str(error), outcome)
            continue
        if key in parsed:
            _reject(target, (number, line), f"the same key stands in line {parsed[key][0]} of the file", outcome)
        else:
            parsed[key] = (number, line, item)
    for held in read_keys(
        target.wire, target.table, [key_of(i, target.key) for _, _, i in parsed.values()], target.patience
    ):
        key = digest(key_of(held, target.key))
        number, line, item = parsed[key]
        if digest(held) != digest(item):
            taken = "the target holds another item under this key, and import.on_non_empty is 'append'"
            _reject(target, (number, line), taken, outcome)
            del parsed[key]
    return [(number, line) for number, line, _ in parsed.values()]
