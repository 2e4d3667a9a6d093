"""Let DynamoDB fill a new table from an export by itself: ImportTable, followed to its end.

ImportTable reads whatever lies under a prefix; see export_folder.py for what makes sure that this is the export. A
token is recorded before the call and the import's ARN right after it, so that a killed run follows the same import. The
table is then the run's own, settled as create_missing settles it.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import replace
from datetime import datetime
from typing import Any

from runbook_lib.aws.dynamodb.describe.definition import TableDefinition, read_definition
from runbook_lib.aws.dynamodb.describe.tables import TableDescription, describe_table
from runbook_lib.aws.dynamodb.imports import (
    FAILED,
    IN_PROGRESS,
    ImportState,
    begun_import,
    describe_import,
    find_import,
    start_import,
)
from runbook_lib.aws.outcome import Tries
from runbook_lib.errors import LedgerError, StartRefused, TableError, TransferError
from runbook_lib.load.table_load import TableLoad
from runbook_lib.load.targets.bulk_put import HIDDEN
from runbook_lib.load.targets.create_tables import note, request_of, settle_imported
from runbook_lib.load.targets.export_folder import check_files, data_prefix, refuse_changed
from runbook_lib.plan.pair import Pair
from runbook_lib.run.facts.export import CompletedExport
from runbook_lib.run.facts.load import IMPORTS, Binding, ImportFact, ImportStatus, ServiceImportFact
from runbook_lib.run.facts.targets import CREATED, CreationStatus
from runbook_lib.run.run import Run, table_identity
from runbook_lib.run.waiting import Sleep, Wait
from runbook_lib.run.witnesses.writers.write_register import register
from runbook_lib.timestamps import format_timestamp

READER = "ImportTable"
Request = dict[str, Any]  # what ImportTable is asked
CREATION = frozenset(
    {
        "TableName",
        "AttributeDefinitions",
        "KeySchema",
        "BillingMode",
        "ProvisionedThroughput",
        "OnDemandThroughput",
        "SSESpecification",
        "GlobalSecondaryIndexes",
    }
)


def begin_import(
    run: Run, pair: Pair, export: CompletedExport, table_load: TableLoad, sleep: Sleep = time.sleep
) -> None:
    """Check the files and have DynamoDB import them, or find the import that this run has begun.

    Raises TransferError unless the folder holds the manifest's files and nothing else, each whole, and
    TableError if somebody else has made the target.
    """
    known = IMPORTS.of(run.ledger, pair.source)
    service = known.import_table if known is not None else None
    if service is not None and service.arn:
        return
    if service is None and describe_table(run.clients.target, pair.target) is not None:
        raise TableError(
            f"{pair.target} was missing at the pre-flight and is there now, made by somebody else; nothing was "
            "written, run 00_preflight again"
        )
    tags = check_files(run, pair, export, table_load, READER)
    token = service.token if service is not None else str(uuid.uuid4())
    request = _request(run, pair, export, token)
    started = known.started if known is not None and service is not None else format_timestamp(run.now())
    fact = ImportFact(ImportStatus.LOADING, started, items_before=0, import_table=ServiceImportFact(token, tags))
    register(run, pair, None)
    with run.ledger.batch():
        IMPORTS.record(run.ledger, pair.source, fact)
        note(run, pair, CreationStatus.ASKED_FOR)
    state = _started(run, pair, request, sleep, is_first=service is None)
    _record(run, pair, export, fact, state)


def finish_import(
    run: Run, pair: Pair, export: CompletedExport, table_load: TableLoad, sleep: Sleep = time.sleep
) -> None:
    """Follow the import to its end, hold its counts against the manifest, and settle the table.

    Raises TransferError for an import that failed, read something else, or whose counts do not add up.
    """
    fact = IMPORTS.needed(run.ledger, pair.source)
    service = _service(fact)
    arn = str(service.arn)
    client = run.clients.table_importer(frozenset({pair.target}))
    try:
        register(run, pair, _table(run, pair), tag=False)
        state = _followed(run, pair, client, arn, table_load, sleep)
        fact = _note_state(run, pair, fact, state)
        _check(state, export)
        refuse_changed(run, pair, export, service.etags, READER, _again(pair))
        settle_imported(run, client, pair, _definition(run, pair), sleep)
        register(run, pair, _table(run, pair))
    finally:
        client.close()
    done = replace(fact, status=ImportStatus.COMPLETED, finished=format_timestamp(run.now()), failure=None)
    IMPORTS.record(run.ledger, pair.source, done)


def _service(fact: ImportFact) -> ServiceImportFact:
    """The ImportTable of an import that is known to be one."""
    if fact.import_table is None:
        raise LedgerError("the ledger knows an import by ImportTable without one; start a new run with another run id")
    return fact.import_table


def _table(run: Run, pair: Pair) -> TableDescription:
    """The table that the import makes; raises TableError if it is gone."""
    table = describe_table(run.clients.target, pair.target)
    if table is None:
        raise TableError(f"{pair.target} is gone while ImportTable filled it; start a new run")
    return table


def _definition(run: Run, pair: Pair) -> TableDefinition:
    return read_definition(run.clients.source, pair.source)


def _request(run: Run, pair: Pair, export: CompletedExport, token: str) -> Request:
    asked = request_of(_definition(run, pair), pair.target, run.id)
    source = {"S3Bucket": export.bucket, "S3KeyPrefix": data_prefix(export)}
    if run.config.target_staging.bucket_owner and export.bucket == run.config.target_staging.bucket:
        source["S3BucketOwner"] = run.config.target_staging.bucket_owner
    return {
        "ClientToken": token,
        "S3BucketSource": source,
        "InputFormat": "DYNAMODB_JSON",
        "InputCompressionType": "GZIP",
        "TableCreationParameters": {name: value for name, value in asked.items() if name in CREATION},
    }


def _started(run: Run, pair: Pair, request: Request, sleep: Sleep, *, is_first: bool) -> ImportState:
    """Ask until AWS takes it: it imports 50 tables at once.

    `is_first` says that no earlier process has asked. Where AWS then refused whatever was sent, it makes no table: the
    run has asked for none, and who makes one of that name is another. A refusal after a request that nobody heard the
    answer of says nothing of that one.
    """
    client = run.clients.table_importer(frozenset({pair.target}))
    tries = Tries(client, "ImportTable")

    def started() -> ImportState | None:
        _note_sent(run, pair)
        try:
            return start_import(client, request)
        except StartRefused as refused:
            if refused.transient or (is_first and tries.all_refused):
                raise
            return begun_import(client, request, refused)

    try:
        return _wait(run, f"AWS to take the import of {pair.target}", sleep).until(started)
    except BaseException:
        if is_first and tries.all_refused:
            with run.ledger.batch():
                IMPORTS.forget(run.ledger, pair.source)
                CREATED.forget(run.ledger, pair.source)
        raise
    finally:
        client.close()


def _note_sent(run: Run, pair: Pair) -> None:
    fact = IMPORTS.needed(run.ledger, pair.source)
    sent = replace(_service(fact), sent=format_timestamp(run.now()))
    IMPORTS.record(run.ledger, pair.source, replace(fact, import_table=sent))


def learn_import(run: Run, pair: Pair, export: CompletedExport) -> bool:
    """Look for an import that was asked for and whose answer nobody heard; whether nothing can come of it any more.

    One that has ended is recorded, with the table that it made. One that is not listed was not begun, once what was
    sent last can neither be taken any more nor be hidden. Nothing is begun. Raises TransferError while it runs.
    """
    fact = IMPORTS.needed(run.ledger, pair.source)
    service, who = _service(fact), run.clients.target_identity
    arn = f"arn:{who.partition}:dynamodb:{who.region}:{who.account}:table/{pair.target}"
    client = run.clients.table_importer(frozenset({pair.target}))
    try:
        state = find_import(client, arn, service.token)
    finally:
        client.close()
    if state is None:
        sent = service.sent or CREATED.needed(run.ledger, pair.source).at
        return sent is not None and run.now() - datetime.fromisoformat(sent) >= HIDDEN
    if state.status == IN_PROGRESS:
        raise TransferError(
            f"import {state.arn}, which this run asked for, is still running; run the same command again once it has "
            "ended"
        )
    _record(run, pair, export, fact, state)
    table = describe_table(run.clients.target, pair.target)
    if table is not None and table_identity(table) == state.table_id:
        register(run, pair, table)  # as whoever follows an import does: its table names no register before
    return True


def _record(run: Run, pair: Pair, export: CompletedExport, fact: ImportFact, state: ImportState) -> None:
    """The import's ARN and the new table's id, both or neither."""
    binding = Binding(export.arn, export.manifest.md5, state.table_id)
    with run.ledger.batch():
        _note_state(run, pair, replace(fact, binding=binding), state)
        note(run, pair, CreationStatus.CREATING, table_id=state.table_id, arn=state.table_arn)


def _note_state(run: Run, pair: Pair, fact: ImportFact, state: ImportState) -> ImportFact:
    fact = replace(fact, import_table=_service(fact).after(state))
    IMPORTS.record(run.ledger, pair.source, fact)
    return fact


def _followed(run: Run, pair: Pair, client: Any, arn: str, table_load: TableLoad, sleep: Sleep) -> ImportState:
    def ended() -> ImportState | None:
        now = describe_import(client, arn)
        _refuse_other_table(run, pair, now)
        if now.status != IN_PROGRESS:
            return now
        table_load.progress.done = now.processed or 0
        table_load.show("importing")
        return None

    state = _wait(run, f"the import of {pair.target} to end", sleep).until(ended)
    table_load.progress.done, table_load.progress.quarantined = state.processed or 0, state.errors or 0
    table_load.show("imported")
    return state


def _refuse_other_table(run: Run, pair: Pair, state: ImportState) -> None:
    """Raise TransferError unless the import still makes the table that it made when it was asked for."""
    binding = IMPORTS.needed(run.ledger, pair.source).binding
    if binding is not None and state.table_id != binding.target_table_id:
        raise TransferError(
            f"import {state.arn} should make the table {binding.target_table_id}, as ImportTable said, and "
            f"DescribeImport says {state.table_id} now; nothing of it is believed. Look at {pair.target}, and run "
            "again to go on"
        )


def _wait(run: Run, what: str, sleep: Sleep) -> Wait:
    minutes = run.config.export.timeout_minutes

    def late(failure: str) -> TransferError:
        return TransferError(f"waited {minutes:g} minutes for {what}{failure}; run again with the same run id to go on")

    return Wait(minutes * 60, run.config.export.poll_seconds, late, sleep)


def _check(state: ImportState, export: CompletedExport) -> None:
    """Law 1: the manifest's items are those imported and those refused; refused ones are named in the log group."""
    items = export.items
    if not state.ended:
        raise TransferError(
            f"the import should be COMPLETED and is {state.status} ({state.failure_code}: {state.failure}); "
            f"see {state.log_group}, delete the table it made and start a new run"
        )
    if state.status == FAILED and not state.errors:
        raise TransferError(
            f"the import is FAILED as items were refused ({state.failure_code}), and it counts none of them: nobody "
            f"knows what it wrote. See {state.log_group}, delete the table it made and start a new run"
        )
    counts = (state.processed, state.imported, state.errors)
    if None in counts or not items == state.processed == (state.imported or 0) + (state.errors or 0):
        raise TransferError(
            f"the manifest says {items} items, ImportTable processed {state.processed}, imported {state.imported} and "
            f"refused {state.errors}; they should add up. See {state.log_group}"
        )


def _again(pair: Pair) -> str:
    return f"delete {pair.target}, export again and start a new run"
