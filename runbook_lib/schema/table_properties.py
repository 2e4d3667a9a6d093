"""What CreateTable and CloudFormation spell alike: a table's keys, indexes, capacity and class.

Settings that a table does not have are left out, so that the service's default holds. Pure.
"""

from __future__ import annotations

from typing import Any

from runbook_lib.aws.dynamodb.describe.definition import IndexDefinition, TableDefinition, Throughput

Json = dict[str, Any]


def table_properties(table: TableDefinition) -> Json:
    """The part of a table's definition that both spell alike."""
    parts = [table.key, *(i.key for i in (*table.global_indexes, *table.local_indexes))]
    types = {k.name: k.type for key in parts for k in key}
    return drop_none(
        AttributeDefinitions=[{"AttributeName": a, "AttributeType": types[a]} for a in sorted(types)],
        KeySchema=[{"AttributeName": k.name, "KeyType": k.role} for k in table.key],
        BillingMode=table.billing,
        **_throughput(table.provisioned, table.on_demand),
        GlobalSecondaryIndexes=[_index(i) for i in table.global_indexes],
        LocalSecondaryIndexes=[_index(i) for i in table.local_indexes],
        TableClass=table.table_class if table.table_class != "STANDARD" else None,
    )


def drop_none(**properties: Any) -> Json:
    """The properties that have a value."""
    return {name: value for name, value in properties.items() if value not in (None, [])}


def _index(index: IndexDefinition) -> Json:
    attributes = {"NonKeyAttributes": list(index.attributes)} if index.attributes else {}
    return {
        "IndexName": index.name,
        "KeySchema": [{"AttributeName": k.name, "KeyType": k.role} for k in index.key],
        "Projection": {"ProjectionType": index.projection, **attributes},
        **_throughput(index.provisioned, index.on_demand),
    }


def _throughput(provisioned: Throughput | None, on_demand: Throughput | None) -> Json:
    found: Json = {}
    if provisioned:
        found["ProvisionedThroughput"] = {
            "ReadCapacityUnits": provisioned.read,
            "WriteCapacityUnits": provisioned.write,
        }
    if on_demand:
        limits = {"MaxReadRequestUnits": on_demand.read, "MaxWriteRequestUnits": on_demand.write}
        found["OnDemandThroughput"] = {name: value for name, value in limits.items() if value is not None}
    return found
