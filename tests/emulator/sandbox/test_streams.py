"""The sandbox's streams: every kind of write is told, in shards that end and are trimmed as time passes."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from botocore.exceptions import ClientError

from runbook_lib.sandbox import start_sandbox
from runbook_lib.sandbox.client import sandbox_client
from tests.support.asking import PassingTime

ON = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}


@pytest.fixture(scope="module")
def passing() -> Iterator[PassingTime]:
    """A sandbox of its own, whose clock is moved."""
    with start_sandbox(empty=True) as sandbox:
        yield PassingTime(sandbox.endpoint)


class Streamed:
    """A table with a stream, of a sandbox whose time is let pass."""

    def __init__(self, time: PassingTime) -> None:
        self.time, self.name = time, f"t-{secrets.token_hex(4)}"
        self.ddb = sandbox_client("dynamodb", time.endpoint, "us-east-1")
        self.streams = sandbox_client("dynamodbstreams", time.endpoint, "us-east-1")
        self.ddb.create_table(
            TableName=self.name, KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}], BillingMode="PAY_PER_REQUEST",
            StreamSpecification=ON,
        )  # fmt: skip
        self.arn = self.latest()

    def latest(self) -> str:
        return str(self.ddb.describe_table(TableName=self.name)["Table"]["LatestStreamArn"])

    def put(self, value: int) -> None:
        self.ddb.put_item(TableName=self.name, Item={"id": {"S": "x"}, "v": {"N": str(value)}})

    def hours(self, count: float) -> None:
        self.time.let_pass(count * 3600)

    def shards(self, **more: Any) -> list[dict[str, Any]]:
        found = self.streams.describe_stream(StreamArn=self.arn, **more)["StreamDescription"]
        return list(found["Shards"])

    def read(self, shard: str, limit: int = 1000, **how: Any) -> list[dict[str, Any]]:
        how = how or {"ShardIteratorType": "TRIM_HORIZON"}
        iterator = self.streams.get_shard_iterator(StreamArn=self.arn, ShardId=shard, **how)["ShardIterator"]
        found: list[dict[str, Any]] = []
        while iterator:
            page = self.streams.get_records(ShardIterator=iterator, Limit=limit)
            assert len(page["Records"]) <= limit
            found += page["Records"]
            iterator = page.get("NextShardIterator") if page["Records"] else None
        return found

    def values(self, shard: str, **how: Any) -> list[str]:
        return [one["dynamodb"].get("NewImage", {}).get("v", {}).get("N", "") for one in self.read(shard, **how)]


@pytest.fixture
def table(passing: PassingTime) -> Streamed:
    return Streamed(passing)


def test_each_kind_of_write_is_told_once_and_in_order(table: Streamed) -> None:
    name, key = table.name, {"id": {"S": "x"}}
    table.put(1)
    table.ddb.batch_write_item(RequestItems={name: [{"PutRequest": {"Item": key | {"v": {"N": "2"}}}}]})
    how = {"UpdateExpression": "SET v = :v", "ExpressionAttributeValues": {":v": {"N": "3"}}}
    table.ddb.update_item(TableName=name, Key=key, **how)
    put = {"Put": {"TableName": name, "Item": key | {"v": {"N": "4"}, "b": {"B": b"\x00\xff"}}}}
    table.ddb.transact_write_items(TransactItems=[put])
    table.ddb.delete_item(TableName=name, Key=key)
    [shard] = table.shards()
    found = table.read(shard["ShardId"], limit=2)
    assert [one["eventName"] for one in found] == ["INSERT", "MODIFY", "MODIFY", "MODIFY", "REMOVE"]
    images = [one["dynamodb"] for one in found]
    assert [one.get("OldImage") for one in images[1:]] == [one.get("NewImage") for one in images[:-1]]
    assert images[3]["NewImage"]["b"] == {"B": b"\x00\xff"}
    numbers = [int(one["SequenceNumber"]) for one in images]
    assert numbers == sorted(set(numbers))


def test_a_refused_transaction_leaves_no_record_and_harms_none(table: Streamed) -> None:
    table.put(1)
    items = [
        {"Put": {"TableName": table.name, "Item": {"id": {"S": "y"}}}},
        {"ConditionCheck": {
            "TableName": table.name, "Key": {"id": {"S": "x"}}, "ConditionExpression": "attribute_not_exists(id)"
        }},
    ]  # fmt: skip
    with pytest.raises(ClientError):
        table.ddb.transact_write_items(TransactItems=items)
    table.put(2)
    table.hours(5)
    table.put(3)
    first, second = table.shards()
    assert (table.values(first["ShardId"]), table.values(second["ShardId"])) == (["1", "2"], ["3"])


def test_each_stretch_of_four_hours_is_a_shard_also_one_without_a_write(table: Streamed) -> None:
    table.put(1)
    table.hours(9)
    table.put(2)
    shards = table.shards()
    assert [table.values(one["ShardId"]) for one in shards] == [["1"], [], ["2"]]
    assert [one.get("ParentShardId") for one in shards] == [None, *(one["ShardId"] for one in shards[:-1])]
    ranges = [one["SequenceNumberRange"] for one in shards]
    assert ["EndingSequenceNumber" in one for one in ranges] == [True, True, False]
    for one, next_one in pairwise(ranges):
        assert int(one["StartingSequenceNumber"]) <= int(one["EndingSequenceNumber"])
        assert int(one["EndingSequenceNumber"]) < int(next_one["StartingSequenceNumber"])
    assert table.shards(ExclusiveStartShardId=shards[0]["ShardId"], Limit=1) == [shards[1]]
    children = {"Type": "CHILD_SHARDS", "ShardId": shards[0]["ShardId"]}
    assert table.shards(ShardFilter=children) == [shards[1]]


def test_an_iterator_begins_where_it_was_asked_for(table: Streamed) -> None:
    for value in (1, 2, 3):
        table.put(value)
        table.hours(1)
    [shard] = (one["ShardId"] for one in table.shards())
    second = table.read(shard)[1]["dynamodb"]
    number, at = second["SequenceNumber"], second["ApproximateCreationDateTime"]
    for how, values in (
        ({"ShardIteratorType": "AT_SEQUENCE_NUMBER", "SequenceNumber": number}, ["2", "3"]),
        ({"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": number}, ["3"]),
        ({"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": at}, ["2", "3"]),
        ({"ShardIteratorType": "LATEST"}, []),
    ):
        assert table.values(shard, **how) == values, how
    with pytest.raises(ClientError, match="future"):
        table.values(shard, ShardIteratorType="AT_TIMESTAMP", Timestamp=4e9)


@pytest.mark.whole
def test_a_stream_that_is_turned_on_again_is_another_one(table: Streamed) -> None:
    table.put(1)
    table.ddb.update_table(TableName=table.name, StreamSpecification={"StreamEnabled": False})
    table.put(2)
    table.ddb.update_table(TableName=table.name, StreamSpecification=ON)
    table.put(3)
    [old] = table.shards()
    assert table.values(old["ShardId"]) == ["1"]
    table.arn = table.latest()
    [new] = table.shards()
    assert table.values(new["ShardId"]) == ["3"]


@pytest.mark.parametrize("how", ["deleted", "turned off"])
@pytest.mark.chaos
def test_what_a_stream_told_before_it_ended_can_be_read_for_a_day(table: Streamed, how: str) -> None:
    table.put(1)
    if how == "deleted":
        table.ddb.delete_table(TableName=table.name)
    else:
        table.ddb.update_table(TableName=table.name, StreamSpecification={"StreamEnabled": False})
    table.hours(23)
    [shard] = table.shards()
    assert table.values(shard["ShardId"]) == ["1"]
    table.hours(2)
    assert table.shards() == []
