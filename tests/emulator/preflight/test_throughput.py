"""What a table says of its own write capacity is where an import begins."""

from __future__ import annotations

from typing import Any

import pytest

from runbook_lib.aws.dynamodb.describe.throughput import NEW_ON_DEMAND, write_limits
from runbook_lib.errors import TransferError
from tests.support.world import World


class Said:
    """A client whose table is described as given."""

    def __init__(self, table: dict[str, Any]) -> None:
        self.table = table

    def describe_table(self, TableName: str) -> dict[str, Any]:
        return {"Table": self.table}


ON_DEMAND = {"BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"}}


def index(**facts: Any) -> dict[str, Any]:
    return {"IndexName": "i", **facts}


@pytest.mark.parametrize(
    ("table", "start", "known", "maximum"),
    [
        ({"ProvisionedThroughput": {"WriteCapacityUnits": 500}}, 500.0, True, None),
        (
            {
                "ProvisionedThroughput": {"WriteCapacityUnits": 500},
                "GlobalSecondaryIndexes": [index(ProvisionedThroughput={"WriteCapacityUnits": 50})],
            },
            50.0, True, None,
        ),
        (ON_DEMAND, NEW_ON_DEMAND, False, None),
        (ON_DEMAND | {"WarmThroughput": {"WriteUnitsPerSecond": 12_000}}, 12_000.0, True, None),
        (
            ON_DEMAND | {"OnDemandThroughput": {"MaxReadRequestUnits": -1, "MaxWriteRequestUnits": 300}},
            NEW_ON_DEMAND, False, 300.0,
        ),
        (ON_DEMAND | {"OnDemandThroughput": {"MaxWriteRequestUnits": -1}}, NEW_ON_DEMAND, False, None),
    ],
)  # fmt: skip
def test_the_start_is_what_the_table_and_its_indexes_surely_take(
    table: dict[str, Any], start: float, known: bool, maximum: float | None
) -> None:
    limits = write_limits(Said(table), "t")
    assert (limits.start, limits.known, limits.maximum) == (start, known, maximum)


def test_a_table_that_cannot_be_described_is_not_guessed_at(world: World) -> None:
    with pytest.raises(TransferError, match="cannot describe"):
        write_limits(world.target, "nobody-knows-it")


def test_a_real_answer_is_understood(world: World) -> None:
    world.table(world.target, world.dst("a"))
    assert write_limits(world.target, world.dst("a")).mode == "PAY_PER_REQUEST"
