"""The tables that questions are asked about: tiny, on demand, and tagged from their first moment."""

from __future__ import annotations

from typing import Any

from runbook_lib.aws.guard.conformance_calls import TAG

_ON_DEMAND = {"BillingMode": "PAY_PER_REQUEST"}


def keyed(*keys: str, more: tuple[str, ...] = ()) -> dict[str, Any]:
    """The schema of a table: each key as NAME:TYPE, and attributes that only indexes use."""
    names = [key.partition(":") for key in (*keys, *more)]
    kinds = ("HASH", "RANGE")
    return {
        "KeySchema": [{"AttributeName": n, "KeyType": kinds[at]} for at, (n, _, _) in enumerate(names[: len(keys)])],
        "AttributeDefinitions": [{"AttributeName": n, "AttributeType": t} for n, _, t in names],
    }


def index(name: str, *keys: str, projection: dict[str, Any] | None = None) -> dict[str, Any]:
    kinds = ("HASH", "RANGE")
    return {
        "IndexName": name,
        "KeySchema": [{"AttributeName": key, "KeyType": kinds[at]} for at, key in enumerate(keys)],
        "Projection": projection or {"ProjectionType": "ALL"},
    }


FIXTURES: dict[str, dict[str, Any]] = {
    "plain": _ON_DEMAND | keyed("id:S"),
    "pages": _ON_DEMAND | keyed("id:S"),
    "second": _ON_DEMAND | keyed("id:S"),
    "ranged": _ON_DEMAND | keyed("id:S", "sort:S"),
    "numbered": _ON_DEMAND | keyed("n:N"),
    "ordered": _ON_DEMAND | keyed("id:S", "n:N"),
    "binary": _ON_DEMAND | keyed("id:B", "sort:B"),
    "indexed": _ON_DEMAND
    | keyed("id:S", more=("group:S", "rank:N"))
    | {
        "GlobalSecondaryIndexes": [
            index("all", "group"),
            index("keys", "group", projection={"ProjectionType": "KEYS_ONLY"}),
            index("some", "group", projection={"ProjectionType": "INCLUDE", "NonKeyAttributes": ["kept"]}),
            index("ranked", "group", "rank", projection={"ProjectionType": "KEYS_ONLY"}),
        ]
    },
    "local": _ON_DEMAND
    | keyed("id:S", "sort:S", more=("other:S",))
    | {"LocalSecondaryIndexes": [index("by-other", "id", "other")]},
    "streamed": _ON_DEMAND
    | keyed("id:S")
    | {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}},
    "source": _ON_DEMAND | keyed("id:S"),
    "unrecovered": _ON_DEMAND | keyed("id:S"),
    "provisioned": keyed("id:S")
    | {
        "BillingMode": "PROVISIONED",
        "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
    },
}


def tags_of_asking(asking: str) -> list[dict[str, str]]:
    return [{"Key": TAG, "Value": asking}]
