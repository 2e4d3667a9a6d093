"""Single writes under a condition, each seen through to what became of it: whoever else writes keeps what he wrote.

A condition can name the attributes that an item had and not those that it got since. So what was replaced or deleted
comes back with the answer; an item that had got another attribute in that moment is put back at once. An answer that
is about another item is none.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any

import orjson

from runbook_lib.aws.dynamodb.conditional_write import (
    MOST_ATTRIBUTES,
    REFUSED,
    delete_as_read,
    put_if_absent,
    replace_as_read,
)
from runbook_lib.aws.dynamodb.read.batch_get import read_keys
from runbook_lib.aws.dynamodb.read.limiter import RateLimit
from runbook_lib.aws.error_classes import ErrorClass, codes_of
from runbook_lib.aws.guard.read_units import MOST_UNITS
from runbook_lib.aws.transport.client import DynamoDBTransport
from runbook_lib.aws.transport.retry import Backoff, BrokenAnswer, TransportError
from runbook_lib.errors import CorruptFile, TransferError
from runbook_lib.items.canonical import Item, digest
from runbook_lib.items.keys import KeyAttribute, key_of
from runbook_lib.items.read_once import read_once
from runbook_lib.items.size import item_size, units_of

NOT_TAKEN = codes_of(ErrorClass.ITEM)
MOST_THREADS = 32


def threads_waiting(concurrency: int) -> int:
    """Threads for so many requests in flight, where each thread waits for its answer."""
    return min(concurrency, MOST_THREADS)


class Fate(StrEnum):
    """What became of one write: as wanted; another's write stays; no condition can tell the item; refused; unknown."""

    DONE = "done"
    CHANGED = "changed"
    TOO_WIDE = "too wide"
    REJECTED = "rejected"
    UNANSWERED = "unanswered"


class Undecided(Enum):
    """Why a request has no answer that says what it did: its condition does not hold, it was refused, it was lost."""

    REFUSED = "refused"
    REJECTED = "rejected"
    LOST = "lost"


Said = dict[str, Any] | Undecided


@dataclass(frozen=True, slots=True)
class GuardedWriter:
    """One table that is written to item by item; `transport` may do so.

    `consumed` counts write units, those of indexes included, as the answers say. A write that was refused for its
    condition costs what it would have; so, perhaps, does one whose answer was lost. Both count by the item's size.
    """

    transport: DynamoDBTransport
    table: str
    key: tuple[KeyAttribute, ...]
    backoff: Backoff
    consumed: RateLimit = field(default_factory=lambda: RateLimit(None))

    def add(self, item: Item, line: bytes) -> Fate:
        """Put the line of an item where nothing is.

        A put whose answer is lost is not sent again: the item may have been there and been deleted by somebody, whom a
        second put would not hear.
        """
        said = self._settled(lambda: put_if_absent(self.transport, self.table, self._partition, line), item, once=True)
        if isinstance(said, dict):
            return Fate.DONE
        if said is Undecided.REJECTED:
            return Fate.REJECTED
        held = self.held(item)
        if held is None:
            return Fate.UNANSWERED if said is Undecided.LOST else Fate.CHANGED
        return Fate.DONE if digest(held) == digest(item) else Fate.CHANGED

    def replace(self, read: Item, item: Item, line: bytes) -> Fate:
        """Put the line of an item in place of one as it was read."""
        if max(len(read), len(item)) > MOST_ATTRIBUTES:
            return Fate.TOO_WIDE
        expected, putting, bytes_of_it = read, item, line
        while True:
            said = self._settled(
                lambda: replace_as_read(self.transport, self.table, expected, bytes_of_it),  # noqa: B023
                max(expected, putting, key=item_size),
            )
            if said is Undecided.REJECTED:
                return Fate.REJECTED
            if not isinstance(said, dict):  # it is another one now, or the answer to its own put was lost
                held = self.held(item)
                return Fate.DONE if held is not None and digest(held) == digest(item) else Fate.CHANGED
            old = self._before(said, expected)
            if digest(old) == digest(expected):
                return Fate.DONE if putting is item else Fate.CHANGED
            if len(old) > MOST_ATTRIBUTES:
                raise TransferError(
                    f"table {self.table}: an item was replaced in the moment in which somebody else gave it more than "
                    f"{MOST_ATTRIBUTES} attributes, and cannot be put back under a condition; nothing more is written"
                )
            expected, putting, bytes_of_it = putting, old, orjson.dumps({"Item": old})

    def delete(self, item: Item) -> Fate:
        """Delete an item that is as it was read."""
        if len(item) > MOST_ATTRIBUTES:
            return Fate.TOO_WIDE
        key = key_of(item, self.key)
        said = self._settled(lambda: delete_as_read(self.transport, self.table, key, item), item)
        if said is Undecided.REJECTED:
            return Fate.REJECTED
        if not isinstance(said, dict):  # it is another one now, or the answer to its own delete was lost
            return Fate.DONE if self.held(item) is None else Fate.CHANGED
        old = self._before(said, item)
        if digest(old) == digest(item):
            return Fate.DONE
        back = orjson.dumps({"Item": old})
        # a newer one may stand there
        self._settled(lambda: put_if_absent(self.transport, self.table, self._partition, back), old)
        return Fate.CHANGED

    def held(self, item: Item) -> Item | None:
        """What is under the item's key now."""
        found = read_keys(self.transport, self.table, [key_of(item, self.key)], self.backoff)
        return found[0] if found else None

    def _before(self, said: dict[str, Any], expected: Item) -> Item:
        """What a write took the place of; it was held to every attribute of `expected`, so all of them are in it.

        Raises TransferError for an answer that says otherwise: it is about another item, perhaps of another table.
        """
        old = said.get("Attributes")
        if isinstance(old, dict):
            with suppress(CorruptFile):
                # Some engines take a NULL for an attribute that is not there; AWS does not.
                due = {name: value for name, value in expected.items() if name in old or value != {"NULL": True}}
                if digest({name: value for name, value in old.items() if name in due}) == digest(due):
                    return old
        raise TransferError(
            f"table {self.table}: an answer should say what a write took the place of, and is not about the item that "
            "was written; nothing was put back, and what became of that item is not known. Run again; if it stays, "
            "the server or a proxy is broken"
        )

    @property
    def _partition(self) -> str:
        return next(attribute.name for attribute in self.key if attribute.role == "HASH")

    def _settled(self, send: Callable[[], bytes], larger: Item, *, once: bool = False) -> Said:
        """The answer to a request; one that may have been heard is sent again unless it may be heard `once` only.

        `larger` of the item that is written and the one in its place is what a write costs of which no answer tells.
        """
        said = self._said(send, once=once)
        if said is not Undecided.REJECTED:
            told = _units_told(said) if isinstance(said, dict) else None
            self.consumed.note(units_of(item_size(larger)) if told is None else told)
        return said

    def _said(self, send: Callable[[], bytes], *, once: bool) -> Said:
        last = ""
        for pause in (*self.backoff.pauses(), 0.0):
            try:
                answer: dict[str, Any] = read_once(send())
            except BrokenAnswer as error:
                if once:
                    return Undecided.LOST
                last = str(error)
            except TransportError as error:
                if error.code == REFUSED:
                    return Undecided.REFUSED
                if error.code in NOT_TAKEN:
                    return Undecided.REJECTED
                if not error.retryable:
                    raise
                if once and error.may_be_done:
                    return Undecided.LOST
                last = str(error)
            else:
                return answer
            self.backoff.sleep(pause)
        raise TransferError(f"table {self.table}: an item was not written in many attempts, the last: {last}")


def _units_told(said: dict[str, Any]) -> float | None:
    capacity = said.get("ConsumedCapacity")
    units = capacity.get("CapacityUnits") if isinstance(capacity, dict) else None
    return float(units) if isinstance(units, (int, float)) and 0 <= units < MOST_UNITS else None
