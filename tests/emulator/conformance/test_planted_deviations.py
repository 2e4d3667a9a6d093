"""Each of twenty deviations, planted between suite and embedded AWS, turns its question red that was green before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from runbook_lib.conformance.answer import AsExpected, Deviates
from runbook_lib.conformance.runner import ask_all
from runbook_lib.conformance.suite import questions_fitting
from tests.support.asking import subject_of
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


@pytest.mark.parametrize(("name", "operation", "change"), PLANTS, ids=[plant[0] for plant in PLANTS])
def test_a_planted_deviation_turns_its_question_red(
    embedded_aws: str, name: str, operation: str, change: Callable[[dict[str, Any]], None] | None
) -> None:
    def after(asked: Asked, said: Said) -> Said:
        if asked.operation != operation:
            return said
        return changed(said, change) if change is not None else said if said[0] == 200 else OK

    [question] = questions_fitting(name)
    [clean] = ask_all([question], subject_of(embedded_aws))
    with between(embedded_aws, after=after) as planted:
        [answer] = ask_all([question], subject_of(planted.endpoint))
    assert isinstance(clean.outcome, AsExpected), clean.outcome
    assert isinstance(answer.outcome, Deviates), answer.outcome
