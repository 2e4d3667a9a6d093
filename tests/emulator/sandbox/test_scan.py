"""Scan: pages, segments, writers, and honest capacity."""

from __future__ import annotations

import math
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from runbook_lib.sandbox.fleet.tables import fleet_table, item_count

if TYPE_CHECKING:
    from conftest import Aws

SCALE = 0.02


def scan_all(aws: Aws, **request: Any) -> list[dict[str, Any]]:
    pages: list[dict[str, Any]] = []
    while not pages or "LastEvaluatedKey" in pages[-1]:
        start = {"ExclusiveStartKey": pages[-1]["LastEvaluatedKey"]} if pages else {}
        pages.append(aws.source.scan(**request, **start))
    return pages


def keys(pages: list[dict[str, Any]], *names: str) -> list[tuple[str, ...]]:
    return [tuple(item[name]["S"] for name in names) for page in pages for item in page["Items"]]


def test_pages_of_a_megabyte_hold_every_item_once(aws: Aws) -> None:
    table = fleet_table("transactions")
    pages = scan_all(aws, TableName=table.source)
    found = keys(pages, "account_id", "posted_date_tx_id")
    assert len(pages) > 3
    assert len(found) == len(set(found)) == item_count(table, SCALE)
    assert found != sorted(found)


@pytest.mark.chaos
def test_segments_are_disjoint_and_complete_and_keep_partitions_whole(aws: Aws) -> None:
    table = fleet_table("transactions").source
    whole = set(keys(scan_all(aws, TableName=table), "account_id", "posted_date_tx_id"))
    for total in (2, 7):
        parts = [
            keys(
                scan_all(aws, TableName=table, Segment=segment, TotalSegments=total, Limit=300),
                "account_id",
                "posted_date_tx_id",
            )
            for segment in range(total)
        ]
        assert sum(len(part) for part in parts) == len(whole)
        assert set().union(*parts) == whole
        accounts = [{account for account, _ in part} for part in parts]
        assert sum(len(part) for part in accounts) == len(set().union(*accounts))


def test_limit_select_count_and_sort_order_within_a_partition(aws: Aws) -> None:
    table = fleet_table("transactions").source
    pages = scan_all(aws, TableName=table, Limit=1000)
    assert all(page["Count"] == 1000 for page in pages[:-1])
    counted = scan_all(aws, TableName=table, Select="COUNT")
    assert sum(page["Count"] for page in counted) == sum(page["Count"] for page in pages)
    assert all("Items" not in page for page in counted)
    per_account: dict[str, list[str]] = {}
    for account, posted in keys(pages, "account_id", "posted_date_tx_id"):
        per_account.setdefault(account, []).append(posted)
    assert all(posted == sorted(posted) for posted in per_account.values())


def test_resuming_survives_the_deletion_of_the_last_key(aws: Aws, new_table: Any) -> None:
    table = new_table()
    aws.put_all(table, [{"id": {"S": f"{n}"}} for n in range(100)])
    first = aws.source.scan(TableName=table, Limit=40)
    aws.source.delete_item(TableName=table, Key=first["LastEvaluatedKey"])
    rest = aws.source.scan(TableName=table, ExclusiveStartKey=first["LastEvaluatedKey"])
    assert len(set(keys([first, rest], "id"))) == first["Count"] + rest["Count"] == 100


def test_a_scan_among_writers_misses_nothing_that_was_there_before(aws: Aws, new_table: Any) -> None:
    table = new_table()
    aws.put_all(table, [{"id": {"S": f"old-{n}"}} for n in range(500)])
    stop = threading.Event()
    client = aws.client("dynamodb")

    def write() -> None:
        number = 0
        while not stop.is_set():
            new = [{"PutRequest": {"Item": {"id": {"S": f"new-{number}-{n}"}}}} for n in range(10)]
            client.batch_write_item(RequestItems={table: new})
            client.put_item(TableName=table, Item={"id": {"S": f"single-{number}"}})
            client.delete_item(TableName=table, Key={"id": {"S": f"new-{number}-3"}})
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        found = keys(scan_all(aws, TableName=table, Limit=25), "id")
    finally:
        stop.set()
        writer.join()
        client.close()
    assert len(found) == len(set(found))
    assert {(f"old-{n}",) for n in range(500)} <= set(found)


@pytest.mark.parametrize(("consistent", "per_block"), [(True, 1.0), (False, 0.5)])
def test_capacity_is_what_was_read(aws: Aws, consistent: bool, per_block: float) -> None:
    table = fleet_table("monthly-reportings").source
    page = aws.source.scan(TableName=table, ConsistentRead=consistent, ReturnConsumedCapacity="TOTAL")
    size = aws.source.describe_table(TableName=table)["Table"]["TableSizeBytes"]
    assert page["ConsumedCapacity"]["CapacityUnits"] == math.ceil(size / 4096) * per_block
    assert "ConsumedCapacity" not in aws.source.scan(TableName=table, Limit=1)


def test_a_filtered_scan_and_a_query_still_work(aws: Aws) -> None:
    table = fleet_table("loans").source
    [first] = aws.source.scan(TableName=table, Limit=1)["Items"]
    found = aws.source.scan(
        TableName=table, FilterExpression="id = :id", ExpressionAttributeValues={":id": first["id"]}
    )["Items"]
    assert found == [first]
    assert aws.source.get_item(TableName=table, Key={"id": first["id"]})["Item"] == first


def test_items_seen_by_moto_are_scanned_as_before(aws: Aws) -> None:
    table = fleet_table("accounts").source
    before = scan_all(aws, TableName=table)[0]["Items"]
    for item in before:
        assert aws.source.get_item(TableName=table, Key={"id": item["id"]})["Item"] == item
    after = scan_all(aws, TableName=table)[0]["Items"]
    assert sorted(map(repr, map(normal, after))) == sorted(map(repr, map(normal, before)))


def normal(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: normal(value[name]) for name in sorted(value)}
    return [normal(member) for member in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    "request_part",
    [
        {"Segment": 0},
        {"TotalSegments": 2},
        {"Segment": 2, "TotalSegments": 2},
        {"ExclusiveStartKey": {"id": {"N": "1"}}},
        {"ExclusiveStartKey": {"other": {"S": "1"}}},
    ],
)
def test_senseless_requests_are_refused(aws: Aws, request_part: dict[str, Any]) -> None:
    with pytest.raises(ClientError) as raised:
        aws.source.scan(TableName=fleet_table("loans").source, **request_part)
    assert raised.value.response["Error"]["Code"] == "ValidationException"


def test_a_start_key_of_another_segment_is_refused(aws: Aws) -> None:
    table = fleet_table("loans").source
    page = aws.source.scan(TableName=table, Segment=0, TotalSegments=2, Limit=1)
    with pytest.raises(ClientError, match="does not map"):
        aws.source.scan(TableName=table, Segment=1, TotalSegments=2, ExclusiveStartKey=page["LastEvaluatedKey"])


def test_number_and_binary_keys_work(aws: Aws, new_table: Any) -> None:
    table = new_table(key={"n": "N", "b": "B"})
    aws.put_all(table, [{"n": {"N": str(n % 5)}, "b": {"B": bytes([n, 255 - n])}} for n in range(60)])
    pages = scan_all(aws, TableName=table, Limit=7)
    found = [(item["n"]["N"], item["b"]["B"]) for page in pages for item in page["Items"]]
    assert sorted(found) == sorted((str(n % 5), bytes([n, 255 - n])) for n in range(60))
    key = {"n": {"N": "3.0"}, "b": {"B": bytes([3, 252])}}
    assert aws.source.get_item(TableName=table, Key=key)["Item"]["n"] == {"N": "3"}


@pytest.mark.chaos
def test_ten_thousand_items_are_scanned_in_seconds(aws: Aws, new_table: Any) -> None:
    table = new_table()
    aws.put_all(table, [{"id": {"S": f"{n}"}, "text": {"S": "x" * 400}} for n in range(10_000)])
    started = time.monotonic()
    assert len(keys(scan_all(aws, TableName=table), "id")) == 10_000
    assert time.monotonic() - started < 30  # about 1 s on an idle machine
