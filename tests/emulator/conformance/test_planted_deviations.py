"""Each of forty deviations, planted between suite and embedded AWS, turns its question red that was green before."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from runbook_lib.conformance.answer import AsExpected, Deviates, QuestionAnswer
from runbook_lib.conformance.runner import ask_all
from runbook_lib.conformance.suite import questions_fitting
from runbook_lib.sandbox import start_sandbox
from tests.support.asking import PassingTime, subject_of
from tests.support.between import Asked, Said, between, changed

OK: Said = (200, [("Content-Type", "application/x-amz-json-1.0")], b'{"UnprocessedItems":{}}')
Plant = tuple[str, str, Callable[[dict[str, Any]], None] | None]


def gone(*path: str) -> Callable[[dict[str, Any]], None]:
    def change(data: dict[str, Any]) -> None:
        for name in path[:-1]:
            data = data.get(name, {})
        data.pop(path[-1], None)

    return change


def put(value: Any, *path: str) -> Callable[[dict[str, Any]], None]:
    def change(data: dict[str, Any]) -> None:
        for name in path[:-1]:
            data = data.setdefault(name, {})
        data[path[-1]] = value

    return change


BACKUPS = ("ContinuousBackupsDescription", "PointInTimeRecoveryDescription")
# The question, the operation whose answer is planted, and the change; None: everything is answered as done.
PLANTS: list[Plant] = [
    ("batch-of-26", "BatchWriteItem", None),
    ("batch-of-nothing", "BatchWriteItem", None),
    ("batch-with-one-key-twice", "BatchWriteItem", None),
    ("batch-with-equal-numbers", "BatchWriteItem", None),
    ("batch-says-what-is-unprocessed", "BatchWriteItem", gone("UnprocessedItems")),
    ("item-over-400-kb", "PutItem", None),
    ("number-of-39-digits", "PutItem", None),
    ("empty-sets", "PutItem", None),
    ("length-of-a-partition-key", "PutItem", None),
    ("put-where-something-is", "PutItem", None),
    ("capacity-unasked", "BatchWriteItem", put([{"TableName": "t", "CapacityUnits": 1.0}], "ConsumedCapacity")),
    ("page-of-one-mb", "Scan", gone("LastEvaluatedKey")),
    ("scan-that-only-counts", "Scan", put(0, "Count")),
    ("table-has-an-id", "DescribeTable", gone("Table", "TableId")),
    ("billing-mode", "DescribeTable", put("PROVISIONED", "Table", "BillingModeSummary", "BillingMode")),
    ("deletion-protection-is-told", "DescribeTable", gone("Table", "DeletionProtectionEnabled")),
    ("recovery-is-off-at-first", "DescribeContinuousBackups", put("ENABLED", *BACKUPS, "PointInTimeRecoveryStatus")),
    ("recovery-period", "DescribeContinuousBackups", put(7, *BACKUPS, "RecoveryPeriodInDays")),
    ("description-of-an-export", "DescribeExport", put(4, "ExportDescription", "ItemCount")),
    ("export-without-recovery", "ExportTableToPointInTime", None),
]


def records(change: Callable[[list[dict[str, Any]]], Any]) -> Callable[[dict[str, Any]], None]:
    """Other records on each page of a stream."""

    def changed_page(data: dict[str, Any]) -> None:
        data["Records"] = list(change(data["Records"]))

    return changed_page


def of_shards(change: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], None]:
    def changed_shards(data: dict[str, Any]) -> None:
        for shard in data["StreamDescription"]["Shards"]:
            change(shard)

    return changed_shards


def another(*path: str) -> Callable[[dict[str, Any]], None]:
    """A further operation at each request, whatever its token."""

    def change(data: dict[str, Any]) -> None:
        put(f"arn:aws:dynamodb:us-east-1:111122223333:bulk-operation/{next(NUMBERS):030}", *path)(data)

    return change


def only_first(data: dict[str, Any]) -> None:
    data["StreamDescription"]["Shards"] = data["StreamDescription"]["Shards"][:1]


NUMBERS = itertools.count()
BULK, IMPORT, STREAM = "BulkOperationDescription", "ImportTableDescription", "StreamDescription"
# The same, of what takes long; an engine's time can be let pass.
SLOW_PLANTS: list[Plant] = [
    ("import-token-while-it-runs", "ImportTable", put({"S3Bucket": "b"}, IMPORT, "S3BucketSource")),
    ("bulk-put-of-three-items", "DescribeBulkOperation", put(1, BULK, "FailedItemCount")),
    ("description-of-a-bulk-put", "DescribeBulkOperation", gone(BULK, "InputS3Configuration", "S3KeyPrefix")),
    ("bulk-put-token-while-it-runs", "StartBulkPutItems", another(BULK, "BulkOperationArn")),
    ("bulk-put-token-after-its-end", "StartBulkPutItems", another(BULK, "BulkOperationArn")),
    ("bulk-put-token-for-something-else", "StartBulkPutItems", None),
    ("bulk-put-with-an-item-without-key", "DescribeBulkOperation", put("COMPLETED", BULK, "BulkOperationStatus")),
    ("bulk-put-with-a-broken-line", "DescribeBulkOperation", put(0, BULK, "FailedItemCount")),
    ("list-of-bulk-puts", "ListBulkOperations", put([], "BulkOperationsSummaryList")),
    ("order-of-each-item", "GetRecords", records(reversed)),
    ("stream-that-was-turned-off", "DescribeStream", of_shards(gone("SequenceNumberRange", "EndingSequenceNumber"))),
    ("ended-shard-has-a-next-iterator", "GetRecords", put("more", "NextShardIterator")),
    ("children-of-an-open-shard", "DescribeStream", put([{"ShardId": "s" * 30}] * 2, STREAM, "Shards")),
    ("iterator-after-a-quarter-of-an-hour", "GetRecords", None),
    ("child-of-an-ended-shard", "DescribeStream", of_shards(gone("SequenceNumberRange", "EndingSequenceNumber"))),
    ("order-across-a-split", "GetRecords", records(lambda found: [])),
    ("children-of-an-ended-shard", "DescribeStream", only_first),
    ("iterator-at-a-trimmed-record", "GetShardIterator", None),
    ("horizon-of-a-trimmed-shard", "GetRecords", records(lambda found: [*found, *found])),
    ("parent-that-was-trimmed-away", "DescribeStream", of_shards(gone("ParentShardId"))),
]


@pytest.fixture(scope="module")
def slow_aws() -> Iterator[str]:
    """One of its own: its clock is moved."""
    with start_sandbox(empty=True, export_seconds=0.6) as sandbox:
        yield sandbox.endpoint


@pytest.mark.parametrize(("name", "operation", "change"), PLANTS, ids=[plant[0] for plant in PLANTS])
@pytest.mark.few(7)
def test_a_planted_deviation_turns_its_question_red(
    embedded_aws: str, name: str, operation: str, change: Callable[[dict[str, Any]], None] | None
) -> None:
    clean, planted = asked_twice(embedded_aws, None, name, operation, change)
    assert isinstance(clean.outcome, AsExpected), clean.outcome
    assert isinstance(planted.outcome, Deviates), planted.outcome


@pytest.mark.parametrize(("name", "operation", "change"), SLOW_PLANTS, ids=[plant[0] for plant in SLOW_PLANTS])
@pytest.mark.few(7)
def test_a_deviation_planted_in_what_takes_long_turns_its_question_red(
    slow_aws: str, name: str, operation: str, change: Callable[[dict[str, Any]], None] | None
) -> None:
    clean, planted = asked_twice(slow_aws, PassingTime(slow_aws), name, operation, change)
    assert isinstance(clean.outcome, AsExpected), clean.outcome
    assert isinstance(planted.outcome, Deviates), planted.outcome


def asked_twice(
    endpoint: str,
    passing: PassingTime | None,
    name: str,
    operation: str,
    change: Callable[[dict[str, Any]], None] | None,
) -> tuple[QuestionAnswer, QuestionAnswer]:
    """What an engine answers by itself, and with something planted."""

    def after(asked: Asked, said: Said) -> Said:
        if asked.operation != operation:
            return said
        return changed(said, change) if change is not None else said if said[0] == 200 else OK

    [question] = questions_fitting(name)
    [clean] = ask_all([question], subject_of(endpoint, passing))
    with between(endpoint, after=after) as planted:
        [answer] = ask_all([question], subject_of(planted.endpoint, passing))
    return clean, answer
