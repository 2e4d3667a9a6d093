"""No write operation of the sandbox takes an item that DynamoDB would refuse, and the table stays readable."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.sandbox_clients import SandboxClients

DEEP: dict[str, Any] = {"S": "x"}
for _ in range(33):
    DEEP = {"L": [DEEP]}
BAD: dict[str, dict[str, Any]] = {
    "39 digits": {"N": "1" * 39},
    "too large a number": {"N": "1e126"},
    "too small a number": {"N": "1e-131"},
    "no number": {"N": "abc"},
    "an empty set": {"SS": []},
    "a set with doubles": {"SS": ["a", "a"]},
    "a set with equal numbers": {"NS": ["1", "1.0"]},
    "two types": {"S": "a", "N": "1"},
    "33 levels": DEEP,
    "409,600 bytes": {"S": "x" * 409_600},
}


def put(aws: SandboxClients, table: str, value: dict[str, Any]) -> None:
    aws.source.put_item(TableName=table, Item={"id": {"S": "a"}, "x": value})


def update(aws: SandboxClients, table: str, value: dict[str, Any]) -> None:
    aws.source.update_item(
        TableName=table, Key={"id": {"S": "a"}}, UpdateExpression="SET x = :x", ExpressionAttributeValues={":x": value}
    )


def transact_put(aws: SandboxClients, table: str, value: dict[str, Any]) -> None:
    aws.source.transact_write_items(
        TransactItems=[{"Put": {"TableName": table, "Item": {"id": {"S": "a"}, "x": value}}}]
    )


def transact_update(aws: SandboxClients, table: str, value: dict[str, Any]) -> None:
    change = {"UpdateExpression": "SET x = :x", "ExpressionAttributeValues": {":x": value}}
    aws.source.transact_write_items(
        TransactItems=[{"Update": {"TableName": table, "Key": {"id": {"S": "a"}}, **change}}]
    )


WAYS: list[Callable[[SandboxClients, str, dict[str, Any]], None]] = [put, update, transact_put, transact_update]


@pytest.fixture
def table(new_table: Callable[..., str]) -> str:
    return new_table({"id": "S"}, {"by-g": {"g": "S"}})


def held(aws: SandboxClients, table: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = aws.source.scan(TableName=table)["Items"]
    return sorted(items, key=lambda item: str(item["id"]["S"]))


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_what_dynamodb_cannot_hold_is_refused_and_changes_nothing(aws: SandboxClients, table: str, way: Any) -> None:
    before = [{"id": {"S": "a"}, "x": {"S": "as it was"}}]
    aws.put_all(table, before)
    for name, value in BAD.items():
        with pytest.raises(ClientError) as caught:
            # botocore sends a value of two types as it is
            way(aws, table, value)
        code = caught.value.response["Error"]["Code"]
        assert code in ("ValidationException", "TransactionCanceledException"), name
        assert held(aws, table) == before, name


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_bad_value_makes_no_item_where_there_was_none(aws: SandboxClients, table: str, way: Any) -> None:
    for value in BAD.values():
        with pytest.raises(ClientError):
            way(aws, table, value)
    assert held(aws, table) == []


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_numbers_come_back_as_dynamodb_writes_them(aws: SandboxClients, table: str, way: Any) -> None:
    way(aws, table, {"L": [{"N": "1e2"}, {"N": "007"}, {"N": "1.50"}, {"N": "-0.0"}, {"NS": ["1.0", "2E1"]}]})
    ((item),) = held(aws, table)
    *numbers, members = item["x"]["L"]
    assert numbers == [{"N": "100"}, {"N": "7"}, {"N": "1.5"}, {"N": "0"}]
    assert set(members["NS"]) == {"1", "20"}


def test_what_an_update_makes_of_an_item_is_judged_too(aws: SandboxClients, table: str) -> None:
    before = [{"id": {"S": "a"}, "n": {"N": "9E+125"}, "x": {"S": "y" * 300_000}}]
    aws.put_all(table, before)
    key = {"TableName": table, "Key": {"id": {"S": "a"}}}
    for change, values in (
        ("ADD n :v", {":v": {"N": "9E125"}}),
        ("SET z = :v", {":v": {"S": "z" * 200_000}}),
        ("SET g = :v", {":v": {"N": "1"}}),
    ):
        with pytest.raises(ClientError) as caught:
            aws.source.update_item(**key, UpdateExpression=change, ExpressionAttributeValues=values)
        assert caught.value.response["Error"]["Code"] == "ValidationException"
        assert held(aws, table) == before
    told = aws.source.update_item(
        **key,
        UpdateExpression="SET n = :v",
        ExpressionAttributeValues={":v": {"N": "1.00"}},
        ReturnValues="UPDATED_NEW",
    )
    assert told["Attributes"] == {"n": {"N": "1"}}


def test_a_transaction_that_one_member_ends_leaves_nothing_and_names_it(aws: SandboxClients, table: str) -> None:
    good = {"Put": {"TableName": table, "Item": {"id": {"S": "good"}}}}
    bad = {"Put": {"TableName": table, "Item": {"id": {"S": "bad"}, "g": {"N": "1"}}}}
    with pytest.raises(ClientError) as caught:
        aws.source.transact_write_items(TransactItems=[good, bad])
    assert caught.value.response["Error"]["Code"] == "TransactionCanceledException"
    assert [r["Code"] for r in caught.value.response["CancellationReasons"]] == ["None", "ValidationError"]
    assert held(aws, table) == []


def test_legal_writes_are_taken_as_ever(aws: SandboxClients, table: str) -> None:
    aws.source.put_item(TableName=table, Item={"id": {"S": "a"}, "b": {"B": b"\x00\xff"}, "g": {"S": "x"}})
    with pytest.raises(aws.source.exceptions.ConditionalCheckFailedException):
        aws.source.put_item(TableName=table, Item={"id": {"S": "a"}}, ConditionExpression="attribute_not_exists(id)")
    with pytest.raises(aws.source.exceptions.ResourceNotFoundException):
        aws.source.put_item(TableName="nobody", Item={"id": {"S": "a"}})
    assert held(aws, table) == [{"id": {"S": "a"}, "b": {"B": b"\x00\xff"}, "g": {"S": "x"}}]
    gone = aws.source.delete_item(TableName=table, Key={"id": {"S": "a"}}, ReturnValues="ALL_OLD")
    assert gone["Attributes"]["b"] == {"B": b"\x00\xff"}
    with pytest.raises(ClientError, match="does not match the schema"):
        aws.source.delete_item(TableName=table, Key={"id": {"S": "a"}, "more": {"S": "b"}})


def test_a_table_without_indexes_has_no_empty_lists_of_them(aws: SandboxClients, new_table: Callable[..., str]) -> None:
    described = aws.source.describe_table(TableName=new_table())["Table"]
    assert not {"GlobalSecondaryIndexes", "LocalSecondaryIndexes"} & set(described)


@pytest.mark.parametrize(
    "target",
    [
        "DynamoDB_20120810.MakeCoffee",
        "Logs_20140328.DescribeExport",
        "DynamoDBStreams_20120810.DescribeExport",
        "x",
        "",
    ],
)
def test_an_unknown_operation_is_answered_as_aws_does(aws: SandboxClients, target: str) -> None:
    head = {
        "X-Amz-Target": target,
        "Content-Type": "application/x-amz-json-1.0",
        "Authorization": "AWS4-HMAC-SHA256 Credential=sandbox/20260101/us-east-1/dynamodb/aws4_request, "
        "SignedHeaders=host, Signature=x",
    }
    request = urllib.request.Request(aws.sandbox.endpoint, b"{}", head)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    with caught.value as reply:
        assert reply.code == 400
        assert json.load(reply)["__type"].endswith("#UnknownOperationException")
