"""Streams with a history: one that was turned off, and one whose first shard ended, had a child and was trimmed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from runbook_lib.aws.outcome import FAILURES, code_of
from runbook_lib.conformance.subject import CannotAsk, Subject, WhyNot

_PATIENCE = 120.0  # seconds for a stream to be there, to tell, and to be turned off
_MOST_PAGES = 50  # of a shard with a handful of records; AWS gives some that are empty
_ON = {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}}
_IN_ITS_OWN_TIME = (
    "no request splits or trims a shard: AWS ends one after about four hours or by volume, and trims records after 24"
)
_KEYS = ("a", "b", "c")


@dataclass(frozen=True, slots=True)
class StoppedStream:
    """A stream that was turned off after it told a few changes."""

    status: str
    shards: tuple[dict[str, Any], ...]
    records: tuple[dict[str, Any], ...]
    last_has_next: bool


@dataclass(frozen=True, slots=True)
class SplitStream:
    """A stream whose first shard ended and was followed by a child, both read while nothing was trimmed."""

    arn: str
    parent: dict[str, Any]
    child: dict[str, Any]
    of_parent: tuple[dict[str, Any], ...]
    of_child: tuple[dict[str, Any], ...]
    parent_has_next: bool


def stopped_stream(subject: Subject) -> StoppedStream:
    """Made once: three items are changed by turns, and the stream is turned off; what it told can still be read."""
    if "stopped stream" not in subject.made:
        name, arn = _table_with_stream(subject, "stopped")
        for value in range(1, 4):
            for key in _KEYS:
                change(subject, name, key, value)
        total = 3 * len(_KEYS)
        subject.wait(lambda: len(_all_records(subject, arn)) >= total, "what a stream tells", _PATIENCE)
        subject.ddb.update_table(TableName=name, StreamSpecification={"StreamEnabled": False})

        def stopped() -> bool:
            return bool(described_stream(subject, arn)["StreamStatus"] == "DISABLED")

        subject.wait(stopped, "a stream to be turned off", _PATIENCE)
        description = described_stream(subject, arn)
        told, has_next = [], False
        for shard in description["Shards"]:
            found, has_next = read_shard(subject, arn, shard["ShardId"])
            told += found
        subject.made["stopped stream"] = StoppedStream(
            str(description["StreamStatus"]), tuple(description["Shards"]), tuple(told), has_next
        )
    made: StoppedStream = subject.made["stopped stream"]
    return made


def split_stream(subject: Subject) -> SplitStream:
    """Made once, where hours can be let pass: AWS ends a shard in its own time, and no request makes it."""
    if "split stream" not in subject.made:
        if subject.pass_time is None:
            raise CannotAsk(WhyNot.NOT_IN_TIME, _IN_ITS_OWN_TIME)
        name, arn = _table_with_stream(subject, "split")
        change(subject, name, "a", 1)
        subject.let_hours_pass(3)
        change(subject, name, "a", 2)
        subject.let_hours_pass(2)
        change(subject, name, "a", 3)
        shards = described_stream(subject, arn)["Shards"]
        children = [one for one in shards if one.get("ParentShardId") == shards[0]["ShardId"]]
        of_parent, has_next = read_shard(subject, arn, shards[0]["ShardId"])
        of_child, _ = read_shard(subject, arn, children[0]["ShardId"])
        subject.made["split stream"] = SplitStream(
            arn, shards[0], children[0], tuple(of_parent), tuple(of_child), has_next
        )
    made: SplitStream = subject.made["split stream"]
    return made


def trimmed_stream(subject: Subject) -> SplitStream:
    """That stream, 25 hours after its first change: that one is trimmed, and the next of its shard is not yet."""
    made = split_stream(subject)
    if "trimmed stream" not in subject.made:
        subject.let_hours_pass(20)
        subject.made["trimmed stream"] = True
    return made


def stream_without_parent(subject: Subject) -> SplitStream:
    """That stream, 30 hours after its first change: the shard that it began with is gone, and its child is there."""
    made = trimmed_stream(subject)
    if "stream without parent" not in subject.made:
        subject.let_hours_pass(5)
        subject.made["stream without parent"] = True
    return made


def change(subject: Subject, table: str, key: str, value: int) -> None:
    subject.put(table, {"id": {"S": key}, "v": {"N": str(value)}})


def value_of(record: dict[str, Any]) -> str:
    return str(record["dynamodb"]["NewImage"]["v"]["N"])


def described_stream(subject: Subject, arn: str, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = subject.clients.streams.describe_stream(StreamArn=arn, **more)["StreamDescription"]
    return found


def read_shard(subject: Subject, arn: str, shard: str, **how: Any) -> tuple[list[dict[str, Any]], bool]:
    """What a shard tells from a place on, and whether there is more to come; an open one is left at an empty page."""
    ask = subject.clients.streams
    how = how or {"ShardIteratorType": "TRIM_HORIZON"}
    iterator = ask.get_shard_iterator(StreamArn=arn, ShardId=shard, **how)["ShardIterator"]
    found: list[dict[str, Any]] = []
    for _ in range(_MOST_PAGES):
        page = ask.get_records(ShardIterator=iterator)
        found += page["Records"]
        iterator = page.get("NextShardIterator")
        if iterator is None:
            return found, False
        if not page["Records"] and not subject.clients.is_aws:
            break
    return found, True


def refusal_of_iterator(subject: Subject, arn: str, shard: str, **how: Any) -> str:
    """How reading from a place is refused, by the request for an iterator or by the first page."""
    try:
        read_shard(subject, arn, shard, **how)
    except FAILURES as error:
        return code_of(error)
    return "accepted"


def _all_records(subject: Subject, arn: str) -> list[dict[str, Any]]:
    return [
        one
        for shard in described_stream(subject, arn)["Shards"]
        for one in read_shard(subject, arn, shard["ShardId"])[0]
    ]


def _table_with_stream(subject: Subject, what: str) -> tuple[str, str]:
    """An own table and the ARN of its stream."""
    name = subject.names.table(what)
    if f"table {what}" not in subject.made:
        subject.create(what, **_ON)
        subject.made[f"table {what}"] = True
    subject.until_active(name)
    found = subject.ddb.describe_table(TableName=name)["Table"]
    if "LatestStreamArn" not in found:
        raise CannotAsk(WhyNot.NOT_DONE_HERE, "its tables have no streams")
    return name, str(found["LatestStreamArn"])
