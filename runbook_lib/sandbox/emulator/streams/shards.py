"""DescribeStream, GetShardIterator and GetRecords over shards that end, have children and are trimmed.

moto has one shard for ever. Here a shard takes records for four hours and is then followed by its child, or by two if
it was split. A record is kept for 24 hours, a shard until its last moment is that old, and an iterator is good for 15
minutes, all by the sandbox's clock. A stream that was turned off ends its shard, and can still be read. Which record
lies in which shard follows from its time and key, so nothing has to happen while time passes.
Sources: "Change data capture for DynamoDB Streams", Developer Guide; AWS's service model; that shards end after about
four hours was measured by others.
"""

from __future__ import annotations

import secrets
from base64 import b64encode
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from json import dumps
from typing import Any
from zlib import crc32

from moto.dynamodb.models import table as moto_table

from runbook_lib.sandbox.emulator.replies import AwsError, invalid
from runbook_lib.sandbox.emulator.store import Store
from runbook_lib.sandbox.emulator.streams.lineage import Shard, id_of, shards_of

STREAM_OPERATIONS = frozenset({"DescribeStream", "GetShardIterator", "GetRecords"})
KEPT_FOR, ITERATOR_FOR = timedelta(hours=24), timedelta(minutes=15)
MOST_RECORDS, MOST_SHARDS = 1000, 100
_GONE = "ResourceNotFoundException"


class TimedRecords(list[Any]):
    """A stream's records, each with the moment at which it was written."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        super().__init__()
        self._now = now
        self.times: list[datetime] = []

    def append(self, record: Any) -> None:
        super().append(record)
        self.times.append(self._now())

    def __delitem__(self, which: Any) -> None:
        super().__delitem__(which)
        del self.times[which]

    def __deepcopy__(self, memo: dict[int, Any]) -> TimedRecords:
        twin = TimedRecords(self._now)
        twin.extend(deepcopy(record, memo) for record in self)
        twin.times = list(self.times)
        return twin


def install_streams(store: Store) -> None:
    """Have moto keep the records of every new stream with their times."""
    moto_shard = moto_table.StreamShard

    class TimedShard(moto_shard):  # type: ignore[misc, valid-type]
        def __init__(self, account_id: str, table: moto_table.Table) -> None:
            super().__init__(account_id, table)
            arn, clock = table.table_arn, store.clock

            def now() -> datetime:
                return clock.exact(arn)

            self.items: TimedRecords = TimedRecords(now)
            self.began = now()
            self.splits: list[datetime] = []

    moto_table.StreamShard = TimedShard  # type: ignore[misc]


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream as it was recorded; `ended` is when it was turned off."""

    arn: str
    table: moto_table.Table
    shard: Any
    view: str
    ended: datetime | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """Where an iterator stands, since when."""

    arn: str
    number: int
    index: int
    given: datetime


class StreamReader:
    """Answer what is read of streams, for all accounts and regions."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ended: dict[str, Stream] = {}
        self._positions: dict[str, Position] = {}

    @contextmanager
    def keeping(self, account: str, region: str, request: dict[str, Any]) -> Iterator[None]:
        """Keep the stream of a table that is turned off or removed meanwhile: it can be read for another day."""
        with self._store.locked():
            table = self._store.find(account, region, str(request.get("TableName", "")))
            before = self._of_table(table) if table is not None else None
            if table is not None and before is None and request.get("StreamSpecification"):
                table.latest_stream_label = None  # moto would call the one that was turned off still on
            yield
            if table is None or before is None:
                return
            after = self._store.find(account, region, table.name)
            if after is None or not (after.stream_specification or {}).get("StreamEnabled"):
                table.stream_shard = None
                self._ended[before.arn] = replace(before, ended=self._now(before))

    def split(self, table_arn: str) -> None:
        """Have each open shard of a table's stream end now, and be followed by two."""
        with self._store.locked():
            account, region = table_arn.split(":")[4], table_arn.split(":")[3]
            table = self._store.find(account, region, table_arn)
            if table is None or table.stream_shard is None:
                raise invalid(f"{table_arn} has no stream")
            splits: list[datetime] = self._of_table(table).shard.splits  # type: ignore[union-attr]
            splits.append(self._store.clock.exact(table_arn))

    def answer(self, operation: str, account: str, region: str, request: dict[str, Any]) -> bytes:
        """Answer one of `STREAM_OPERATIONS`."""
        with self._store.locked():
            if operation == "GetRecords":
                return _encoded(self._records(account, region, request))
            stream = self._stream(account, region, str(request.get("StreamArn", "")))
            if operation == "DescribeStream":
                return _encoded({"StreamDescription": self._description(stream, request)})
            return _encoded({"ShardIterator": self._iterator(stream, request)})

    def _now(self, stream: Stream) -> datetime:
        return self._store.clock.exact(stream.table.table_arn)

    @staticmethod
    def _of_table(table: moto_table.Table) -> Stream | None:
        if table.stream_shard is None:
            return None
        view = str((table.stream_specification or {}).get("StreamViewType", "KEYS_ONLY"))
        return Stream(f"{table.table_arn}/stream/{table.latest_stream_label}", table, table.stream_shard, view)

    def _stream(self, account: str, region: str, arn: str) -> Stream:
        table = self._store.find(account, region, arn.partition("/stream/")[0])
        found = self._of_table(table) if table is not None else None
        if found is not None and found.arn == arn:
            return found
        if arn in self._ended and arn.split(":")[3:5] == [region, account]:
            return self._ended[arn]
        raise AwsError(_GONE, f"Requested resource not found: Stream: {arn} not found")

    def _shards(self, stream: Stream) -> list[Shard]:
        """The shards that are not trimmed away, the oldest first."""
        now, shard = self._now(stream), stream.shard
        every = shards_of(shard.began, shard.splits, stream.ended, now, shard.items.times)
        return [one for one in every if one.open or now - one.closes <= KEPT_FOR]

    def _shard(self, stream: Stream, id_or_number: str | int) -> Shard:
        for shard in self._shards(stream):
            if id_or_number in (shard.id, shard.number):
                return shard
        raise AwsError(_GONE, f"Requested resource not found: Shard does not exist: {id_or_number}")

    def _oldest(self, stream: Stream, shard: Shard) -> int:
        """The first record of a shard that is not trimmed."""
        kept = bisect_left(stream.shard.items.times, self._now(stream) - KEPT_FOR)
        return min(max(shard.first, kept), shard.end)

    def _description(self, stream: Stream, request: dict[str, Any]) -> dict[str, Any]:
        shards = self._shards(stream)
        asked = request.get("ShardFilter")
        if asked is not None:
            if asked.get("Type") != "CHILD_SHARDS" or not asked.get("ShardId"):
                raise invalid("ShardFilter needs Type CHILD_SHARDS and ShardId")
            shards = [one for one in shards if one.parent is not None and id_of(one.parent) == asked["ShardId"]]
        ids = [one.id for one in shards]
        start = request.get("ExclusiveStartShardId")
        at = bisect_left(ids, start) + (start in ids) if start else 0
        size = min(request.get("Limit", MOST_SHARDS), MOST_SHARDS)
        page = shards[at : at + size]
        more = {"LastEvaluatedShardId": page[-1].id} if at + size < len(shards) else {}
        return {
            "StreamArn": stream.arn,
            "StreamLabel": stream.arn.partition("/stream/")[2],
            "StreamStatus": "DISABLED" if stream.ended else "ENABLED",
            "StreamViewType": stream.view,
            "CreationRequestDateTime": stream.shard.began.timestamp(),
            "TableName": stream.table.name,
            "KeySchema": stream.table.schema,
            "Shards": [_told(one) for one in page],
        } | more

    def _iterator(self, stream: Stream, request: dict[str, Any]) -> str:
        shard = self._shard(stream, str(request.get("ShardId")))
        kind, oldest = request.get("ShardIteratorType"), self._oldest(stream, shard)
        if kind == "TRIM_HORIZON":
            index = oldest
        elif kind == "LATEST":
            index = shard.end
        elif kind == "AT_TIMESTAMP":
            at = float(request.get("Timestamp") or 0)
            if at > self._now(stream).timestamp():
                raise invalid("Timestamp must not be in the future")
            times = [moment.timestamp() for moment in stream.shard.items.times]
            index = min(max(bisect_left(times, at), oldest), shard.end)
        elif kind in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"):
            index = shard.index(int(request.get("SequenceNumber") or 0))
            if not shard.first <= index <= shard.end:
                raise invalid(f"SequenceNumber is not of shard {shard.id}")
            if index < oldest:
                raise trimmed()
            index += kind == "AFTER_SEQUENCE_NUMBER"
        else:
            raise invalid(f"ShardIteratorType is not known: {kind}")
        return self._given(stream, shard, index)

    def _given(self, stream: Stream, shard: Shard, index: int) -> str:
        token = f"{stream.arn}|1|{secrets.token_urlsafe(48)}"
        self._positions[token] = Position(stream.arn, shard.number, index, self._now(stream))
        return token

    def _records(self, account: str, region: str, request: dict[str, Any]) -> dict[str, Any]:
        position = self._positions.get(str(request.get("ShardIterator")))
        if position is None:
            raise invalid("Invalid ShardIterator")
        stream = self._stream(account, region, position.arn)
        if self._now(stream) - position.given > ITERATOR_FOR:
            raise AwsError("ExpiredIteratorException", "Iterator expired. The iterator is more than 15 minutes old")
        shard = self._shard(stream, position.number)
        if position.index < self._oldest(stream, shard):
            raise trimmed()
        limit = min(request.get("Limit") or MOST_RECORDS, MOST_RECORDS)
        own = [
            i
            for i in range(position.index, shard.end)
            if shard.width == 1 or self._lane(stream, i, shard) == shard.lane
        ]
        found, end = [self._record(stream, shard, index) for index in own[:limit]], shard.end
        if len(own) > limit:
            end = own[limit]
        more = shard.open or end < shard.end
        return {"Records": found} | ({"NextShardIterator": self._given(stream, shard, end)} if more else {})

    @staticmethod
    def _lane(stream: Stream, index: int, shard: Shard) -> int:
        """Which of so many shards side by side has the key of a record."""
        keys = stream.shard.items[index].to_json()["dynamodb"]["Keys"]
        return crc32(dumps(keys, sort_keys=True, default=_in_json).encode()) % shard.width

    @staticmethod
    def _record(stream: Stream, shard: Shard, index: int) -> dict[str, Any]:
        record: dict[str, Any] = stream.shard.items[index].to_json()
        told = {
            "SequenceNumber": shard.sequence(index),
            "ApproximateCreationDateTime": int(stream.shard.items.times[index].timestamp()),
        }
        return record | {"awsRegion": stream.table.region_name, "dynamodb": record["dynamodb"] | told}


def _told(shard: Shard) -> dict[str, Any]:
    numbers = {"StartingSequenceNumber": shard.sequence(shard.first)}
    numbers |= {} if shard.open else {"EndingSequenceNumber": shard.sequence(shard.end)}
    parent = {"ParentShardId": id_of(shard.parent)} if shard.parent is not None else {}
    return {"ShardId": shard.id, "SequenceNumberRange": numbers} | parent


def trimmed() -> AwsError:
    """Return the error for a place whose records are gone."""
    return AwsError(
        "TrimmedDataAccessException", "The operation attempted to read past the oldest stream record in a shard"
    )


def _encoded(answer: dict[str, Any]) -> bytes:
    return dumps(answer, separators=(",", ":"), ensure_ascii=False, default=_in_json).encode()


def _in_json(value: Any) -> Any:
    if isinstance(value, bytes):
        return b64encode(value).decode("ascii")
    return value.to_json()  # a value of moto's
