"""Damage a sandbox's target tables, so that a demo can show what a FAIL looks like.

Goes around the runbook's guarded clients on purpose, as an accident would.
"""

from __future__ import annotations

from typing import Any

from runbook_lib.sandbox.client import sandbox_client
from runbook_lib.sandbox.fleet.tables import TARGET_REGION

HOW_MANY = 7


def sabotage_target(endpoint: str, kind: str) -> str:
    """Do one kind of damage to the biggest target table; returns a sentence about it."""
    client = sandbox_client("dynamodb", endpoint, TARGET_REGION)
    names = [n for page in client.get_paginator("list_tables").paginate() for n in page["TableNames"]]
    table = max(names, key=lambda name: client.describe_table(TableName=name)["Table"]["ItemCount"])
    keys = [k["AttributeName"] for k in client.describe_table(TableName=table)["Table"]["KeySchema"]]
    items = client.scan(TableName=table, Limit=HOW_MANY)["Items"]
    for item in items:
        key = {name: item[name] for name in keys}
        if kind == "lost-items":
            client.delete_item(TableName=table, Key=key)
        else:
            client.put_item(TableName=table, Item=_damaged(item, keys, kind))
    return f"sabotage  {kind}: {len(items)} items of {table}"


def _damaged(item: dict[str, Any], keys: list[str], kind: str) -> dict[str, Any]:
    if kind == "extra-items":
        return item | {keys[0]: {"S": item[keys[0]]["S"] + "-copy"}}
    return item | {"sabotaged": {"BOOL": True}}
