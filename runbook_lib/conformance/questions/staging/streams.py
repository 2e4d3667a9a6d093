"""Streams: what stands in a record, in which order, and that nothing is told twice."""

from __future__ import annotations

import re
from typing import Any

from runbook_lib.aws.outcome import FAILURES, code_of
from runbook_lib.conformance.question import Area, Need, api, guide, model, question
from runbook_lib.conformance.subject import CannotAsk, Subject, WhyNot

_LONG = (Need.LONG,)
_ORDER = "changes of one item are applied in the order in which they were made"
_ITEM = {"id": {"S": "changed"}}


def stream_of(subject: Subject) -> str:
    found = subject.ddb.describe_table(TableName=subject.table("streamed"))["Table"]
    if "LatestStreamArn" not in found:
        raise CannotAsk(WhyNot.NOT_DONE_HERE, "its tables have no streams")
    return str(found["LatestStreamArn"])


def records(subject: Subject) -> list[dict[str, Any]]:
    """What the stream says of one item that was put, put as it is, changed and removed."""
    if "records" not in subject.made:
        table, arn = subject.table("streamed"), stream_of(subject)
        for value in ("1", "1", "2"):
            subject.put(table, _ITEM | {"v": {"N": value}})
        subject.ddb.delete_item(TableName=table, Key=_ITEM)
        found: list[dict[str, Any]] = []

        def all_told() -> bool:
            found[:] = [r for shard in shards(subject, arn) for r in of_shard(subject, arn, shard)]
            return any(record["eventName"] == "REMOVE" for record in found)

        subject.durations["stream: a change is told, seconds"] = subject.wait(all_told, "a record", 60)
        subject.made["records"] = found
    made: list[dict[str, Any]] = subject.made["records"]
    return made


def shards(subject: Subject, arn: str) -> list[str]:
    found = subject.clients.streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    return [str(shard["ShardId"]) for shard in found]


def of_shard(subject: Subject, arn: str, shard: str) -> list[dict[str, Any]]:
    ask = subject.clients.streams
    iterator = ask.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    page: dict[str, Any] = ask.get_records(ShardIterator=iterator["ShardIterator"])
    subject.made["next iterator"] = page.get("NextShardIterator")
    found: list[dict[str, Any]] = page["Records"]
    return found


@question(
    Area.STREAMS,
    expect=("INSERT", "MODIFY", "REMOVE"),
    relied_on=_ORDER,
    source=guide("DynamoDB Streams: a put that changes nothing writes no record"),
    needs=_LONG,
)
def records_of_an_item(subject: Subject) -> tuple[str, ...]:
    """Are a put, a change and a delete told in their order, and a put that changes nothing not at all?"""
    return tuple(str(record["eventName"]) for record in records(subject))


@question(
    Area.STREAMS,
    expect=("old: none, new: 1", "old: 1, new: 2", "old: 2, new: none"),
    relied_on="a change is told with what was there before and after",
    source=api("StreamRecord, OldImage and NewImage"),
    needs=_LONG,
)
def images_of_a_record(subject: Subject) -> tuple[str, ...]:
    """Has a record the item before and after, as the stream's view says?"""
    images = [(r["dynamodb"].get("OldImage"), r["dynamodb"].get("NewImage")) for r in changes(subject)]
    return tuple(f"old: {value_in(old)}, new: {value_in(new)}" for old, new in images)


def changes(subject: Subject) -> list[dict[str, Any]]:
    """The records in which something differs before and after."""
    return [r for r in records(subject) if r["dynamodb"].get("OldImage") != r["dynamodb"].get("NewImage")]


def value_in(image: dict[str, Any] | None) -> str:
    return str(image["v"]["N"]) if image else "none"


@question(
    Area.STREAMS,
    expect=(True, True),
    relied_on="records are ordered by their numbers, compared as numbers",
    source=model("SequenceNumber: 21 to 40 digits"),
    needs=_LONG,
)
def numbers_of_records(subject: Subject) -> tuple[bool, bool]:
    """Are sequence numbers 21 to 40 digits, and do they grow?"""
    numbers = [str(record["dynamodb"]["SequenceNumber"]) for record in records(subject)]
    values = [int(number) for number in numbers]
    return all(re.fullmatch(r"\d{21,40}", number) for number in numbers), values == sorted(set(values))


@question(
    Area.STREAMS,
    expect=("aws:dynamodb", True, True),
    relied_on="a record says which table of which region it is of",
    source=api("Record"),
    needs=_LONG,
)
def origin_of_a_record(subject: Subject) -> tuple[str | bool, ...]:
    """Has a record its source, its region and the key of the item?"""
    record = records(subject)[0]
    region = record["awsRegion"] == subject.ddb.meta.region_name
    return str(record["eventSource"]), region, record["dynamodb"]["Keys"] == _ITEM


@question(
    Area.STREAMS,
    expect=True,
    relied_on="a shard without a next iterator is closed, and only then",
    source=api("GetRecords, NextShardIterator"),
    needs=_LONG,
)
def open_shard_has_a_next_iterator(subject: Subject) -> bool:
    """Has a page of an open shard a next iterator?"""
    records(subject)
    return subject.made["next iterator"] is not None


@question(
    Area.STREAMS,
    expect="ResourceNotFoundException",
    relied_on="a shard that is listed may be gone: it is treated as closed",
    source=api("GetShardIterator, errors"),
    needs=_LONG,
)
def unknown_shard(subject: Subject) -> str:
    """Is an iterator of a shard refused that does not exist?"""
    arn = stream_of(subject)
    try:
        subject.clients.streams.get_shard_iterator(
            StreamArn=arn, ShardId="shardId-00000000000000000000-00000000", ShardIteratorType="TRIM_HORIZON"
        )
    except FAILURES as error:
        return code_of(error)
    return "accepted"
