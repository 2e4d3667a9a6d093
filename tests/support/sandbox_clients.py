"""A client for each side of one sandbox."""

from __future__ import annotations

import json
import time
import urllib.request
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

from runbook_lib.sandbox import Sandbox

EXPORT_SECONDS = 0.3


@dataclass(frozen=True)
class SandboxClients:
    """Clients of one sandbox and its control calls."""

    sandbox: Sandbox
    source: Any
    target: Any
    s3: Any
    export_seconds: float = EXPORT_SECONDS

    def client(self, service: str, region: str = "us-east-1", **config: Any) -> Any:
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=self.sandbox.endpoint,
            aws_access_key_id="sandbox",
            aws_secret_access_key="sandbox",
            config=Config(retries={"total_max_attempts": 1, "mode": "standard"}, **config),
        )

    def control(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.sandbox.endpoint + path, data=data, method=method)
        with urllib.request.urlopen(request) as reply:
            return json.load(reply)

    def arn(self, table: str, region: str = "us-east-1") -> str:
        return f"arn:aws:dynamodb:{region}:{self.sandbox.account}:table/{table}"

    def export(self, table: str, **extra: Any) -> dict[str, Any]:
        """Start an export and wait for its end."""
        request = {"TableArn": self.arn(table), "S3Bucket": "runbook-staging", "S3Prefix": "test", **extra}
        arn = self.source.export_table_to_point_in_time(**request)["ExportDescription"]["ExportArn"]
        return self.finished(arn)

    def finished(self, arn: str) -> dict[str, Any]:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            description = self.source.describe_export(ExportArn=arn)["ExportDescription"]
            if description["ExportStatus"] != "IN_PROGRESS":
                return dict(description)
            time.sleep(0.05)
        raise AssertionError(f"{arn} is still in progress")

    def read(self, key: str) -> bytes:
        # closing: as a context manager the body gives its raw stream, which does not check the length.
        with closing(self.s3.get_object(Bucket="runbook-staging", Key=key)["Body"]) as body:
            return bytes(body.read())

    def put_all(self, table: str, items: list[dict[str, Any]]) -> None:
        for start in range(0, len(items), 25):
            chunk = [{"PutRequest": {"Item": item}} for item in items[start : start + 25]]
            reply = self.source.batch_write_item(RequestItems={table: chunk})
            assert not reply["UnprocessedItems"]
