"""Query of an index by its whole key answers what moto answers, page by page and much sooner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from conftest import Aws

TABLE = "query-me"
TYPES = {"id": "S", "r": "N", "g": "S", "n": "N"}


def index(name: str, *key: str, **projection: Any) -> dict[str, Any]:
    schema = [{"AttributeName": a, "KeyType": k} for a, k in zip(key, ("HASH", "RANGE"), strict=False)]
    return {"IndexName": name, "KeySchema": schema, "Projection": projection}


@pytest.fixture(scope="module")
def table(aws: Aws) -> str:
    aws.source.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "r", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": t} for n, t in TYPES.items()],
        BillingMode="PAY_PER_REQUEST",
        GlobalSecondaryIndexes=[
            index("keys", "g", "n", ProjectionType="KEYS_ONLY"),
            index("some", "g", ProjectionType="INCLUDE", NonKeyAttributes=["x"]),
            index("every", "g", ProjectionType="ALL"),
        ],
        LocalSecondaryIndexes=[index("local", "id", "n", ProjectionType="ALL")],
    )
    for n in range(150):
        item = {"id": {"S": f"i{n % 9}"}, "r": {"N": str(n)}, "x": {"S": "x" * 20_000}, "y": {"NULL": True}}
        more = {"g": {"S": f"g{n % 2}"}, "n": {"N": str(n % 3)}} if n % 5 else {}
        aws.source.put_item(TableName=TABLE, Item=item | more)
    return TABLE


def asked(aws: Aws, condition: str, name: str, **key: Any) -> tuple[int, list[str]]:
    request: dict[str, Any] = {
        "TableName": TABLE, "IndexName": name, "KeyConditionExpression": condition,
        "ExpressionAttributeNames": {f"#{k}": k for k in key},
        "ExpressionAttributeValues": {f":{k}": v for k, v in key.items()},
        "Select": "ALL_PROJECTED_ATTRIBUTES", "ConsistentRead": name == "local",
    }  # fmt: skip
    pages: list[dict[str, Any]] = []
    while not pages or "LastEvaluatedKey" in pages[-1]:
        start = {"ExclusiveStartKey": pages[-1]["LastEvaluatedKey"]} if pages else {}
        pages.append(aws.source.query(**request, **start))
    return len(pages), sorted(str(sorted(item.items())) for page in pages for item in page["Items"])


@pytest.mark.parametrize(
    ("name", "key", "count", "least_pages"),
    [
        ("keys", {"g": {"S": "g1"}, "n": {"N": "2.0"}}, 20, 1),
        ("some", {"g": {"S": "g0"}}, 60, 2),
        ("every", {"g": {"S": "g1"}}, 60, 2),
        ("local", {"id": {"S": "i4"}, "n": {"N": "1"}}, None, 1),
        ("every", {"g": {"S": "nobody"}}, 0, 1),
    ],
)
def test_it_answers_as_moto_does(
    aws: Aws, table: str, name: str, key: Any, count: int | None, least_pages: int
) -> None:
    plain = " AND ".join(f"#{k} = :{k}" for k in key)
    pages, items = asked(aws, plain, name, **key)
    _, motos = asked(aws, plain.replace(" = ", "="), name, **key)  # written so that moto answers
    assert items == motos
    assert len(items) == len(set(items))
    assert count is None or len(items) == count
    assert pages >= least_pages


def test_a_global_index_has_no_consistent_reads(aws: Aws, table: str) -> None:
    with pytest.raises(ClientError, match="Consistent reads are not supported"):
        aws.source.query(
            TableName=table, IndexName="every", KeyConditionExpression="#g = :g", ConsistentRead=True,
            Select="ALL_PROJECTED_ATTRIBUTES",
            ExpressionAttributeNames={"#g": "g"}, ExpressionAttributeValues={":g": {"S": "g1"}},
        )  # fmt: skip
