"""Answers that make no sense, or are of something else, are believed in nothing and named."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from runbook_lib.aws.dynamodb.bulk_put import describe_bulk_put
from runbook_lib.aws.dynamodb.describe.tables import description_of
from runbook_lib.aws.dynamodb.exports import (
    WindowRequest,
    describe_export,
    find_export,
    start_export,
    start_window,
)
from runbook_lib.aws.dynamodb.imports import describe_import
from runbook_lib.aws.dynamodb.said import MOST, said_count
from runbook_lib.errors import ConfigError, ExportError, RunbookError

ARN = "arn:aws:dynamodb:us-east-1:111122223333:table/t/x/1"
EXPORT = {"ExportArn": ARN, "ExportStatus": "COMPLETED", "S3Bucket": "b", "ItemCount": 3, "BilledSizeBytes": 9}
IMPORT = {
    "ImportArn": ARN, "TableArn": "arn:t", "TableId": "id", "ImportStatus": "COMPLETED", "ProcessedItemCount": 3,
    "ImportedItemCount": 3, "ErrorCount": 0, "ProcessedSizeBytes": 9,
}  # fmt: skip
BULK = {
    "BulkOperationArn": ARN, "BulkOperationStatus": "COMPLETED", "TableDetails": [{"TableId": "id"}],
    "ProcessedItemCount": 3, "FailedItemCount": 0, "ProcessedInputBytes": 9,
}  # fmt: skip
TABLE = {
    "TableName": "t", "TableArn": "arn:t", "TableId": "id", "ItemCount": 3, "TableSizeBytes": 9,
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
}  # fmt: skip


def _export(said: dict[str, Any]) -> object:
    return describe_export(SimpleNamespace(describe_export=lambda **_: {"ExportDescription": said}), ARN)


def _import(said: dict[str, Any]) -> object:
    return describe_import(SimpleNamespace(describe_import=lambda **_: {"ImportTableDescription": said}), ARN)


def _bulk_put(said: dict[str, Any]) -> object:
    client = SimpleNamespace(describe_bulk_operation=lambda **_: {"BulkOperationDescription": said})
    return describe_bulk_put(client, ARN)


ASKED: list[tuple[Callable[[dict[str, Any]], object], dict[str, Any]]] = [
    (_export, EXPORT), (_import, IMPORT), (_bulk_put, BULK), (description_of, TABLE),
]  # fmt: skip
COUNTS = [(ask, said, member) for ask, said in ASKED for member, value in said.items() if isinstance(value, int)]
TEXTS = [
    (ask, said, member)
    for ask, said in ASKED
    if ask is not description_of  # what that lacks has tests of its own
    for member in said
    if member.endswith(("Arn", "Status"))
]


@pytest.mark.parametrize("value", [-1, "3", 2.5, True, [3], {"N": "3"}, 10**30, float("nan"), float("inf")], ids=str)
@pytest.mark.parametrize(("ask", "said", "member"), COUNTS, ids=lambda v: v if isinstance(v, str) else "")
def test_a_number_that_can_be_none_of_items_or_bytes_is_named(
    ask: Callable[[dict[str, Any]], object], said: dict[str, Any], member: str, value: object
) -> None:
    with pytest.raises(RunbookError, match=rf"{member} should be a whole number from 0 to {MOST}, found"):
        ask(said | {member: value})


@pytest.mark.parametrize("value", [None, "", 5, ["x"]], ids=str)
@pytest.mark.parametrize(("ask", "said", "member"), TEXTS, ids=lambda v: v if isinstance(v, str) else "")
def test_a_text_without_which_an_answer_says_nothing_is_named(
    ask: Callable[[dict[str, Any]], object], said: dict[str, Any], member: str, value: object
) -> None:
    with pytest.raises(RunbookError, match=f"{member} should be a text, found"):
        ask(said | {member: value})


@pytest.mark.parametrize("ask", [_export, _import, _bulk_put])
def test_an_answer_about_another_is_not_believed(ask: Callable[[dict[str, Any]], object]) -> None:
    """An earlier export of the same table, say: its manifest and all its files agree with it."""
    said = next(known for asked, known in ASKED if asked is ask)
    assert ask(said)
    named = next(iter(said))
    with pytest.raises(RunbookError, match=rf"was asked for {ARN}, and the answer is about {ARN}0: nothing of it"):
        ask(said | {named: f"{ARN}0"})


TABLE_ARN = "arn:aws:dynamodb:us-east-1:111122223333:table/orders"
MOMENT = datetime(2026, 1, 14, tzinfo=UTC)


def _started(client: Any) -> object:
    return start_export(client, TABLE_ARN, "token", MOMENT, "b", "p", None, None)


def _window(client: Any) -> object:
    window = WindowRequest(TABLE_ARN, "token", MOMENT, MOMENT + timedelta(hours=1), "NEW_AND_OLD_IMAGES")
    return start_window(client, window, "b", "p", None, None)


def _found(client: Any) -> object:
    return find_export(client, TABLE_ARN, "token")


@pytest.mark.parametrize("ask", [_started, _window, _found])
@pytest.mark.parametrize("of", ["orders", "orders-2", "other"])
def test_an_export_of_another_table_is_not_followed(ask: Callable[[Any], object], of: str) -> None:
    """Its answer need not name the table; whatever is asked about that export later agrees with it."""
    arn = f"arn:aws:dynamodb:us-east-1:111122223333:table/{of}/export/1"
    said = {"ExportArn": arn, "ExportStatus": "IN_PROGRESS", "ClientToken": "token"}
    client = SimpleNamespace(
        export_table_to_point_in_time=lambda **_: {"ExportDescription": said},
        list_exports=lambda **_: {"ExportSummaries": [{"ExportArn": arn}]},
        describe_export=lambda **_: {"ExportDescription": said},
        exceptions=SimpleNamespace(LimitExceededException=KeyError),
    )
    if of == "orders":
        assert ask(client)
        return
    with pytest.raises(ExportError, match="which is of another table; start a new run"):
        ask(client)


def test_what_is_left_out_is_not_known_and_whole_numbers_are_taken_in_any_spelling() -> None:
    assert said_count({}, "n") is None
    assert said_count({"n": 20.0}, "n") == 20
    assert description_of({k: v for k, v in TABLE.items() if k != "ItemCount"}).items_hint == 0
    with pytest.raises(ConfigError, match="ItemCount"):
        description_of(TABLE | {"ItemCount": "3"})
