"""Read a whole table with a parallel Scan, its items as the bytes DynamoDB sent or parsed, or only counted.

A page is believed as far as it bears itself out: it is of this table, holds as many items as it says, and the key
that it goes on after has not been there before. A scan ends, whatever the server says.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from math import ceil
from typing import Any, TypeVar

import orjson

from runbook_lib.aws.dynamodb.read.limiter import RateLimit
from runbook_lib.aws.guard.read_units import RCU_BYTES
from runbook_lib.aws.transport.client import DynamoDBTransport
from runbook_lib.aws.transport.retry import Backoff, TransportError
from runbook_lib.aws.transport.shapes import consumed_units, key_to_go_on_after
from runbook_lib.errors import SaidTwice, TransferError
from runbook_lib.items.canonical import Item
from runbook_lib.items.keys import KeyAttribute
from runbook_lib.items.learned_forms import LearnedForms
from runbook_lib.items.lines import items_of, split_items
from runbook_lib.items.page import PageItems
from runbook_lib.items.read_once import read_once

MOST_EMPTY = 10_000  # pages in a row; without a filter there are few
Answer = dict[str, Any]
Read = TypeVar("Read")
Items = TypeVar("Items")

NO_SUCH_TABLE = "ResourceNotFoundException"


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of a Scan: `rcu` is what it consumed, 0 where the server does not say."""

    items: list[bytes]
    rcu: float


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of a table, `number` from 0 of so many, and how it is read: all of the table unless told otherwise.

    `most` items come in one page; without, as many as DynamoDB puts into one.
    """

    transport: DynamoDBTransport
    table: str
    limit: RateLimit
    number: int = 0
    of: int = 1
    backoff: Backoff = field(default_factory=Backoff)
    most: int | None = None

    @property
    def request(self) -> Answer:
        """What every request of its scan asks for."""
        return {
            "TableName": self.table, "ConsistentRead": True, "ReturnConsumedCapacity": "TOTAL",
            "Segment": self.number, "TotalSegments": self.of,
        } | ({"Limit": self.most} if self.most else {})  # fmt: skip

    def read(self, request: Answer) -> bytes:
        return self.transport.read("Scan", json.dumps(request).encode(), self.backoff)


def scan_segment(segment: Segment, key: tuple[str, ...] = ()) -> Iterator[Page]:
    """All pages of one segment, read consistently; throttled or broken pages are asked for again.

    Raises TransferError for a page that contradicts itself or, where `key` names the table's key attributes, whose
    first or last item does not have them.
    """
    for items, answer in _answers(segment, split_items, key):
        _check_count(segment.table, answer, len(items))
        for item in {*items[:1], *items[-1:]} if key else ():
            if not set(key) <= orjson.loads(item).keys():
                raise _keyless(segment.table, key)
        yield Page(items, _units(answer))


def count_segment(segment: Segment) -> Iterator[int]:
    """The number of items of each page of one segment; costs what reading them costs."""
    for _, answer in _answers(segment, _parsed, how={"Select": "COUNT"}):
        yield int(answer["Count"])


def scan_keys(segment: Segment, key: tuple[str, ...]) -> Iterator[Item]:
    """The keys of one segment's items."""
    places = {f"#k{n}": name for n, name in enumerate(key)}
    only = {"ProjectionExpression": ", ".join(places), "ExpressionAttributeNames": places}
    for items, _ in _answers(segment, _parsed, key, only):
        yield from items


def goes_on_after(segment: Segment, last: Item) -> bool:
    """Whether a segment holds anything after the key `last`."""
    page = segment.read(segment.request | {"Limit": 1, "ExclusiveStartKey": last})
    with _of(segment.table):
        items, answer = _parsed(page)
    _check_page(segment.table, answer)
    _check_count(segment.table, answer, len(items))
    segment.limit.spend(_units(answer) or 1)
    return bool(items)


def answers_scan(segment: Segment) -> bool:
    """Whether there is such a table for a Scan, which is asked for one item."""
    try:
        segment.read(segment.request | {"Limit": 1})
    except TransportError as error:
        if error.code != NO_SUCH_TABLE:
            raise
        return False
    segment.limit.spend(1)
    return True


def scan_items(segment: Segment, key: tuple[str, ...] = ()) -> Iterator[Item]:
    """The items of one segment, parsed; for looking at them only, as `scan_segment` is five times slower.

    What is wrong with a page may show only after its items. Where `key` names the table's key attributes, the scan
    goes on after the last item that it was given, and ends only where the server, asked for what follows it, has
    nothing: a page cannot lose those that come after it.
    """
    own = partial(_key_of_last, segment.table, key) if key else None
    for items, answer in _answers(segment, _apart, key, own=own):
        with _of(segment.table):
            yield from items
        _check_count(segment.table, answer, items.count)


def scan_spelled(segment: Segment, schema: Sequence[KeyAttribute]) -> Iterator[tuple[bytes, bytes]]:
    """The key and the whole of each item of one segment in canonical JSON; read and checked as by `scan_items`."""
    key, forms = tuple(k.name for k in schema), LearnedForms(schema)
    own = partial(_key_of_last, segment.table, key) if key else None
    for items, answer in _answers(segment, _apart, key, own=own):
        with _of(segment.table):
            yield from items.spelled(forms)
        _check_count(segment.table, answer, items.count)


def unless(stop: threading.Event, stream: Iterator[Read]) -> Iterator[Read]:
    """The stream; TransferError as soon as `stop` is set, so that nobody waits for the rest of a table."""
    for each in stream:
        if stop.is_set():
            raise TransferError("the scan was stopped; run again to begin it anew")
        yield each


def _parsed(page: bytes) -> tuple[list[Item], Answer]:
    answer = read_once(page)
    return items_of(answer), answer


def _apart(page: bytes) -> tuple[PageItems, Answer]:
    items = PageItems(page)
    return items, items.rest


@contextmanager
def _of(table: str) -> Iterator[None]:
    """Of which table a page is that cannot be believed."""
    try:
        yield
    except SaidTwice as error:
        raise SaidTwice(f"Scan of {table}: a page cannot be believed, {error}; look at what answers for it") from None
    except ValueError as error:
        raise TransferError(f"Scan of {table}: a page makes no sense: {error}; look at what answers for it") from None


def _key_of_last(table: str, key: tuple[str, ...], items: PageItems) -> Item | None:
    """The key of a page's last item, None of an empty page."""
    if items.last is None:
        return None
    if not set(key) <= items.last.keys():
        raise _keyless(table, key)
    return {name: items.last[name] for name in key}


def _keyless(table: str, key: tuple[str, ...]) -> TransferError:
    return TransferError(f"Scan of {table}: a page holds an item without the table's key {', '.join(key)}")


def _check_count(table: str, answer: Answer, held: int) -> None:
    if held != answer["Count"]:
        raise TransferError(f"Scan of {table}: a page says {answer['Count']} items and holds {held}")


def _answers(
    segment: Segment,
    cut: Callable[[bytes], tuple[Items, Answer]],
    key: tuple[str, ...] = (),
    how: Answer | None = None,
    own: Callable[[Items], Item | None] | None = None,
) -> Iterator[tuple[Items, Answer]]:
    """Every page of a segment: its items, and the rest of the answer. `own` gives the key to go on after, if any."""
    request, limit = segment.request | (how or {}), segment.limit
    course, empty = _Course(segment.table, key), 0
    while True:
        page = segment.read(request)
        with _of(segment.table):
            items, answer = cut(page)
        _check_page(segment.table, answer)
        rcu = _units(answer)
        # Every page is paid for, the last of a segment too; a server that names no price is not free.
        limit.spend(rcu or ceil(len(page) / RCU_BYTES))
        yield items, answer
        empty = 0 if answer["Count"] else empty + 1
        if empty > MOST_EMPTY:
            raise TransferError(
                f"Scan of {segment.table}: it does not end, {MOST_EMPTY:,} pages in a row hold nothing and name a key "
                "to go on after; nothing was concluded from it. Run again; if it stays, the server or a proxy is broken"
            )
        last, after = answer.get("LastEvaluatedKey"), own and own(items)
        if not last and not after:
            return
        onward = course.onward(last or after)
        request["ExclusiveStartKey"] = after or onward


@dataclass(slots=True)
class _Course:
    """The keys at which a segment was gone on after: each a key of the table, and none twice."""

    table: str
    key: tuple[str, ...]
    passed: set[bytes] = field(default_factory=set)

    def onward(self, last: Any) -> Any:
        names = tuple(sorted(last)) if isinstance(last, dict) else ()
        self.key = self.key or names
        if not names or set(names) != set(self.key):
            raise TransferError(
                f"Scan of {self.table}: it should go on after a key of {', '.join(self.key) or 'the table'}, and the "
                f"page names {', '.join(names) or 'none'}; the page is of another table, or the server is broken"
            )
        mark = hashlib.blake2b(orjson.dumps(last, option=orjson.OPT_SORT_KEYS), digest_size=8).digest()
        if mark in self.passed:
            raise TransferError(
                f"Scan of {self.table}: it does not move on, {len(self.passed):,} pages end at keys of which one came "
                "twice; nothing was concluded from it. Run again; if it stays, the server or a proxy is broken"
            )
        self.passed.add(mark)
        return last


def _check_page(table: str, answer: Answer) -> None:
    """Raise TransferError for a page of another table, or whose own counts contradict each other."""
    count, scanned = answer.get("Count"), answer.get("ScannedCount", answer.get("Count"))
    if type(count) is not int or type(scanned) is not int or not 0 <= count == scanned:
        said, looked = (str(n) if type(n) is int else "no number of" for n in (count, scanned))
        raise TransferError(
            f"Scan of {table}: a page counts {said} items of {looked} that it looked at, though nothing is filtered; "
            "run again, and if it stays, the server or something between is broken"
        )
    with _of(table):
        consumed_units(answer)
        key_to_go_on_after(answer)
    named = str((answer.get("ConsumedCapacity") or {}).get("TableName") or table)
    if named.rpartition(":table/")[2] != table.rpartition(":table/")[2]:
        raise TransferError(f"Scan of {table}: a page is of table {named}; the server or something between is broken")


def _units(answer: Answer) -> float:
    return consumed_units(answer)[1]
