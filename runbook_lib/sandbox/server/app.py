"""The sandbox's WSGI application: answers what moto gets wrong and passes the rest on.

It injects faults and counts requests. Everything is served under the store's lock: moto has none, and a
snapshot must not see half a batch.
"""

from __future__ import annotations

import io
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

from runbook_lib.sandbox.emulator.attached import ATTACHED_OPERATIONS, Attachments
from runbook_lib.sandbox.emulator.batch_write import batch_write, check_body_size
from runbook_lib.sandbox.emulator.operations import knows
from runbook_lib.sandbox.emulator.query import query, serves_query
from runbook_lib.sandbox.emulator.replies import (
    AwsError,
    Reply,
    dumps,
    dynamodb_error,
    dynamodb_reply,
    s3_error,
)
from runbook_lib.sandbox.emulator.rules.capacity import with_read_units
from runbook_lib.sandbox.emulator.rules.settings import check_new_name
from runbook_lib.sandbox.emulator.s3.bulk_put import BULK_OPERATIONS, BulkPutJobs
from runbook_lib.sandbox.emulator.s3.export import ExportJobs
from runbook_lib.sandbox.emulator.s3.import_table import ImportJobs
from runbook_lib.sandbox.emulator.s3.incremental import Flaw
from runbook_lib.sandbox.emulator.scan import scan, serves_scan
from runbook_lib.sandbox.emulator.single_writes import WRITES, noticing, write
from runbook_lib.sandbox.emulator.store import Store
from runbook_lib.sandbox.emulator.streams.shards import STREAM_OPERATIONS, StreamReader
from runbook_lib.sandbox.server.faults import REFUSALS, Fault, FaultBook, describe, error_answer
from runbook_lib.sandbox.server.requests import operation_of, signed_for

WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]
_MOTO_ACCOUNT = "123456789012"  # what moto says for an access key that it has not issued itself


class FrontDoor:
    """Serve one sandbox; `facts` is what /_sandbox/health says besides being ready."""

    def __init__(
        self,
        moto: WsgiApp,
        store: Store,
        exports: ExportJobs,
        imports: ImportJobs,
        bulk_puts: BulkPutJobs,
        account: str,
        account_of_key: Callable[[str], str],
        facts: dict[str, Any],
    ) -> None:
        self._moto = moto
        self._store = store
        self._exports = exports
        self._bulk_puts = bulk_puts
        self._account = account
        self._account_of_key = account_of_key
        self._facts = facts
        self._streams = StreamReader(store)
        attachments = Attachments(store)
        self._answers: dict[str, Callable[[str, str, dict[str, Any]], bytes]] = {
            "DescribeExport": exports.describe_export,
            "ListExports": exports.list_exports,
            "ImportTable": imports.import_table,
            "DescribeImport": imports.describe_import,
            "ListImports": imports.list_imports,
            **{name: partial(attachments.answer, name) for name in ATTACHED_OPERATIONS},
            **{name: partial(self._streams.answer, name) for name in STREAM_OPERATIONS},
        }
        self._faults = FaultBook()
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._acknowledged: Counter[tuple[str, str, str]] = Counter()
        self._counts_lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        body = environ["wsgi.input"].read()
        environ["wsgi.input"] = io.BytesIO(body)
        if environ["PATH_INFO"].startswith("/_sandbox/"):
            reply = self._control(environ["REQUEST_METHOD"], environ["PATH_INFO"], body)
        else:
            reply = self._serve(environ, body)
        start_response(f"{reply.status} {_REASONS.get(reply.status, 'Status')}", list(reply.headers))
        return [reply.body]

    def _serve(self, environ: dict[str, Any], body: bytes) -> Reply:
        access_key, region, service = signed_for(environ)
        account = self._account_for(environ, access_key)
        operation = operation_of(environ, service, body)
        with self._counts_lock:
            self._counts[(service, region, operation)] += 1
        if service != "dynamodb":
            return self._serve_other(environ, operation, s3_error if service == "s3" else dynamodb_error)
        if not knows(environ.get("HTTP_X_AMZ_TARGET", "")):
            return dynamodb_error(AwsError("UnknownOperationException", ""))
        try:
            request = json.loads(body)
        except ValueError:
            return dynamodb_error(AwsError("SerializationException", "The request is not valid JSON"))
        try:
            return self._serve_dynamodb(environ, account, region, operation, request, body)
        except AwsError as error:
            return dynamodb_error(error)

    def _serve_dynamodb(
        self, environ: dict[str, Any], account: str, region: str, operation: str, request: dict[str, Any], body: bytes
    ) -> Reply:
        tables = [request["TableName"]] if "TableName" in request else list(request.get("RequestItems") or ())
        tables = tables or [t["TableName"] for t in (request.get("TableCreationParameters"),) if t]
        arns = (request.get(name) for name in ("TableArn", "StreamArn", "ShardIterator"))
        tables = tables or [str(arn).partition(":table/")[2].partition("/")[0] for arn in arns if arn]
        fault = self._faults.next(operation, tables)
        if fault is not None and fault.spec.kind in REFUSALS:
            table = self._store.find(account, region, tables[0]) if tables else None
            raise error_answer(fault, table.table_arn if table is not None else None)
        _before(fault)
        acknowledged = 0
        if operation == "BatchWriteItem":
            check_body_size(body)
            in_part = fault if fault is not None and fault.spec.kind == "unprocessed" else None
            undone: set[int] = set()

            def leave(members: int) -> set[int]:
                undone.update(self._faults.leave_undone(in_part, members) if in_part else ())
                return undone

            answer = batch_write(self._store, account, region, request, leave if in_part else None)
            acknowledged = sum(map(len, request["RequestItems"].values())) - len(undone)
        elif operation == "Scan" and serves_scan(request):
            answer = scan(self._store, account, region, request)
        elif operation == "Query" and serves_query(self._store, account, region, request):
            answer = query(self._store, account, region, request)
        elif operation == "ExportTableToPointInTime":
            answer = self._exports.export_table(account, region, request, _flaw_of(fault))
        elif operation in self._answers:
            answer = self._answers[operation](account, region, request)
        elif operation in BULK_OPERATIONS:
            answer = self._bulk_puts.answer(operation, account, region, request, fault.spec.kind if fault else None)
        elif operation in WRITES:
            moto = partial(_ask_for, self._moto, environ)
            reply = write(self._store, account, region, operation, request, moto)
            _after(fault)
            return reply
        else:
            if operation == "CreateTable":
                check_new_name(request)
            with self._store.locked(), self._around(operation, account, region, request):
                reply = _ask(self._moto, environ)
            _after(fault)
            return with_read_units(reply, request) if operation == "GetItem" else reply
        _after(fault)
        if acknowledged:
            with self._counts_lock:
                self._acknowledged["dynamodb", region, operation] += acknowledged
        return dynamodb_reply(answer)

    def _around(self, operation: str, account: str, region: str, request: Any) -> AbstractContextManager[None]:
        """Who has to notice what moto does."""
        if operation.startswith(("Execute", "BatchExecute")):
            return noticing(self._store, account, region)
        of_streams = operation in ("UpdateTable", "DeleteTable")
        return self._streams.keeping(account, region, request) if of_streams else nullcontext()

    def _serve_other(self, environ: dict[str, Any], operation: str, refusal: Callable[[AwsError], Reply]) -> Reply:
        fault = self._faults.next(operation, [])
        if fault is not None and fault.spec.kind in REFUSALS:
            return refusal(error_answer(fault, None))
        _before(fault)
        if environ["PATH_INFO"] == "/restapis" and environ["REQUEST_METHOD"] == "GET":
            return _json({"item": []})  # moto's REST APIs want packages that nothing else here does
        with self._store.locked():
            try:
                reply = _ask(self._moto, environ)
            except NotImplementedError:
                return dynamodb_error(AwsError("UnknownOperationException", ""))
        _after(fault)
        if fault is not None and fault.spec.kind == "truncate" and reply.status in (200, 206):
            # The length of the whole, the bytes of the first half: the connection ends in between.
            return Reply(reply.status, reply.headers, reply.body[: len(reply.body) // 2])
        return reply

    def _account_for(self, environ: dict[str, Any], access_key: str) -> str:
        """Return a request's account and tell moto; credentials from AssumeRole belong to the role's account."""
        account = environ.get("HTTP_X_MOTO_ACCOUNT_ID")
        if account is None:
            issued = self._account_of_key(access_key)
            account = self._account if issued == _MOTO_ACCOUNT else issued
            environ["HTTP_X_MOTO_ACCOUNT_ID"] = account
        return str(account)

    def _control(self, method: str, path: str, body: bytes) -> Reply:
        match method, path:
            case "GET", "/_sandbox/health":
                return _json({"ready": True, "account": self._account, **self._facts})
            case "GET", "/_sandbox/requests":
                with self._counts_lock:
                    counts, items = sorted(self._counts.items()), Counter(self._acknowledged)
                return _json(
                    [
                        {"service": service, "region": region, "operation": operation, "count": count}
                        | ({"acknowledged": items[key]} if key in items else {})
                        for key, count in counts
                        for service, region, operation in (key,)
                    ]
                )
            case "POST", "/_sandbox/clock":
                return self._let_pass(json.loads(body))
            case "POST", "/_sandbox/split":
                self._streams.split(str(json.loads(body)["table"]))
                return _json({})
            case "GET", "/_sandbox/faults":
                return _json(self._faults.listing())
            case "DELETE", "/_sandbox/faults":
                self._faults.clear()
                return _json([])
            case "POST", "/_sandbox/faults":
                try:
                    return _json(describe(self._faults.add(json.loads(body))), 201)
                except (ValueError, TypeError) as error:
                    return _json({"error": str(error)}, 400)
        return _json({"error": f"nothing at {method} {path}"}, 404)

    def _let_pass(self, asked: dict[str, Any]) -> Reply:
        """Move the clock by `seconds`, of the table with the ARN `table` alone where there is one."""
        self._store.clock.let_pass(float(asked["seconds"]), asked.get("table", ""))
        return _json({"now": self._store.clock.now(asked.get("table", "")).isoformat()})


_REASONS = {
    200: "OK",
    201: "Created",
    204: "No Content",
    206: "Partial Content",
    400: "Bad Request",
    404: "Not Found",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


def _ask(app: WsgiApp, environ: dict[str, Any]) -> Reply:
    """Call moto and collect its answer."""
    started: list[Any] = []
    chunks = app(environ, lambda status, headers, exc_info=None: started.extend((status, headers)))
    try:
        body = b"".join(chunks)
    finally:
        if hasattr(chunks, "close"):
            chunks.close()
    return Reply(int(started[0].split(" ", 1)[0]), tuple(started[1]), body)


def _ask_for(app: WsgiApp, environ: dict[str, Any], body: bytes) -> Reply:
    """Call moto with another body than the one that came."""
    return _ask(app, environ | {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))})


def _flaw_of(fault: Fault | None) -> Flaw | None:
    return Flaw(fault.spec.kind) if fault is not None and fault.spec.kind in set(Flaw) else None


def _before(fault: Fault | None) -> None:
    """Do what a fault does before the operation: wait, or cut the connection with nothing done."""
    if fault is not None and fault.spec.kind == "delay":
        time.sleep(fault.spec.seconds)
    if fault is not None and fault.spec.kind == "reset":
        raise ConnectionResetError("fault: reset")


def _after(fault: Fault | None) -> None:
    """Cut the connection with everything done: the client cannot know."""
    if fault is not None and fault.spec.kind == "lost-reply":
        raise ConnectionResetError("fault: lost-reply")


def _json(value: Any, status: int = 200) -> Reply:
    return Reply(status, (("Content-Type", "application/json"),), dumps(value))
