"""A foreign process that goes on writing to tables of the sandbox: puts, changes and deletes, until it is ended.

python -m runbook_lib.sandbox.demo.live_writer ENDPOINT REGION TABLE...
"""

from __future__ import annotations

import itertools
import sys
import time
from typing import Any

from runbook_lib.sandbox.client import sandbox_client

PAUSE_SECONDS = 0.05
TAKEN = 20  # items of a table that are written to again and again


def write_for_ever(endpoint: str, region: str, tables: list[str]) -> None:
    """Write to each table in turn; an item that was deleted comes back in the next round."""
    client = sandbox_client("dynamodb", endpoint, region)
    items = {table: client.scan(TableName=table, Limit=TAKEN)["Items"] for table in tables}
    for number in itertools.count():
        for table in tables:
            write_once(client, table, items[table], number)
            time.sleep(PAUSE_SECONDS)


def write_once(client: Any, table: str, items: list[dict[str, Any]], number: int) -> None:
    """One change: two puts of an item, then a delete of it, and so on with the next."""
    keys = [k["AttributeName"] for k in client.describe_table(TableName=table)["Table"]["KeySchema"]]
    item = items[number // 3 % len(items)]
    if number % 3 == 2:
        client.delete_item(TableName=table, Key={name: item[name] for name in keys})
    else:
        client.put_item(TableName=table, Item=item | {"written": {"N": str(number)}})


if __name__ == "__main__":
    write_for_ever(sys.argv[1], sys.argv[2], sys.argv[3:])
