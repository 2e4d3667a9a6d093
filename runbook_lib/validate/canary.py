"""Write, read back and delete one reserved item in each target: proof that the table takes and gives items.

Only when `validate.canary` is on and writing is allowed. It is done before the comparison: what a killed run
left behind is removed here, and the comparison after it proves that nothing stayed. An item that is
not a canary is never written over and never deleted: both calls are conditional.
"""

from __future__ import annotations

import base64
import json
import time
from typing import Any

from runbook_lib.aws.dynamodb.describe.tables import describe_table
from runbook_lib.aws.dynamodb.read.batch_get import read_keys
from runbook_lib.aws.transport.client import DynamoDBTransport
from runbook_lib.aws.transport.retry import Backoff, BrokenAnswer, TransportError
from runbook_lib.errors import RunbookError, TransferError
from runbook_lib.items.canonical import Item, digest
from runbook_lib.items.keys import KeyAttribute
from runbook_lib.plan.pair import Pair
from runbook_lib.plan.writing import Method
from runbook_lib.run.admission.confirmation import check_confirmation
from runbook_lib.run.facts.validation import CANARIES, CanaryFact, CanaryState
from runbook_lib.run.run import Run
from runbook_lib.run.witnesses.writers.own_marks import refuse_older_copy
from runbook_lib.timestamps import format_timestamp

# One key for every run, so that whoever comes next finds what was left behind; the run stands in the item.
RESERVED = "dynamodb-migration-runbook/canary"
RESERVED_NUMBER = "-9.9999999999999999999999999999999999999E+125"  # the smallest number that DynamoDB has
MARK, PROBE = "dynamodb-migration-runbook-canary", "dynamodb-migration-runbook-probe"
CONTENT: dict[str, Any] = {
    "M": {
        "text": {"S": "é \u4e2d \U0001f426"},
        "number": {"N": "1234567890123456789012345678901234567.8"},
        "bytes": {"B": base64.b64encode(bytes(range(256))).decode()},
        "sets": {"L": [{"SS": ["a", "b"]}, {"NS": ["1", "2"]}, {"BS": ["AA==", "AQ=="]}]},
        "nothing": {"NULL": True},
        "truth": {"BOOL": False},
    }
}
DONE, FAILED, NOT_TRIED = CanaryState.DONE, CanaryState.FAILED, CanaryState.NOT_TRIED
TAKEN = "ConditionalCheckFailedException"


def try_canaries(run: Run) -> dict[str, CanaryFact]:
    """Write and delete a canary in every planned target, if the settings say so; returns the facts by source table.

    Failures are facts, not errors: the gate after validation raises. Raises ConfigError before the first write
    unless the configuration spells the target.
    """
    pairs = run.planned_pairs()
    if not (run.config.validate_.canary and run.execute):
        return {}
    check_confirmation(run.confirmation, run.clients)
    migrated = [pair for pair in pairs if pair.method != Method.SKIP]
    writer = run.clients.canary(frozenset(pair.target for pair in migrated))
    with run.step("validate"):
        for pair in migrated:
            CANARIES.record(run.ledger, pair.source, _tried(run, pair, writer))
            run.clients.calls.flush()  # puts are told in sums
    return CANARIES.all(run.ledger)


def _tried(run: Run, pair: Pair, writer: DynamoDBTransport) -> CanaryFact:
    clock = time.monotonic()
    try:
        state, why = _try(run, pair, writer)
    except RunbookError as error:
        state, why = FAILED, str(error)
    return CanaryFact(state, why, format_timestamp(run.now()), round(time.monotonic() - clock, 3))


def _try(run: Run, pair: Pair, writer: DynamoDBTransport) -> tuple[CanaryState, str | None]:
    table = describe_table(run.clients.target, pair.target)
    if table is None:
        return FAILED, f"there is no table {pair.target}"
    refuse_older_copy(run, pair)
    if table.stream:
        return NOT_TRIED, "the target has a stream, whose consumers would see the canary"
    key, backoff = reserved_key(table.key), Backoff()
    left = _held(writer, pair.target, key, backoff)
    if left is not None:
        if not is_canary(left, key):
            return NOT_TRIED, "an item of the table's own has the reserved key; it was left alone"
        _delete(writer, pair.target, key, left, backoff)
    item = key | {MARK: {"S": f"{run.id} {format_timestamp(run.now())}"}, PROBE: CONTENT}
    _put(writer, pair.target, item, key, backoff)
    try:
        found = _held(writer, pair.target, key, backoff)
        if found is None or digest(found) != digest(item):
            raise TransferError("the canary was acknowledged and is not what a consistent read finds")
    finally:
        _delete(writer, pair.target, key, item, backoff)
    if _held(writer, pair.target, key, backoff) is not None:
        raise TransferError(f"the canary was deleted and is still there: delete {json.dumps(key)} by hand")
    return DONE, "what an earlier run had left behind was removed first" if left is not None else None


def reserved_key(schema: tuple[KeyAttribute, ...]) -> Item:
    """The key no application uses: a fixed text, the same as bytes, or the smallest number there is."""
    values = {"S": RESERVED, "N": RESERVED_NUMBER, "B": base64.b64encode(RESERVED.encode()).decode()}
    return {k.name: {k.type: values[k.type]} for k in schema}


def is_canary(item: Item, key: Item) -> bool:
    """Whether an item under the reserved key is one of ours, by every attribute it has."""
    mark = item.get(MARK) or {}
    return set(item) == {*key, MARK, PROBE} and "S" in mark and digest({PROBE: item[PROBE]}) == digest({PROBE: CONTENT})


def _held(transport: DynamoDBTransport, table: str, key: Item, backoff: Backoff) -> Item | None:
    return next(iter(read_keys(transport, table, [key], backoff)), None)


def _put(transport: DynamoDBTransport, table: str, item: Item, key: Item, backoff: Backoff) -> None:
    """Write where nothing is. A refused condition is told by the read after it: it may be our own lost answer."""
    request = {
        "TableName": table,
        "Item": item,
        "ConditionExpression": "attribute_not_exists(#k)",
        "ExpressionAttributeNames": {"#k": next(iter(key))},
    }
    _send(transport, "PutItem", table, request, backoff)


def _delete(transport: DynamoDBTransport, table: str, key: Item, canary: Item, backoff: Backoff) -> None:
    """Delete exactly this canary; another item under its key, or none, stays as it is."""
    request = {
        "TableName": table,
        "Key": key,
        "ConditionExpression": "#m = :m",
        "ExpressionAttributeNames": {"#m": MARK},
        "ExpressionAttributeValues": {":m": canary[MARK]},
    }
    try:
        _send(transport, "DeleteItem", table, request, backoff)
    except TransferError as error:
        raise TransferError(f"the canary could not be deleted: {error}; delete {json.dumps(key)} by hand") from None


def _send(transport: DynamoDBTransport, operation: str, table: str, request: dict[str, Any], backoff: Backoff) -> None:
    body, pauses = json.dumps(request).encode(), backoff.pauses()
    while True:
        try:
            transport.write_item(operation, table, body)
            return
        except TransportError as error:
            if error.code == TAKEN:
                return
            if not error.retryable:
                raise
            last: TransferError = error
        except BrokenAnswer as error:
            last = error
        pause = next(pauses, None)
        if pause is None:
            raise last
        backoff.sleep(pause)
