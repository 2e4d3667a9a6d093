"""Read a stream from where it was left up to a moment: every shard, a child only after the end of its parent.

What cannot be proved to be whole is refused: a shard that is gone, a place that is no longer kept, a shard whose parent
nobody has read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

from runbook_lib.aws.dynamodb.streams.records import Record, ShardReader, TrimmedShard
from runbook_lib.aws.dynamodb.streams.shards import DescribedStream, ListedShard, describe_stream
from runbook_lib.catchup.streams.net_changes import NetChanges
from runbook_lib.errors import ExportError
from runbook_lib.export_format.change import SKEW
from runbook_lib.plan.stream_chain import KEPT, StreamFault, StreamRule
from runbook_lib.run.facts.windows import ShardPosition
from runbook_lib.run.waiting import Sleep
from runbook_lib.timestamps import format_timestamp

EMPTY_PAGES = 10  # in a row, after which an open shard is taken to have no more: empty ones may stand before records
CUSHION = timedelta(minutes=5)  # before the first record that is wanted
SECOND_SIZE = 701  # records of a page, the second time
LOOKS = 6  # for what follows a shard that has ended
PAUSE = 0.5


Begin = tuple[int, int | None, datetime | None]  # the last number before it, and how it is asked for


@dataclass(slots=True)
class _Sequences:
    """Which records came, in their order."""

    mark: bytes = b""

    def add(self, record: Record) -> None:
        self.mark = blake2b(self.mark + b"%d," % record.sequence, digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class _Reading:
    """Where a reading of a shard ended, which records it took, and which it met that had been taken before."""

    position: ShardPosition
    taken: bytes
    passed_over: bytes


@dataclass(slots=True)
class StreamTail:
    """A reading of one stream up to `end`, which is left out: from `positions` on or, without any, from `start` on.

    `number` is the window that it is read for; `began` the moment of the full export.
    """

    client: Any
    arn: str
    number: int
    start: datetime
    end: datetime
    began: datetime
    sleep: Sleep
    positions: dict[str, ShardPosition] = field(default_factory=dict)

    def read(self, into: NetChanges) -> tuple[ShardPosition, ...]:
        """Add every record to `into`; returns the positions at the end. Raises StreamFault for a gap."""
        known, reader, read = dict(self.positions), ShardReader(self.client, self.arn, self.sleep), set[str]()
        looks = 0
        while True:
            stream = describe_stream(self.client, self.arn)
            self._refuse_gone(stream, known)
            before = len(read)
            while ready := [s for s in stream.shards if s.id not in read and _may_begin(s, stream.shards, known)]:
                for shard in ready:
                    read.add(shard.id)
                    known[shard.id] = self._read_shard(reader, shard, known.get(shard.id), into)
            followed = {shard.parent for shard in stream.shards}
            here = [known[shard.id] for shard in stream.shards if shard.id in known]
            alone = [position.shard for position in here if position.ended and position.shard not in followed]
            if not alone:
                return tuple(here)
            looks = 0 if len(read) > before else looks + 1
            if looks == LOOKS:
                raise ExportError(
                    f"{self.arn}: shard {alone[0]} has ended, and DescribeStream does not say what follows it; run "
                    "again to go on"
                )
            if looks:
                self.sleep(PAUSE)

    def _refuse_gone(self, stream: DescribedStream, known: dict[str, ShardPosition]) -> None:
        listed = {shard.id for shard in stream.shards}
        for position in known.values():
            if not position.ended and position.shard not in listed:
                raise self._gap(f"shard {position.shard}, which was not read to its end, is there no more")
        for shard in stream.shards:
            is_new = bool(known) and shard.id not in known
            if is_new and shard.parent and shard.parent not in listed and shard.parent not in known:
                raise self._gap(f"shard {shard.id} follows {shard.parent}, which nobody has read and is there no more")

    def _read_shard(
        self, reader: ShardReader, shard: ListedShard, known: ShardPosition | None, into: NetChanges
    ) -> ShardPosition:
        at = known or ShardPosition(shard.id, None, None, ended=False)
        if at.ended:
            return at
        try:
            return self._read_on(reader, at, int(at.sequence) if at.sequence else None, into)
        except TrimmedShard as error:
            if at.at is None or datetime.fromisoformat(at.at) > self.end - KEPT:
                raise self._gap(str(error)) from None
        # The last record that was read is a day old and no longer kept; what was written since the last look is not.
        try:
            return self._read_on(reader, at, None, into)
        except TrimmedShard as error:
            raise self._gap(str(error)) from None

    def _read_on(self, reader: ShardReader, at: ShardPosition, after: int | None, into: NetChanges) -> ShardPosition:
        """Read a shard after one of its numbers, else from where it begins; TrimmedShard comes from the first page.

        It is read twice, with two page sizes: a page that is answered with another one leaves out records, and nothing
        else would tell of an item that only they have.
        """
        begin = _number(at), after, self.began - SKEW - CUSHION if at.sequence is None else None
        read = self._reading(reader, at, begin, into)
        try:
            again = self._reading(reader, read.position, begin, into, SECOND_SIZE)
        except TrimmedShard as error:
            raise ExportError(f"{self.arn}, {at.shard}: it cannot be read a second time: {error}; run again") from None
        if again.passed_over != read.taken:
            raise ExportError(
                f"{self.arn}, {at.shard}: a second reading gives other records than the first one, so one of them lost "
                "some; nothing was taken from it. Run again; if it stays, the server or a proxy is broken"
            )
        return again.position

    def _reading(
        self, reader: ShardReader, at: ShardPosition, begin: Begin, into: NetChanges, size: int | None = None
    ) -> _Reading:
        """Read from where a shard was `begin`-ning on, and take what comes after its position."""
        first, after, since = begin
        empty, least, passed = 0, _number(at), False
        taken, passed_over = _Sequences(), _Sequences()
        try:
            for page in reader.pages(at.shard, after, since, size):
                passed = True
                for record in page.records:
                    if record.at >= self.end:
                        return _Reading(at, taken.mark, passed_over.mark)
                    if record.sequence > least:
                        self._take(record, into)
                        taken.add(record)
                        at = ShardPosition(at.shard, str(record.sequence), format_timestamp(record.at), ended=False)
                    elif record.sequence > first:
                        passed_over.add(record)
                if page.end:
                    ended = ShardPosition(at.shard, at.sequence, at.at, ended=True)
                    return _Reading(ended, taken.mark, passed_over.mark)
                empty = 0 if page.records else empty + 1
                if empty == EMPTY_PAGES:
                    return _Reading(at, taken.mark, passed_over.mark)
        except TrimmedShard as error:
            raise (self._gap(str(error)) if passed else error) from None
        raise ExportError(f"{self.arn}, {at.shard}: the shard should go on or end, and did neither; run again to go on")

    def _take(self, record: Record, into: NetChanges) -> None:
        if record.at >= self.began - SKEW:  # what is older is in the full export, and nothing is compared with it
            into.add(record)

    def _gap(self, why: str) -> StreamFault:
        return StreamFault(StreamRule.GAP, self.number, f"what was written since {format_timestamp(self.start)} is not "
                           f"there whole any more: {why}")  # fmt: skip


def _number(position: ShardPosition) -> int:
    """The last sequence number that was read; those of AWS are above 0."""
    return int(position.sequence) if position.sequence else -1


def _may_begin(shard: ListedShard, listed: Iterable[ListedShard], known: dict[str, ShardPosition]) -> bool:
    """Whether everything before a shard was read; a parent that is not there was read, or nothing of it is wanted."""
    parent = shard.parent
    if parent is None or (parent not in known and all(one.id != parent for one in listed)):
        return True
    return parent in known and known[parent].ended
