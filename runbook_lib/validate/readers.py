"""The two sides of a comparison as streams and as buckets: an export's files and a table's segments."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from math import ceil
from typing import Any, Protocol, TypeVar

from runbook_lib.aws.dynamodb.read.limiter import RateLimit
from runbook_lib.aws.dynamodb.read.scan import Segment, count_segment, scan_items, scan_spelled, unless
from runbook_lib.aws.transport.client import DynamoDBTransport
from runbook_lib.errors import CorruptFile, SaidTwice
from runbook_lib.export_format.data_file import fetch
from runbook_lib.export_format.manifest import DataFile
from runbook_lib.items.canonical import Item, canonical, canonical_json
from runbook_lib.items.item_digests import key_and_text
from runbook_lib.items.keys import KeyAttribute, held_key
from runbook_lib.items.learned_forms import LearnedForms
from runbook_lib.items.lines import PREFIX, parse_line
from runbook_lib.validate.bucket_digest import BucketDigest
from runbook_lib.validate.checkpoint import DigestCheckpoint

# What is read again, at most and per thread, after a kill.
SEGMENT_BYTES, PAGE_BYTES, THREADS = 64 << 20, 1 << 20, 4
MOST_SEGMENTS = 1_000_000  # of DynamoDB
SHOW_EVERY, CHECK_EVERY = 5000, 250  # items
LOOK = 0.2  # seconds
Show = Callable[[int], None]
Check = Callable[[], None]
Key = Sequence[KeyAttribute]
Spelled = tuple[bytes, bytes]  # an item's key and the whole of it, in canonical JSON
Read = TypeVar("Read")


def unstopped() -> None:
    """Nobody stops this."""


def stoppable(stream: Iterator[Read], check: Check, every: int = CHECK_EVERY) -> Iterator[Read]:
    """The stream; `check` is called now and then, and ends it by raising."""
    for count, each in enumerate(stream):
        if count % every == 0:
            check()
        yield each


@dataclass(frozen=True, slots=True)
class ExportReader:
    """An export: the files of its manifest, whose MD5s are checked on the bytes that are compared.

    `refused` are the lines that the import could not write, by file. Those of them that nobody can compare
    are left out: one bad item says nothing about the others, and the count then tells.
    """

    s3: Any
    bucket: str
    files: list[DataFile]
    key: tuple[KeyAttribute, ...]
    refused: Mapping[str, frozenset[int]]

    def items(self) -> Iterator[Item]:
        """Every item; each call reads the files anew."""
        for file in self.files:
            yield from self.items_of(file)

    def items_of(self, file: DataFile) -> Iterator[Item]:
        """The items of one file; a line that is none is left out, and the count then tells."""
        refused = self.refused.get(file.key, ())
        with fetch(self.s3, self.bucket, file) as checked:
            for number, line in checked.items():
                if (item := self._item(file, number, line, number in refused)) is not None:
                    yield item

    def spelled_of(self, file: DataFile, key: Key) -> Iterator[Spelled]:
        """The key and the whole of each item of `items_of`, in canonical JSON."""
        refused, forms = self.refused.get(file.key, ()), LearnedForms(key)
        with fetch(self.s3, self.bucket, file) as checked:
            for number, line in checked.items():
                spelled = forms.spelled(line, len(PREFIX)) if line.startswith(PREFIX) else None
                if spelled and number not in refused and spelled[1] + 1 == len(line) and line.endswith(b"}"):
                    yield spelled[0]
                elif (item := self._item(file, number, line, number in refused)) is not None:
                    yield key_and_text(item, key)
                    forms.learn(item)

    def _item(self, file: DataFile, number: int, line: bytes, refused: bool) -> Item | None:
        """The item of a line; None where there is none that anybody could compare.

        A line that may be two items, and that nobody held back, was written: what the table should hold under its key
        cannot be known, so SaidTwice is raised.
        """
        try:
            item = parse_line(line)
            if refused:
                held_key(canonical(item), self.key)
        except SaidTwice as error:
            if refused:
                return None
            raise SaidTwice(f"{file.key}: line {number} cannot be compared: {error}; export again") from None
        except CorruptFile:
            return None
        return item

    def has_later(self, key: bytes) -> bool:
        """Whether something later than the export says what should be under a canonical key: never."""
        return False

    def refused_keys(self) -> frozenset[bytes]:
        """The canonical keys of the lines that the import could not write, as far as they have one that can be held."""
        keys = set()
        for file in self.files:
            if refused := self.refused.get(file.key):
                with fetch(self.s3, self.bucket, file) as checked:
                    for number, line in checked.items():
                        if number in refused:
                            with suppress(CorruptFile):
                                keys.add(canonical_json(held_key(canonical(parse_line(line)), self.key)))
        return frozenset(keys)


@dataclass(frozen=True, slots=True)
class TableReader:
    """A table, read by a parallel Scan of `segments` segments, `threads` of them at a time."""

    transport: DynamoDBTransport
    table: str
    segments: int
    threads: int
    limit: RateLimit
    key: tuple[KeyAttribute, ...]

    def items(self) -> Iterator[Item]:
        """Every item; each call scans the table anew."""
        return scan_items(Segment(self.transport, self.table, self.limit), self._names)

    def items_of(self, segment: int) -> Iterator[Item]:
        return scan_items(Segment(self.transport, self.table, self.limit, segment, self.segments), self._names)

    def spelled_of(self, segment: int, key: Key) -> Iterator[Spelled]:
        """The key and the whole of each item of `items_of`, in canonical JSON."""
        return scan_spelled(Segment(self.transport, self.table, self.limit, segment, self.segments), key)

    def count(self, check: Check = unstopped) -> int:
        """How many items the table holds, counted anew with other segments than `items_of` has."""
        others, counted = self.segments + 1, list[int]()

        def held(number: int, stop: threading.Event) -> None:
            pages = count_segment(Segment(self.transport, self.table, self.limit, number, others))
            counted.append(sum(unless(stop, pages)))

        _read_segments(others, min(self.threads + 1, others), held, check)
        return sum(counted)

    @property
    def _names(self) -> tuple[str, ...]:
        return tuple(k.name for k in self.key)


def threads_for(size: int) -> int:
    """How many segments of a table of `size` bytes are worth being read at a time: no more than it has pages.

    Each segment ends with a question of its own: whether anything follows.
    """
    return min(THREADS, max(1, ceil(size / PAGE_BYTES)))


def segments_for(threads: int, size: int) -> int:
    """How many segments to cut a table of `size` bytes into: one per thread, more for a large one."""
    return min(max(threads, ceil(size / SEGMENT_BYTES)), MOST_SEGMENTS)


class FileReader(Protocol):
    """An export as files, each read by itself."""

    @property
    def files(self) -> list[DataFile]: ...
    def spelled_of(self, file: DataFile, key: Key) -> Iterator[Spelled]: ...


class SegmentReader(Protocol):
    """A table, or what is made of it, in segments that are read by themselves."""

    @property
    def segments(self) -> int: ...
    @property
    def threads(self) -> int: ...
    def items(self) -> Iterator[Item]: ...
    def spelled_of(self, segment: int, key: Key) -> Iterator[Spelled]: ...


def export_buckets(
    side: FileReader, key: tuple[KeyAttribute, ...], checkpoint: DigestCheckpoint, show: Show, check: Check = unstopped
) -> BucketDigest:
    """The export's buckets; files that the tally has are not read again."""
    try:
        for file in side.files:
            if file.ordinal not in checkpoint.done:
                buckets, before = BucketDigest(checkpoint.secret), checkpoint.buckets.items
                _add(buckets, side.spelled_of(file, key), check, show, before)
                checkpoint.finish(file.ordinal, buckets)
    finally:
        checkpoint.keep()
    return checkpoint.buckets


def table_buckets(
    side: SegmentReader,
    key: tuple[KeyAttribute, ...],
    checkpoint: DigestCheckpoint,
    show: Show,
    check: Check = unstopped,
) -> BucketDigest:
    """The table's buckets, all of them read in this one stretch."""

    def fill(segment: int, stop: threading.Event) -> None:
        buckets = BucketDigest(checkpoint.secret)
        buckets.add_spelled(unless(stop, side.spelled_of(segment, key)))
        checkpoint.finish(segment, buckets)

    _read_segments(side.segments, side.threads, fill, check, lambda: show(checkpoint.buckets.items))
    return checkpoint.buckets


def _read_segments(
    segments: int,
    threads: int,
    read: Callable[[int, threading.Event], None],
    check: Check,
    ended: Callable[[], None] = lambda: None,
) -> None:
    """Read segments, so many at a time; whatever goes wrong with one, or ends this, sets the event for the others."""
    stop = threading.Event()
    with ThreadPoolExecutor(threads, thread_name_prefix="compare") as pool:
        try:
            going = {pool.submit(read, segment, stop) for segment in range(segments)}
            while going:
                done, going = wait(going, LOOK, FIRST_COMPLETED)
                check()
                for each in done:
                    each.result()
                    ended()
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise


def _add(
    buckets: BucketDigest, items: Iterator[Spelled], check: Check, show: Show = lambda done: None, before: int = 0
) -> None:
    done = 0
    while count := buckets.add_spelled(islice(items, CHECK_EVERY)):
        check()
        done += count
        if done % SHOW_EVERY == 0:
            show(before + done)
