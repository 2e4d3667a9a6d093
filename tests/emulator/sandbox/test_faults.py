"""Injected faults: each kind does what it says, counts itself, and passes botocore's checksum."""

from __future__ import annotations

import urllib.error
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    IncompleteReadError,
    ResponseStreamingError,
)

from runbook_lib.sandbox.fleet.tables import fleet_table

if TYPE_CHECKING:
    from conftest import Aws


def members(count: int, start: int = 0) -> list[dict[str, Any]]:
    return [
        {"PutRequest": {"Item": {"id": {"S": f"{n}"}, "v": {"N": "1.50"}, "b": {"B": b"\x00"}}}}
        for n in range(start, start + count)
    ]


def ids(requests: list[dict[str, Any]]) -> set[str]:
    return {request["PutRequest"]["Item"]["id"]["S"] for request in requests}


def inject(aws: Aws, **fault: Any) -> None:
    aws.control("POST", "/_sandbox/faults", fault)


def fired(aws: Aws) -> int:
    return int(sum(fault["fired"] for fault in aws.control("GET", "/_sandbox/faults")))


def test_unprocessed_members_are_returned_as_sent_and_not_stored(aws: Aws, new_table: Any) -> None:
    table = new_table()
    inject(aws, operation="BatchWriteItem", kind="unprocessed", table=table, every=1, times=1, seed=7)
    sent = members(25)
    left = aws.source.batch_write_item(RequestItems={table: sent})["UnprocessedItems"][table]
    stored = {item["id"]["S"] for item in aws.source.scan(TableName=table)["Items"]}
    assert 0 < len(left) < 25
    assert all(request in sent for request in left)
    assert stored | ids(left) == ids(sent)
    assert not stored & ids(left)
    assert aws.source.batch_write_item(RequestItems={table: left})["UnprocessedItems"] == {}
    assert aws.source.scan(TableName=table)["Count"] == 25


def test_a_batch_of_one_is_throttled_instead(aws: Aws, new_table: Any) -> None:
    table = new_table()
    inject(aws, operation="BatchWriteItem", kind="unprocessed", times=1)
    with pytest.raises(ClientError, match="ProvisionedThroughputExceeded"):
        aws.source.batch_write_item(RequestItems={table: members(1)})


def test_a_throttle_gives_its_reason_and_stores_nothing(aws: Aws, new_table: Any) -> None:
    table = new_table()
    inject(aws, operation="BatchWriteItem", kind="throttle", table=table, every=1)
    with pytest.raises(ClientError) as raised:
        aws.source.batch_write_item(RequestItems={table: members(3)})
    assert raised.value.response["Error"]["Code"] == "ProvisionedThroughputExceededException"
    assert raised.value.response["ThrottlingReasons"] == [
        {"reason": "TableWriteProvisionedThroughputExceeded", "resource": aws.arn(table)}
    ]
    assert aws.source.scan(TableName=table)["Count"] == 0
    aws.control("DELETE", "/_sandbox/faults")
    aws.source.batch_write_item(RequestItems={table: members(3)})


def test_an_internal_error_is_a_500_also_for_what_moto_answers(aws: Aws) -> None:
    inject(aws, operation="DescribeTable", kind="internal-error", times=1)
    with pytest.raises(ClientError) as raised:
        aws.source.describe_table(TableName=fleet_table("loans").source)
    assert raised.value.response["Error"]["Code"] == "InternalServerError"
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    aws.source.describe_table(TableName=fleet_table("loans").source)


def test_an_expired_token_is_refused_as_each_service_does(aws: Aws, new_table: Any) -> None:
    table = new_table()
    inject(aws, operation="BatchWriteItem", kind="expired-token", table=table, times=1)
    with pytest.raises(ClientError) as raised:
        aws.source.batch_write_item(RequestItems={table: members(3)})
    assert raised.value.response["Error"]["Code"] == "ExpiredTokenException"
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert aws.source.scan(TableName=table)["Count"] == 0
    inject(aws, operation="GetObject", kind="expired-token", times=1)
    with pytest.raises(ClientError, match="ExpiredToken"):
        aws.s3.get_object(Bucket="runbook-staging", Key="any")


def test_only_items_that_the_client_heard_of_count_as_acknowledged(aws: Aws, new_table: Any) -> None:
    def acknowledged() -> int:
        rows = aws.control("GET", "/_sandbox/requests")
        return sum(row.get("acknowledged", 0) for row in rows if row["region"] == "us-east-1")

    table, before = new_table(), acknowledged()
    aws.source.batch_write_item(RequestItems={table: members(7)})
    assert acknowledged() - before == 7
    inject(aws, operation="BatchWriteItem", kind="unprocessed", table=table, times=1, seed=7)
    left = aws.source.batch_write_item(RequestItems={table: members(25)})["UnprocessedItems"][table]
    assert acknowledged() - before == 7 + 25 - len(left)
    inject(aws, operation="BatchWriteItem", kind="lost-reply", table=table, times=1)
    with pytest.raises(ConnectionClosedError):
        aws.source.batch_write_item(RequestItems={table: members(25)})
    assert acknowledged() - before == 7 + 25 - len(left)


@pytest.mark.parametrize(("kind", "stored"), [("reset", 0), ("lost-reply", 3)])
def test_a_cut_connection_before_or_after_the_work(aws: Aws, new_table: Any, kind: str, stored: int) -> None:
    table = new_table()
    inject(aws, operation="BatchWriteItem", kind=kind, table=table, times=1)
    with pytest.raises(ConnectionClosedError):
        aws.source.batch_write_item(RequestItems={table: members(3)})
    assert aws.source.scan(TableName=table)["Count"] == stored


def test_scan_and_get_object_can_fail_too(aws: Aws) -> None:
    inject(aws, operation="Scan", kind="throttle", times=1)
    with pytest.raises(ClientError) as raised:
        aws.source.scan(TableName=fleet_table("loans").source)
    assert raised.value.response["ThrottlingReasons"][0]["reason"] == "TableReadProvisionedThroughputExceeded"
    inject(aws, operation="GetObject", kind="throttle", times=1)
    with pytest.raises(ClientError, match="SlowDown"):
        aws.s3.get_object(Bucket="runbook-staging", Key="any")


def test_a_truncated_object_is_noticed_by_botocore(aws: Aws) -> None:
    aws.s3.put_object(Bucket="runbook-staging", Key="long", Body=b"x" * 10_000)
    inject(aws, operation="GetObject", kind="truncate", times=1)
    with pytest.raises((IncompleteReadError, ResponseStreamingError)):
        aws.read("long")
    assert aws.read("long") == b"x" * 10_000


def test_the_same_seed_meets_the_same_faults(aws: Aws, new_table: Any) -> None:
    table = new_table()

    def outcome() -> list[bool]:
        aws.control("DELETE", "/_sandbox/faults")
        inject(aws, operation="GetItem", kind="throttle", probability=0.5, seed=3)
        seen = []
        for _ in range(20):
            try:
                aws.source.get_item(TableName=table, Key={"id": {"S": "x"}})
                seen.append(False)
            except ClientError:
                seen.append(True)
        assert fired(aws) == sum(seen)
        return seen

    first = outcome()
    assert 0 < sum(first) < 20
    assert outcome() == first


def test_every_third_request_fails(aws: Aws, new_table: Any) -> None:
    table = new_table()
    inject(aws, operation="GetItem", kind="throttle", every=3, table=table)
    failures = []
    for number in range(1, 10):
        try:
            aws.source.get_item(TableName=table, Key={"id": {"S": "x"}})
        except ClientError:
            failures.append(number)
    assert failures == [3, 6, 9]


@pytest.mark.parametrize(
    "fault",
    [
        {"operation": "Scan"},
        {"operation": "Scan", "kind": "unprocessed"},
        {"operation": "Scan", "kind": "throttle", "x": 1},
    ],
)
def test_a_mistyped_fault_is_refused(aws: Aws, fault: dict[str, Any]) -> None:
    with pytest.raises(urllib.error.HTTPError) as raised:
        aws.control("POST", "/_sandbox/faults", fault)
    assert raised.value.code == 400
    raised.value.close()


def test_requests_are_counted_per_operation_and_region(aws: Aws) -> None:
    def counted() -> dict[tuple[str, str], int]:
        rows = aws.control("GET", "/_sandbox/requests")
        return {(row["operation"], row["region"]): row["count"] for row in rows}

    before = counted()
    aws.target.describe_table(TableName=fleet_table("loans").target)
    aws.s3.list_objects_v2(Bucket="runbook-staging", MaxKeys=1)
    after = counted()
    key = ("DescribeTable", "us-east-2")
    assert after[key] - before.get(key, 0) == 1
    assert ("ListObjectsV2", "us-east-2") in after
