"""The records of a shard, in their order, as DynamoDB wrote their images: none twice, none left out without a word.

An answer is read as JSON, not as botocore understands it: numbers stay text and binary values stay base64, as in a
file of an export.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from runbook_lib.aws.dynamodb.streams.shards import BOTH, GONE, unreadable
from runbook_lib.aws.outage import is_outage
from runbook_lib.aws.transport.shapes import object_said
from runbook_lib.errors import CorruptFile, ExportError
from runbook_lib.items.canonical import Item

EXPIRED, TRIMMED = "ExpiredIteratorException", "TrimmedDataAccessException"
RENEWALS = 5  # of an iterator, one after the other without a record in between
ATTEMPTS = 5  # of a call that is answered by an outage each time, beyond what botocore tries
PAUSE = 0.2
IMAGES = {"INSERT": (False, True), "MODIFY": (True, True), "REMOVE": (True, False)}  # has an old one, has a new one
Sleep = Callable[[float], None]


class TrimmedShard(ExportError):
    """A shard cannot be read on from a place: what nobody had read yet is there no more, or cannot be reached."""


@dataclass(frozen=True, slots=True)
class Record:
    """One change of one item: images as JSON has them; `at` is when, to the second that had begun."""

    sequence: int
    at: datetime
    key: Item
    old: Item | None
    new: Item | None


@dataclass(frozen=True, slots=True)
class RecordPage:
    """Records that follow each other; after the one with `end` the shard has no more, ever."""

    records: tuple[Record, ...]
    end: bool


class ShardReader:
    """Reads shards of one stream through one client; used by one thread."""

    def __init__(self, client: Any, arn: str, sleep: Sleep) -> None:
        self._client, self._arn, self._sleep = client, arn, sleep

    def pages(
        self, shard: str, after: int | None, since: datetime | None, size: int | None = None
    ) -> Iterator[RecordPage]:
        """The records of a shard after one of its sequence numbers, else from a moment on, else from its beginning.

        A page has at most `size` of them, or as many as the server likes.

        A shard that is open gives pages for ever, also empty ones. Raises TrimmedShard where the place is no longer
        kept, or the shard is gone.
        """
        last = after
        iterator: str | None = self._iterator(shard, last, since)
        renewed = 0
        while iterator:
            body = self._ask(shard, iterator, size)
            if body is None:
                renewed += 1
                if renewed > RENEWALS:
                    raise TrimmedShard(f"{shard}: an iterator is good for 15 minutes, and {renewed} new ones were not")
                iterator = self._iterator(shard, last, since)
                continue
            said, onward = self._said(shard, body)
            records = tuple(r for r in map(self._record, said) if last is None or r.sequence > last)
            if records:
                last, renewed = records[-1].sequence, 0
                if any(one.sequence >= two.sequence for one, two in pairwise(records)):
                    raise CorruptFile(f"{self._arn}, {shard}: sequence numbers should only grow, and do not")
            iterator = onward
            yield RecordPage(records, not iterator)

    def _said(self, shard: str, body: bytes) -> tuple[list[Any], str | None]:
        """The records of an answer as they are said, and the iterator to go on with, None at the end of the shard."""
        answer = object_said(f"GetRecords of {shard}", body)
        records, onward = answer.get("Records"), answer.get("NextShardIterator")
        if not isinstance(records, list) or not (onward is None or (isinstance(onward, str) and onward)):
            raise CorruptFile(f"{self._arn}, {shard}: an answer holds no list of records; nothing was taken from it")
        return records, onward

    def _iterator(self, shard: str, after: int | None, since: datetime | None) -> str:
        where: dict[str, Any] = {"ShardIteratorType": "TRIM_HORIZON"}
        if after is not None:
            where = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": str(after)}
        elif since is not None:
            where = {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": since}
        ask = self._client.get_shard_iterator
        answer = self._answered(shard, lambda: ask(StreamArn=self._arn, ShardId=shard, **where))
        if answer is None:
            raise ExportError(f"{self._arn}, {shard}: no iterator was given; run again to go on")
        return str(answer["ShardIterator"])

    def _ask(self, shard: str, iterator: str, size: int | None) -> bytes | None:
        """The answer of GetRecords as it came; None where the iterator has expired."""
        bodies: list[bytes] = []

        def keep(response_dict: dict[str, Any], **_: Any) -> None:
            bodies.append(response_dict["body"])

        event = "before-parse.dynamodb-streams.GetRecords"
        self._client.meta.events.register(event, keep)
        try:
            most = {"Limit": size} if size else {}
            answer = self._answered(shard, lambda: self._client.get_records(ShardIterator=iterator, **most))
        finally:
            self._client.meta.events.unregister(event, keep)
        return bodies[-1] if answer is not None else None

    def _answered(self, shard: str, call: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
        """What a call is answered, through outages; None for an iterator that has expired."""
        for attempt in range(ATTEMPTS):
            try:
                return call()
            except (ClientError, BotoCoreError) as error:
                code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
                if code == EXPIRED:
                    return None
                if code in (TRIMMED, GONE):
                    raise TrimmedShard(f"{shard}: {error}") from None
                if not is_outage(error) or attempt == ATTEMPTS - 1:
                    raise unreadable(self._arn, error) from None
            self._sleep(PAUSE * 2**attempt)
        raise AssertionError("the last attempt returns or raises")

    def _record(self, said: dict[str, Any]) -> Record:
        try:
            change = said["dynamodb"]
            old, new, sequence = change.get("OldImage"), change.get("NewImage"), str(change["SequenceNumber"])
            has = (old is not None, new is not None)
            if change.get("StreamViewType", BOTH) != BOTH or has != IMAGES[said["eventName"]]:
                raise ValueError(f"{said['eventName']} without the images that it should have")
            if not (sequence.isascii() and sequence.isdigit()):
                raise ValueError("a sequence number that is none")
            at = datetime.fromtimestamp(int(change["ApproximateCreationDateTime"]), UTC)
            return Record(int(sequence), at, change["Keys"], old, new)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError):
            raise CorruptFile(
                f"{self._arn}: a record should be an INSERT, MODIFY or REMOVE with its images, and is not; "
                "nothing was taken from it"
            ) from None
