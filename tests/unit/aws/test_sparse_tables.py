"""A server that says less of a table than AWS does: what a table must have is asked for by name, all else is not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from runbook_lib.aws.dynamodb.describe.capacity import describe_capacity
from runbook_lib.aws.dynamodb.describe.tables import NOT_TOLD, description_of
from runbook_lib.errors import ConfigError

KEY = [{"AttributeName": "id", "KeyType": "HASH"}]
TABLE: dict[str, Any] = {
    "TableName": "t", "TableArn": "arn:aws:dynamodb:us-east-1:111122223333:table/t", "KeySchema": KEY,
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "GlobalSecondaryIndexes": [{"IndexName": "i", "KeySchema": KEY}],
}  # fmt: skip


def test_what_no_decision_needs_may_be_left_out() -> None:
    """There is no TableStatus, ProvisionedThroughput or Projection in it, as some servers have none."""
    found = description_of(TABLE)
    assert (found.status, found.indexes[0].projection, found.billing) == (NOT_TOLD, NOT_TOLD, "PROVISIONED")
    client = SimpleNamespace(
        describe_table=lambda TableName: {"Table": TABLE},
        exceptions=SimpleNamespace(ResourceNotFoundException=KeyError),
    )
    told = describe_capacity(client, "t")
    assert told is not None
    _, capacity = told
    assert (capacity.read_units, capacity.write_units, capacity.index_units) == (None, None, {"i": 0})


@pytest.mark.parametrize("missing", ["TableArn", "AttributeDefinitions", "KeySchema"])
def test_what_a_table_must_have_is_named_where_it_is_missing(missing: str) -> None:
    with pytest.raises(ConfigError, match=f"DescribeTable of t should .* does not say {missing}"):
        description_of({name: said for name, said in TABLE.items() if name != missing})
