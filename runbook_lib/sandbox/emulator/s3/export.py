"""ExportTableToPointInTime, DescribeExport and ListExports as AWS has them, with the files it writes.

A table is shown as it was at the export's time, or with what was written in a window; a background thread writes it.
Only exports in DynamoDB JSON: ION is refused, never pretended.
"""

from __future__ import annotations

import copy
import secrets
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO

from moto.dynamodb.models.table import Table

from runbook_lib.export_format.writer import (
    ExportedWindow,
    ExportIdentity,
    ExportWriter,
    Put,
    data_file_name,
    new_export_id,
)
from runbook_lib.sandbox.emulator.replies import AwsError, dumps, invalid
from runbook_lib.sandbox.emulator.s3.filter import filter_of
from runbook_lib.sandbox.emulator.s3.incremental import Flaw, asked_window, take_window
from runbook_lib.sandbox.emulator.s3.snapshot import Snapshot, take_snapshot
from runbook_lib.sandbox.emulator.store import Store, table_id

MAX_RESULTS = 25
_CLOCK_TOLERANCE = timedelta(minutes=1)
# Return the `put` of an account's bucket; it raises AwsError when there is no such bucket.
OpenBucket = Callable[[str, str], Put]


@dataclass(slots=True)
class ExportJob:
    """One export; `description` is what DescribeExport returns and changes as the export goes on."""

    description: dict[str, Any]
    request: dict[str, Any]
    identity: ExportIdentity


class ExportJobs:
    """Take, carry out and describe exports for all accounts and regions."""

    def __init__(self, store: Store, open_bucket: OpenBucket, seconds: float) -> None:
        self._store = store
        self._open_bucket = open_bucket
        self._seconds = seconds
        self._exports: dict[str, ExportJob] = {}
        self._tokens: dict[tuple[str, str, str], ExportJob] = {}
        self._lock = threading.Lock()

    def export_table(self, account: str, region: str, request: dict[str, Any], flaw: Flaw | None = None) -> bytes:
        """Answer ExportTableToPointInTime; the export goes on after the reply. A window may have a `flaw`."""
        with self._store.locked(), self._lock:  # a snapshot and its token are one step
            token = request.get("ClientToken") or str(uuid.uuid4())
            known = self._tokens.get((account, region, token))
            if known is not None:
                if known.request != request:
                    raise AwsError(
                        "ExportConflictException",
                        f"Export with client token {token} was requested with other parameters",
                    )
                return dumps({"ExportDescription": known.description})
            table = self._exportable(account, region, request)
            now = self._store.clock.now(table.table_arn)
            window = asked_window(request, float(_recovery(table)["EarliestRestorableDateTime"]), now)
            if window is not None:
                snapshot = take_window(self._store, table, window, flaw)
                export = self._register(table, request, token, now, now.replace(microsecond=0), window)
            else:
                moment = _export_time(table, request, now)
                chosen = filter_of(table, request["FilterSpecification"]) if "FilterSpecification" in request else None
                named = moment if "ExportTime" in request else None
                snapshot = take_snapshot(self._store, table, chosen, named)
                export = self._register(table, request, token, moment, now)
            self._tokens[(account, region, token)] = export
            reply = dumps({"ExportDescription": export.description})
        threading.Thread(target=self._carry_out, args=(export, snapshot, account, self._seconds), daemon=True).start()
        return reply

    def describe_export(self, account: str, region: str, request: dict[str, Any]) -> bytes:
        """Answer DescribeExport."""
        arn = request.get("ExportArn", "")
        with self._lock:
            export = self._exports.get(arn)
            if export is None or not _belongs(arn, account, region):
                raise AwsError("ExportNotFoundException", f"Export not found: {arn}")
            return dumps({"ExportDescription": export.description})

    def list_exports(self, account: str, region: str, request: dict[str, Any]) -> bytes:
        """Answer ListExports, newest first; the token is the last ARN of the page."""
        limit = request.get("MaxResults", MAX_RESULTS)
        if not 1 <= limit <= MAX_RESULTS:
            raise invalid(
                f"1 validation error detected: Value '{limit}' at 'maxResults' failed to satisfy constraint: "
                f"Member must have value between 1 and {MAX_RESULTS}"
            )
        wanted = request.get("TableArn")
        with self._lock:
            arns = [
                arn
                for arn, export in self._exports.items()
                if _belongs(arn, account, region) and wanted in (None, export.identity.table_arn)
            ]
            arns.sort(key=_newest_first, reverse=True)
            if (previous := request.get("NextToken")) is not None:
                if previous not in arns:
                    raise invalid("Invalid NextToken")
                arns = arns[arns.index(previous) + 1 :]
            page = arns[:limit]
            summaries = [
                {
                    "ExportArn": arn,
                    "ExportStatus": self._exports[arn].description["ExportStatus"],
                    "ExportType": self._exports[arn].request.get("ExportType", "FULL_EXPORT"),
                }
                for arn in page
            ]
        reply: dict[str, Any] = {"ExportSummaries": summaries}
        if len(arns) > len(page):
            reply["NextToken"] = page[-1]
        return dumps(reply)

    def record_past_export(self, account: str, table: Table, bucket: str, prefix: str, moment: datetime) -> str:
        """Write a complete export of the present items as if it had been made at `moment`; return its ARN."""
        request = {"TableArn": table.table_arn, "S3Bucket": bucket, "S3Prefix": prefix}
        with self._store.locked(), self._lock:
            snapshot = take_snapshot(self._store, table)
            export = self._register(table, request, str(uuid.uuid4()), moment, moment)
        self._carry_out(export, snapshot, account, 0.0, ended=moment + timedelta(minutes=5))
        return export.identity.export_arn

    def _exportable(self, account: str, region: str, request: dict[str, Any]) -> Table:
        arn = request.get("TableArn", "")
        if request.get("ExportFormat", "DYNAMODB_JSON") != "DYNAMODB_JSON":
            raise invalid("The sandbox writes ExportFormat DYNAMODB_JSON only")
        if not request.get("S3Bucket"):
            raise invalid("1 validation error detected: Value null at 's3Bucket' failed to satisfy constraint")
        table = self._store.find(account, region, arn) if arn.startswith("arn:") else None
        if table is None:
            raise AwsError("TableNotFoundException", f"Table not found: {arn}")
        if _recovery(table)["PointInTimeRecoveryStatus"] != "ENABLED":
            raise AwsError(
                "PointInTimeRecoveryUnavailableException",
                f"Point in time recovery is not enabled for table '{table.name}'",
            )
        return table

    def _register(
        self,
        table: Table,
        request: dict[str, Any],
        token: str,
        moment: datetime,
        started: datetime,
        window: ExportedWindow | None = None,
    ) -> ExportJob:
        export_id = new_export_id(started, secrets.token_hex(4))
        arn = f"{table.table_arn}/export/{export_id}"
        identity = ExportIdentity(
            export_arn=arn,
            table_arn=table.table_arn,
            table_id=table_id(table),
            bucket=request["S3Bucket"],
            prefix=request.get("S3Prefix", ""),
            export_id=export_id,
            export_time=moment,
            start_time=started,
            sse_algorithm=request.get("S3SseAlgorithm", "AES256"),
            sse_kms_key_id=request.get("S3SseKmsKeyId"),
            window=window,
        )
        description: dict[str, Any] = {
            "ExportArn": arn,
            "ExportStatus": "IN_PROGRESS",
            "StartTime": started.timestamp(),
            "TableArn": table.table_arn,
            "TableId": identity.table_id,
            "ClientToken": token,
            "S3Bucket": identity.bucket,
            "S3SseAlgorithm": identity.sse_algorithm,
            "ExportFormat": "DYNAMODB_JSON",
        }
        if window is None:
            description["ExportTime"] = moment.timestamp()
        else:
            description["IncrementalExportSpecification"] = {
                "ExportFromTime": window.start.timestamp(),
                "ExportToTime": window.end.timestamp(),
                "ExportViewType": window.view,
            }
        for name in ("S3BucketOwner", "S3Prefix", "S3SseKmsKeyId", "ExportType", "FilterSpecification"):
            if name in request:
                description[name] = request[name]
        export = self._exports[arn] = ExportJob(description, copy.deepcopy(request), identity)
        return export

    def _carry_out(
        self, export: ExportJob, snapshot: Snapshot, account: str, seconds: float, ended: datetime | None = None
    ) -> None:
        """Write the files, let the export take its time, then the manifests and the final status."""
        put = self._open_bucket(account, export.identity.bucket)

        def put_locked(key: str, body: BinaryIO) -> None:
            with self._store.locked():
                put(key, body)

        writer = ExportWriter(put_locked, export.identity)
        try:
            writer.start()
            add = writer.add_changes if export.identity.window else writer.add_file
            for number, items in enumerate(snapshot.ranges):
                add(items, data_file_name(f"{export.identity.export_arn}/{number}".encode()))
            time.sleep(seconds)
            end = ended or self._store.clock.now(export.identity.table_arn)
            written = writer.finish(end, snapshot.size)
        except AwsError as error:
            self._finish(
                export,
                ExportStatus="FAILED",
                EndTime=self._store.clock.now(export.identity.table_arn).timestamp(),
                FailureCode=error.code,
                FailureMessage=str(error),
            )
            return
        self._finish(
            export,
            ExportStatus="COMPLETED",
            EndTime=end.timestamp(),
            ExportManifest=written.manifest_key,
            BilledSizeBytes=written.billed_size_bytes,
            ItemCount=written.item_count,
        )

    def _finish(self, export: ExportJob, **facts: Any) -> None:
        with self._lock:
            export.description.update(facts)


def _export_time(table: Table, request: dict[str, Any], now: datetime) -> datetime:
    wanted = request.get("ExportTime")
    if wanted is None:
        return now
    moment = datetime.fromtimestamp(float(wanted), UTC)
    earliest = datetime.fromtimestamp(float(_recovery(table)["EarliestRestorableDateTime"]), UTC)
    # The window is known to the second only, as the console shows it.
    if not earliest.replace(microsecond=0) <= moment <= now + _CLOCK_TOLERANCE:
        raise AwsError(
            "InvalidExportTimeException",
            f"Export time {moment.isoformat()} is not within the point in time recovery window "
            f"from {earliest.isoformat()} to {now.isoformat()}",
        )
    return moment


def _recovery(table: Table) -> dict[str, Any]:
    recovery: dict[str, Any] = table.continuous_backups["PointInTimeRecoveryDescription"]
    return recovery


def _belongs(arn: str, account: str, region: str) -> bool:
    return arn.split(":")[3:5] == [region, account]


def _newest_first(arn: str) -> tuple[str, str]:
    return arn.rpartition("/")[2], arn
