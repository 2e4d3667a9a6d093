"""StartBulkPutItems and its siblings, as AWS's service model describes them; moto has none.

A bulk put writes every line under a prefix into a table that is there. A line that is no item ends its object and
counts as one failure; an item that the table does not take is a failure by itself. What was not written stands in the
output, whose layout is this sandbox's own: AWS's is not documented. The token finds its operation for eight hours,
whether that still runs or not; with another request it is a mismatch.
"""

from __future__ import annotations

import copy
import gzip
import io
import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from moto.dynamodb.models.table import Table

from runbook_lib.export_format.writer import Put
from runbook_lib.sandbox.emulator.replies import AwsError, dumps, invalid
from runbook_lib.sandbox.emulator.rules.keys import check_index_keys, check_primary_key
from runbook_lib.sandbox.emulator.rules.values import check_item
from runbook_lib.sandbox.emulator.s3.import_table import ReadPrefix
from runbook_lib.sandbox.emulator.store import Store, stored, table_id

BULK_OPERATIONS = frozenset({"StartBulkPutItems", "DescribeBulkOperation", "ListBulkOperations", "CancelBulkOperation"})
TOKEN_SECONDS = 8 * 3600.0
LEAST_RATE, AT_ONCE, PAGE, LARGEST_PAGE = 1024, 50, 10, 25
ERROR, CONDITION = "ERROR", "CONDITION_CHECK_FAILURE"
# What may be made to go wrong: a record that ends its object, writes that are held up, an operation that is stopped or
# fails half-way, and items that a condition keeps out although none was asked for.
FAULTS = frozenset({"bad-record", "slow-bulk", "cancelled-bulk", "failed-bulk", "kept-out"})
SLOWER = 3  # times as long, where writes are held up


@dataclass(slots=True)
class BulkJob:
    """One operation; `description` is what DescribeBulkOperation returns and changes as it goes on."""

    description: dict[str, Any]
    request: dict[str, Any]
    table: Table
    account: str
    fault: str | None
    cancelled: bool = False
    size: int = 0
    told: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {ERROR: [], CONDITION: []})


class BulkPutJobs:
    """Take, carry out, list and cancel bulk puts for all accounts and regions."""

    def __init__(
        self, store: Store, read_prefix: ReadPrefix, open_bucket: Callable[[str, str], Put], seconds: float
    ) -> None:
        self._store, self._read_prefix, self._open_bucket = store, read_prefix, open_bucket
        self._seconds = seconds
        self._jobs: dict[str, BulkJob] = {}
        self._lock = threading.Lock()

    def answer(self, operation: str, account: str, region: str, request: dict[str, Any], fault: str | None) -> bytes:
        """Answer one of `BULK_OPERATIONS`."""
        if operation == "StartBulkPutItems":
            return self._start(account, region, request, fault if fault in FAULTS else None)
        serve = {"DescribeBulkOperation": self._describe, "ListBulkOperations": self._list}.get(operation, self._cancel)
        return serve(account, region, request)

    def _start(self, account: str, region: str, request: dict[str, Any], fault: str | None) -> bytes:
        """Answer StartBulkPutItems; the operation goes on after the reply."""
        _check_request(request)
        with self._store.locked(), self._lock:
            table = self._store.table(account, region, request["TableName"])
            if (known := self._of_token(account, region, request)) is not None:
                return dumps({"BulkOperationDescription": known.description})
            running = [job for job in self._jobs.values() if job.description["BulkOperationStatus"] == "IN_PROGRESS"]
            if any(job.table is table for job in running):
                raise AwsError("ResourceInUseException", f"A bulk operation on {table.name} is in progress")
            if len(running) >= AT_ONCE:
                raise AwsError("LimitExceededException", "Too many bulk operations are in progress")
            job = self._register(table, account, region, request, fault)
            reply = dumps({"BulkOperationDescription": job.description})
        threading.Thread(target=self._carry_out, args=(job,), daemon=True).start()
        return reply

    def _describe(self, account: str, region: str, request: dict[str, Any]) -> bytes:
        """Answer DescribeBulkOperation."""
        with self._lock:
            return dumps({"BulkOperationDescription": self._job(account, region, request).description})

    def _cancel(self, account: str, region: str, request: dict[str, Any]) -> bytes:
        """Answer CancelBulkOperation; what was written stays."""
        with self._lock:
            job = self._job(account, region, request)
            job.cancelled = True
            if job.description["BulkOperationStatus"] == "IN_PROGRESS":
                job.description["BulkOperationStatus"] = "CANCELLING"
            names = ("BulkOperationArn", "BulkOperationStatus")
            return dumps({name: job.description[name] for name in names})

    def _list(self, account: str, region: str, request: dict[str, Any]) -> bytes:
        """Answer ListBulkOperations, the newest first."""
        size = request.get("MaxResults", PAGE)
        if not 1 <= size <= LARGEST_PAGE:
            raise invalid(f"MaxResults must be between 1 and {LARGEST_PAGE}")
        at = int(request.get("NextToken") or "0", 16)
        names = ("BulkOperationArn", "BulkOperationStatus", "StartTime", "EndTime")
        with self._lock:
            own = [job.description for arn, job in self._jobs.items() if arn.split(":")[3:5] == [region, account]]
            page = [{n: one[n] for n in names if n in one} for one in own[::-1][at : at + size]]
            more = {"NextToken": f"{at + size:016x}"} if at + size < len(own) else {}
            return dumps({"BulkOperationsSummaryList": page} | more)

    def _job(self, account: str, region: str, request: dict[str, Any]) -> BulkJob:
        arn = request.get("BulkOperationArn", "")
        if arn not in self._jobs or arn.split(":")[3:5] != [region, account]:
            raise AwsError("ResourceNotFoundException", f"Bulk operation not found: {arn}")
        return self._jobs[arn]

    def _of_token(self, account: str, region: str, request: dict[str, Any]) -> BulkJob | None:
        """The operation that the request's token has started."""
        for arn, job in self._jobs.items():
            said = job.description
            if said["ClientToken"] != request["ClientToken"] or arn.split(":")[3:5] != [region, account]:
                continue
            if time.time() - said["StartTime"] > TOKEN_SECONDS:
                continue
            if job.request != request:
                raise AwsError("IdempotentParameterMismatchException", "The token was used with other parameters")
            return job
        return None

    def _register(self, table: Table, account: str, region: str, request: dict[str, Any], fault: str | None) -> BulkJob:
        number = f"{int(time.time() * 1000):014}-{secrets.token_hex(4)}"
        arn = f"arn:aws:dynamodb:{region}:{account}:bulk-operation/{number}"
        description = {
            "BulkOperationArn": arn,
            "BulkOperationStatus": "IN_PROGRESS",
            "TableDetails": [{"TableName": table.table_arn, "TableId": table_id(table)}],
            "ClientToken": request["ClientToken"],
            "InputS3Configuration": {"InputCompressionType": "NONE"} | request["InputS3Configuration"],
            "OutputS3Configuration": request["OutputS3Configuration"],
            "StartTime": time.time(),
            "ProcessedItemCount": 0,
            "ProcessedInputBytes": 0,
            "FailedItemCount": 0,
            "PerformanceTier": request.get("PerformanceTier", "STANDARD"),
        }
        if "MaxWriteRequestUnits" in request:
            description["MaxWriteRequestUnits"] = request["MaxWriteRequestUnits"]
        job = self._jobs[arn] = BulkJob(description, copy.deepcopy(request), table, account, fault)
        return job

    def _carry_out(self, job: BulkJob) -> None:
        source = job.request["InputS3Configuration"]
        time.sleep(self._seconds * (SLOWER if job.fault == "slow-bulk" else 1))
        try:
            with self._store.locked():
                objects = self._read_prefix(job.account, source["S3Bucket"], source.get("S3KeyPrefix", ""))
            self._note(job, TotalInputBytes=sum(map(len, objects.values())))
            self._load(job, objects)
            with self._store.locked():
                self._write_output(job)
        except AwsError as error:
            end = {"BulkOperationStatus": "FAILED", "FailureCode": error.code, "FailureMessage": str(error)}
        else:
            failed = job.description["FailedItemCount"]
            end = {"BulkOperationStatus": "COMPLETED_WITH_ERRORS" if failed else "COMPLETED"}
            if job.cancelled:
                end = {
                    "BulkOperationStatus": "CANCELLED", "FailureCode": "Cancelled",
                    "FailureMessage": "The operation was cancelled",
                }  # fmt: skip
        self._note(job, **end, EndTime=time.time())

    def _note(self, job: BulkJob, **members: Any) -> None:
        with self._lock:
            job.description.update(members)

    def _load(self, job: BulkJob, objects: dict[str, bytes]) -> None:
        for key, content in sorted(objects.items()):
            if job.cancelled:
                return
            try:
                text = gzip.decompress(content) if _is_packed(job) else content
            except (OSError, EOFError):
                self._count(job, 0, failed=True)
                job.told[ERROR].append({"errorCode": "InvalidObject", "object": key})
                continue
            lines = [line for line in map(bytes.strip, text.split(b"\n")) if line]
            for number, line in enumerate(lines):
                half = 2 * number >= len(lines) > 1
                if half and job.fault == "failed-bulk":
                    raise AwsError("S3AccessDenied", "Access to the input was lost")
                if half and job.fault == "cancelled-bulk":
                    job.cancelled = True
                    return
                is_bad = half and job.fault == "bad-record"
                if is_bad:
                    job.fault = None  # one object of all
                if not self._put_line(job, key, number, line, is_bad=is_bad):
                    break  # what follows in the object is not read, and not counted
            self._note(job, ProcessedInputBytes=job.description["ProcessedInputBytes"] + len(content))

    def _put_line(self, job: BulkJob, key: str, number: int, line: bytes, *, is_bad: bool) -> bool:
        """Put one line's item; false where the rest of its object is given up."""
        try:
            record = json.loads(line)
            item = record["Item"]
            if is_bad or record.keys() != {"Item"}:  # how conditions are spelled is not known here
                raise ValueError
        except (ValueError, KeyError, TypeError, AttributeError):
            self._count(job, 0, failed=True)
            job.told[ERROR].append({"errorCode": "InvalidRecord", "object": key, "line": number + 1})
            return False
        if job.fault == "kept-out" and number % 2:
            self._count(job, 0, failed=False)
            job.told[CONDITION].append({"errorCode": "ConditionalCheckFailed", "attempted": item, "existing": item})
            return True
        try:
            size = check_item(item)
            check_primary_key(job.table, item)
            check_index_keys(job.table, item)
        except AwsError as error:
            self._count(job, 0, failed=True)
            job.told[ERROR].append({"errorCode": "ValidationError", "message": str(error), "record": item})
            return True
        with self._store.locked():
            self._store.put(job.table, stored(job.table, item, size))
        self._count(job, size, failed=False)
        return True

    def _count(self, job: BulkJob, size: int, *, failed: bool) -> None:
        job.size += size
        said = job.description
        usage = {"TableName": job.table.table_arn, "BulkPutBytes": job.size, "Table": {"BulkPutBytes": job.size}}
        self._note(
            job, ProcessedItemCount=said["ProcessedItemCount"] + 1, FailedItemCount=said["FailedItemCount"] + failed,
            BulkOperationUsage=[usage],
        )  # fmt: skip

    def _write_output(self, job: BulkJob) -> None:
        place = job.request["OutputS3Configuration"]
        put = self._open_bucket(job.account, place["S3Bucket"])
        folder = f"{place.get('S3KeyPrefix', '')}{job.description['BulkOperationArn'].rpartition('/')[2]}/"
        written = []
        for kind, records in job.told.items():
            if records and kind in place["OutputType"]:
                written.append(f"{folder}{kind.lower()}/00000.json.gz")
                put(written[-1], io.BytesIO(gzip.compress(b"\n".join(json.dumps(r).encode() for r in records))))
        put(f"{folder}manifest.json", io.BytesIO(json.dumps({"files": written}).encode()))


def _is_packed(job: BulkJob) -> bool:
    return bool(job.request["InputS3Configuration"].get("InputCompressionType") == "GZIP")


def _check_request(request: dict[str, Any]) -> None:
    """What AWS's model and its texts ask of a request, as far as this sandbox can do it."""
    if not request.get("ClientToken"):
        raise invalid("1 validation error detected: Value null at 'clientToken': Member must not be null")
    if request.get("MaxWriteRequestUnits", LEAST_RATE) < LEAST_RATE:
        raise invalid(
            "1 validation error detected: Value at 'maxWriteRequestUnits' failed to satisfy constraint: Member must "
            f"have value greater than or equal to {LEAST_RATE}"
        )
    source, output = request.get("InputS3Configuration") or {}, request.get("OutputS3Configuration") or {}
    if source.get("InputFormat") != "DYNAMODB_JSON":
        raise invalid("The sandbox reads InputFormat DYNAMODB_JSON only")
    if source.get("InputCompressionType", "NONE") not in ("NONE", "GZIP"):
        raise invalid("The sandbox reads InputCompressionType NONE and GZIP only")
    if not output.get("S3Bucket") or not output.get("OutputType"):
        raise invalid("OutputS3Configuration needs S3Bucket and OutputType")
