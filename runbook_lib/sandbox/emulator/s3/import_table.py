"""ImportTable, DescribeImport and ListImports as AWS has them; moto's own counts characters and hides the table.

An import makes a new table, which is CREATING until all objects under the prefix are read. A line that is no
item of the table is an error and the rest goes on; an object that is malformed is skipped from there. Of items
with the same key one remains, and none of them is an error. Only DynamoDB JSON, plain or in GZIP. A token finds its
import while that runs, whatever else is asked for then; afterwards its table is in the way before the token is looked
at (scylladb's conformance tests, run against AWS, PR 31619).
Source: "Import format quotas and validation", Developer Guide.
"""

from __future__ import annotations

import copy
import gzip
import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from moto.dynamodb.models.table import Table

from runbook_lib.sandbox.emulator.replies import AwsError, dumps, invalid
from runbook_lib.sandbox.emulator.rules.keys import check_index_keys, check_primary_key
from runbook_lib.sandbox.emulator.rules.values import check_item
from runbook_lib.sandbox.emulator.store import Store, set_status, stored, table_id

FORBIDDEN = ("LocalSecondaryIndexes", "StreamSpecification", "Tags", "DeletionProtectionEnabled", "TableClass")
# Return the contents of all objects of an account's bucket under a prefix, by key.
ReadPrefix = Callable[[str, str, str], dict[str, bytes]]


@dataclass(slots=True)
class ImportJob:
    """One import; `description` is what DescribeImport returns and changes as the import goes on."""

    description: dict[str, Any]
    request: dict[str, Any]


class ImportJobs:
    """Take, carry out and describe imports for all accounts and regions."""

    def __init__(self, store: Store, read_prefix: ReadPrefix, seconds: float) -> None:
        self._store = store
        self._read_prefix = read_prefix
        self._seconds = seconds
        self._imports: dict[str, ImportJob] = {}
        self._tokens: dict[tuple[str, str, str], ImportJob] = {}
        self._lock = threading.Lock()

    def import_table(self, account: str, region: str, request: dict[str, Any]) -> bytes:
        """Answer ImportTable; the import goes on after the reply."""
        if request.get("InputFormat") != "DYNAMODB_JSON":
            raise invalid("The sandbox reads InputFormat DYNAMODB_JSON only")
        if request.get("InputCompressionType", "NONE") not in ("NONE", "GZIP"):
            raise invalid("The sandbox reads InputCompressionType NONE and GZIP only")
        if not request.get("ClientToken"):
            raise invalid("1 validation error detected: Value null at 'clientToken': Member must not be null")
        with self._store.locked(), self._lock:
            token, name = request["ClientToken"], request["TableCreationParameters"]["TableName"]
            known = self._tokens.get((account, region, token))
            if known is not None and known.description["ImportStatus"] == "IN_PROGRESS":
                # Whatever else is asked for now: only another table's name is a conflict.
                if known.request["TableCreationParameters"]["TableName"] != name:
                    raise AwsError("ImportConflictException", f"Import with client token {token} is of another table")
                return dumps({"ImportTableDescription": known.description})
            table = self._create(account, region, request["TableCreationParameters"])
            made = self._register(table, request, token)
            self._tokens[account, region, token] = made
            reply = dumps({"ImportTableDescription": made.description})
        threading.Thread(target=self._carry_out, args=(made, table, account), daemon=True).start()
        return reply

    def describe_import(self, account: str, region: str, request: dict[str, Any]) -> bytes:
        """Answer DescribeImport."""
        arn = request.get("ImportArn", "")
        with self._lock:
            known = self._imports.get(arn)
            if known is None or arn.split(":")[3:5] != [region, account]:
                raise AwsError("ImportNotFoundException", f"Import not found: {arn}")
            return dumps({"ImportTableDescription": known.description})

    def list_imports(self, account: str, region: str, request: dict[str, Any]) -> bytes:
        """Answer ListImports in one page."""
        wanted = request.get("TableArn")
        names = ("ImportArn", "ImportStatus", "TableArn", "S3BucketSource", "CloudWatchLogGroupArn", "InputFormat")
        with self._lock:
            found = [
                {name: made.description[name] for name in names}
                for arn, made in self._imports.items()
                if arn.split(":")[3:5] == [region, account] and wanted in (None, made.description["TableArn"])
            ]
        return dumps({"ImportSummaryList": found})

    def _create(self, account: str, region: str, wanted: dict[str, Any]) -> Table:
        """The new table, CREATING; it takes what TableCreationParameters has and nothing else."""
        if unknown := [name for name in FORBIDDEN if name in wanted]:
            raise invalid(f"TableCreationParameters has no {', '.join(unknown)}")
        if self._store.find(account, region, wanted["TableName"]) is not None:
            raise AwsError("ResourceInUseException", f"Table already exists: {wanted['TableName']}")
        table = self._store.backend(account, region).create_table(
            wanted["TableName"],
            schema=wanted["KeySchema"],
            throughput=wanted.get("ProvisionedThroughput"),
            attr=wanted["AttributeDefinitions"],
            global_indexes=wanted.get("GlobalSecondaryIndexes") or [],
            indexes=[],
            streams=None,
            billing_mode=wanted.get("BillingMode", "PROVISIONED"),
            sse_specification=wanted.get("SSESpecification"),
            tags=[],
            deletion_protection_enabled=False,
            warm_throughput=None,
        )
        set_status(table, "CREATING")
        return table

    def _register(self, table: Table, request: dict[str, Any], token: str) -> ImportJob:
        place = table.table_arn.split(":")[3:5]
        arn = f"{table.table_arn}/import/{int(time.time() * 1000):014}-{secrets.token_hex(4)}"
        description = {
            "ImportArn": arn,
            "ImportStatus": "IN_PROGRESS",
            "TableArn": table.table_arn,
            "TableId": table_id(table),
            "ClientToken": token,
            "S3BucketSource": request["S3BucketSource"],
            "ErrorCount": 0,
            "CloudWatchLogGroupArn": f"arn:aws:logs:{':'.join(place)}:log-group:/aws-dynamodb/imports:*",
            "InputFormat": request["InputFormat"],
            "InputCompressionType": request.get("InputCompressionType", "NONE"),
            "TableCreationParameters": request["TableCreationParameters"],
            "StartTime": time.time(),
            "ProcessedSizeBytes": 0,
            "ProcessedItemCount": 0,
            "ImportedItemCount": 0,
        }
        made = self._imports[arn] = ImportJob(description, copy.deepcopy(request))
        return made

    def _carry_out(self, made: ImportJob, table: Table, account: str) -> None:
        """Read everything under the prefix, and nothing but the prefix says what that is."""
        source = made.request["S3BucketSource"]
        time.sleep(self._seconds)
        try:
            with self._store.locked():
                objects = self._read_prefix(account, source["S3Bucket"], source.get("S3KeyPrefix", ""))
            counts = self._load(made, table, objects)
        except AwsError as error:
            outcome = {"ImportStatus": "FAILED", "FailureCode": error.code, "FailureMessage": str(error)}
        else:
            outcome = counts | {"ImportStatus": "COMPLETED"}
            if counts["ErrorCount"]:
                outcome |= {
                    "ImportStatus": "FAILED",
                    "FailureCode": "ItemValidationError",
                    "FailureMessage": "Some of the items failed validation checks. Please check CloudWatch error logs",
                }
        with self._store.locked(), self._lock:
            set_status(table, "ACTIVE")
            made.description.update(outcome, EndTime=time.time())

    def _load(self, made: ImportJob, table: Table, objects: dict[str, bytes]) -> dict[str, Any]:
        size = processed = imported = 0
        for content in objects.values():
            text = content
            if made.request.get("InputCompressionType") == "GZIP":
                try:
                    text = gzip.decompress(content)
                except (OSError, EOFError):
                    processed += 1  # the object itself is malformed: one error, and nothing of it is read
                    continue
            size += len(text)
            for line in filter(None, map(bytes.strip, text.split(b"\n"))):
                processed += 1
                try:
                    item = json.loads(line)["Item"]
                except (ValueError, KeyError, TypeError):
                    break  # "we may skip processing the remaining portion of the object"
                imported += self._put(table, item)
        return {
            "ProcessedSizeBytes": size,
            "ProcessedItemCount": processed,
            "ImportedItemCount": imported,
            "ErrorCount": processed - imported,
        }

    def _put(self, table: Table, item: Any) -> bool:
        """Store an item, whatever had its key before; false for one that the table does not take."""
        try:
            size = check_item(item)
            check_primary_key(table, item)
            check_index_keys(table, item)
        except AwsError:
            return False
        with self._store.locked():
            self._store.put(table, stored(table, item, size))
        return True
