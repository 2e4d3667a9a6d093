"""A small estate in the embedded AWS: source tables, their targets, a bucket and a migration file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
import uuid
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from runbook_lib.run.run import Run, open_run
from runbook_lib.sandbox import demo_config
from runbook_lib.sandbox.client import sandbox_client

Item = dict[str, Any]
ACCOUNT = "111122223333"
ID = [{"AttributeName": "id", "KeyType": "HASH"}]
ID_TYPES = [{"AttributeName": "id", "AttributeType": "S"}]


@cache
def _client(service: str, endpoint: str, region: str) -> Any:
    """One client for all tests of a process: making it takes longer than most of what they ask."""
    return sandbox_client(service, endpoint, region)


@dataclass
class World:
    """Tables are called `<tag>-src-<name>` and `<tag>-dst-<name>`; the tag is the test's own."""

    endpoint: str
    folder: Path
    tag: str = field(default_factory=lambda: "t" + uuid.uuid4().hex[:8])

    def __post_init__(self) -> None:
        self.source = _client("dynamodb", self.endpoint, "us-east-1")
        self.target = _client("dynamodb", self.endpoint, "us-east-2")
        self.s3 = _client("s3", self.endpoint, "us-east-2")
        self.bucket = f"{self.tag}-staging"
        self.s3.create_bucket(Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": "us-east-2"})

    def src(self, name: str) -> str:
        return f"{self.tag}-src-{name}"

    def dst(self, name: str) -> str:
        return f"{self.tag}-dst-{name}"

    def table(self, client: Any, name: str, **definition: Any) -> None:
        wanted = {"KeySchema": ID, "AttributeDefinitions": ID_TYPES, "BillingMode": "PAY_PER_REQUEST"} | definition
        client.create_table(TableName=name, **wanted)

    def pair(self, name: str, items: list[Item] | None = None, pitr: bool = True, **definition: Any) -> None:
        """A source table with items and an empty target."""
        self.table(self.source, self.src(name), **definition)
        self.table(self.target, self.dst(name), **definition)
        if pitr:
            self.source.update_continuous_backups(
                TableName=self.src(name), PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
            )
        self.put(self.source, self.src(name), items or [])

    def put(self, client: Any, table: str, items: list[Item]) -> None:
        for start in range(0, len(items), 25):
            puts = [{"PutRequest": {"Item": item}} for item in items[start : start + 25]]
            assert not client.batch_write_item(RequestItems={table: puts})["UnprocessedItems"]

    def items(self, client: Any, table: str) -> list[Item]:
        return [i for page in client.get_paginator("scan").paginate(TableName=table) for i in page["Items"]]

    def config(self, **changes: Any) -> Path:
        """A migration file for all tables of this world; a change that is a dict goes into its section."""
        prefix = f"{self.tag}-src-"
        settings = demo_config(self.endpoint, ACCOUNT)
        settings["name"] = "test"
        settings["staging"]["bucket"] = self.bucket
        settings["tables"] = {
            "include": [prefix + "*"],
            "rename": {"pattern": prefix + "(?P<name>.+)", "to": f"{self.tag}-dst-{{name}}"},
        }
        settings["export"]["poll_seconds"] = 0.1
        settings["references"] = {"in_preflight": False}  # seventeen clients; what they find has tests of its own
        for section, change in changes.items():
            known = settings.get(section)
            settings[section] = known | change if isinstance(known, dict) and isinstance(change, dict) else change
        file = self.folder / f"{uuid.uuid4().hex[:6]}.yaml"
        file.write_text(yaml.safe_dump(settings), encoding="utf-8")
        return file

    def open(self, run_id: str = "r", execute: bool = True, **changes: Any) -> Run:
        return open_run(str(self.config(**changes)), run_id, execute)

    def runbook(
        self, *arguments: str | Path, timeout: float = 400, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the command as a user would, in a process of its own."""
        return subprocess.run(
            [sys.executable, "-m", "runbook_lib", *map(str, arguments)],
            capture_output=True, text=True, timeout=timeout, env=os.environ | environment, check=False,
        )  # fmt: skip

    def record(self, run_id: str) -> dict[str, Any]:
        file = self.folder / "reports" / run_id / "run.json"
        data: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return data

    def put_object(self, key: str, body: bytes) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)

    def let_pass(self, name: str, minutes: float) -> None:
        """Let time pass for a source table alone."""
        self.let_table_pass(f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/{self.src(name)}", minutes)

    def let_target_pass(self, name: str, minutes: float) -> None:
        """Let time pass for a target table alone."""
        self.let_table_pass(f"arn:aws:dynamodb:us-east-2:{ACCOUNT}:table/{self.dst(name)}", minutes)

    def let_table_pass(self, arn: str, minutes: float) -> None:
        """Let time pass for any one table."""
        self._control("POST", {"seconds": 60 * minutes, "table": arn}, path="clock")

    def split_stream(self, name: str) -> None:
        """Have each open shard of a source table's stream end now, and be followed by two."""
        arn = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/{self.src(name)}"
        self._control("POST", {"table": arn}, path="split")

    def fault(self, **fault: Any) -> None:
        """Make the embedded AWS misbehave, see runbook_lib.sandbox.server.faults."""
        self._control("POST", fault)

    def faults(self) -> Any:
        return self._control("GET")

    def clear_faults(self) -> None:
        self._control("DELETE")

    def acknowledged(self) -> int:
        """Items of BatchWriteItem that the target region has answered for, over all tables."""
        wanted = ("BatchWriteItem", "us-east-2")
        rows = self._control("GET", path="requests")
        return sum(row.get("acknowledged", 0) for row in rows if (row["operation"], row["region"]) == wanted)

    def requests(self, operation: str) -> int:
        """How many requests of an operation there have been, in both regions."""
        return sum(row["count"] for row in self._control("GET", path="requests") if row["operation"] == operation)

    def asked(self) -> Counter[str]:
        """How many requests there have been of each operation in each region."""
        rows = self._control("GET", path="requests")
        return Counter({f"{row['operation']} {row['region']}": row["count"] for row in rows})

    def _control(self, method: str, body: Any = None, path: str = "faults") -> Any:
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.endpoint}/_sandbox/{path}", data, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)


def indexed_by(attribute: str, kind: str, **projection: Any) -> dict[str, Any]:
    """The definition of a table with one global index, called `by-<attribute>`."""
    return {
        "AttributeDefinitions": [*ID_TYPES, {"AttributeName": attribute, "AttributeType": kind}],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": f"by-{attribute}",
                "KeySchema": [{"AttributeName": attribute, "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"} | projection,
            }
        ],
    }


def things(count: int, **more: Any) -> list[Item]:
    """Items with an id and a number."""
    return [{"id": {"S": f"i{n:05}"}, "n": {"N": str(n)}} | more for n in range(count)]
