"""Let DynamoDB put an export into a table that is there: StartBulkPutItems, followed to its end.

A bulk put reads whatever lies under a prefix; see export_folder.py for what makes sure that this is the export. A line
may carry a condition, so each has to be an item and nothing else. The token is recorded before the call and the
operation's ARN right after it, so that a killed run follows the same operation.

Its counters say how many items it has processed and refused. Items that a condition kept out are in no counter, and an
object that is given up in the middle leaves lines that nobody counted: what is not proved to be written is left over,
the table fails, and a repair writes it.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from runbook_lib.aws.dynamodb.bulk_put import (
    COMPLETED,
    FAILED,
    MOST_OBJECTS,
    Asked,
    BulkPutState,
    begun_bulk_put,
    describe_bulk_put,
    find_bulk_put,
    start_bulk_put,
)
from runbook_lib.aws.outcome import Tries
from runbook_lib.aws.s3.objects import list_folder
from runbook_lib.aws.session.granted_calls import bulk_putter
from runbook_lib.errors import LedgerError, StartRefused, TransferError
from runbook_lib.load.table_load import TableLoad
from runbook_lib.load.targets.bulk_output import read_output
from runbook_lib.load.targets.export_folder import check_files, data_prefix, refuse_changed
from runbook_lib.plan.pair import Pair
from runbook_lib.run.facts.export import CompletedExport
from runbook_lib.run.facts.load import IMPORTS, BulkPutFact, ImportFact
from runbook_lib.run.run import Run
from runbook_lib.run.tables.unwritten import count_quarantined
from runbook_lib.run.waiting import Sleep, Wait
from runbook_lib.timestamps import format_timestamp

READER = "a bulk put"
FOLDER = "bulk-put"
CLOCKS_APART = timedelta(minutes=10)  # of this machine and AWS
# A request is not taken a quarter of an hour after it was sent; what it began is in the list within the rest of this.
HIDDEN = timedelta(hours=1)
ANEW = (
    "export again, or use this run's export (export.reuse), in a new run with import.on_non_empty: sync, which writes "
    "only what differs"
)


def check_bulk_put(run: Run, pair: Pair, export: CompletedExport, table_load: TableLoad) -> dict[str, str]:
    """Read every file as a dry run does, and list the folder; the ETags by key.

    Raises TransferError unless the folder holds the manifest's files and nothing else, each whole, and each line an
    item and nothing else.
    """
    tags = check_files(run, pair, export, table_load, READER)
    if len(tags) > MOST_OBJECTS:
        raise TransferError(
            f"a bulk put reads at most {MOST_OBJECTS:,} objects, and the export of {pair.source} has {len(tags):,}; "
            "set import.strategy to batch_write"
        )
    if refused := count_quarantined(run.ledger, pair.source):
        raise TransferError(
            f"each line of the export of {pair.source} should be an item and nothing else, and {refused:,} are not: a "
            "bulk put may read a condition in such a line, or give up the rest of its object. Nothing was written; set "
            "import.strategy to batch_write, which quarantines them"
        )
    return tags


def begin_bulk_put(
    run: Run, pair: Pair, export: CompletedExport, fact: ImportFact, tags: dict[str, str], sleep: Sleep = time.sleep
) -> None:
    """Have DynamoDB begin, or find the operation that this run has begun; `fact` is bound to export and target."""
    known, since = fact.bulk_put, None
    if known is None:
        staging, asked = run.config.target_staging, format_timestamp(run.now())
        known = BulkPutFact(str(uuid.uuid4()), tags, staging.bucket, output_prefix(run, pair), asked, not_begun=True)
        _note(run, pair, fact, known)
    elif known.asked is not None and not known.not_begun:
        since = datetime.fromisoformat(known.asked) - CLOCKS_APART
    client = bulk_putter(run.clients, request := _request(run, pair, export, known))
    tries = Tries(client, "StartBulkPutItems")

    def ask() -> BulkPutState | None:
        _note(run, pair, fact, replace(known, sent=format_timestamp(run.now()), not_begun=None))
        try:
            return start_bulk_put(client, request, since)
        except StartRefused as refused:
            if refused.transient or known.asked is None or (known.not_begun and tries.all_refused):
                raise
            return begun_bulk_put(client, request, datetime.fromisoformat(known.asked) - CLOCKS_APART, refused)

    try:
        state = _wait(run, f"AWS to take the bulk put into {pair.target}", sleep).until(ask)
    except BaseException:
        if known.not_begun and tries.all_refused:
            _note(run, pair, fact, known)
        raise
    finally:
        client.close()
    _note(run, pair, fact, known.after(state))


def finish_bulk_put(
    run: Run, pair: Pair, export: CompletedExport, table_load: TableLoad, sleep: Sleep = time.sleep
) -> ImportFact:
    """Follow the operation to its end, and hold its counts against the manifest; the table's facts by then.

    Raises TransferError for one that failed, wrote to another table, read something else, or counts more than there
    is. One that was cancelled or ended with errors has left items over, which the facts say.
    """
    fact = IMPORTS.needed(run.ledger, pair.source)
    known = _known(fact)
    client = bulk_putter(run.clients, _request(run, pair, export, known))
    try:
        state = _followed(run, pair, client, str(known.arn), table_load, sleep)
    finally:
        client.close()
    fact = _note(run, pair, fact, _known(fact).after(state))
    fact = _with_output(run, pair, fact)
    refuse_changed(run, pair, export, known.etags, READER, f"nobody knows which bytes were loaded; {ANEW}")
    _check(fact, state, export)
    known = _known(fact)
    table_load.progress.done = known.written or 0
    return fact


def look_after_bulk_put(run: Run, pair: Pair, export: CompletedExport) -> ImportFact:
    """What has become of a bulk put that nobody followed to its end, asked once; nothing is begun.

    One that is not listed has not begun, once what was sent last can neither be taken any more nor be hidden.
    For whoever takes back what a run wrote: a run that was cleaned up in part cannot import any more.
    """
    fact = IMPORTS.needed(run.ledger, pair.source)
    known = _known(fact)
    request = _request(run, pair, export, known)
    client = bulk_putter(run.clients, request)
    try:
        if known.arn is not None:
            state: BulkPutState | None = describe_bulk_put(client, known.arn)
        else:
            since = datetime.fromisoformat(str(known.asked)) - CLOCKS_APART
            state = find_bulk_put(client, request, since)
    finally:
        client.close()
    if state is None:
        sent = datetime.fromisoformat(str(known.sent or known.asked))
        return fact if run.now() - sent < HIDDEN else _note(run, pair, fact, replace(known, not_begun=True))
    fact = _note(run, pair, fact, _known(fact).after(state))
    return _with_output(run, pair, fact) if state.ended else fact


def output_prefix(run: Run, pair: Pair) -> str:
    """Where a table's bulk put writes what it did not write to the table."""
    return "/".join(filter(None, [run.config.target_staging.prefix, FOLDER, run.id, pair.target])) + "/"


def _request(run: Run, pair: Pair, export: CompletedExport, known: BulkPutFact) -> Asked:
    staging = run.config.target_staging
    source = {
        "S3Bucket": export.bucket, "S3KeyPrefix": data_prefix(export), "InputFormat": "DYNAMODB_JSON",
        "InputCompressionType": "GZIP",
    }  # fmt: skip
    output: dict[str, object] = {
        "S3Bucket": known.bucket, "S3KeyPrefix": known.output, "OutputType": ["ERROR", "CONDITION_CHECK_FAILURE"],
    }  # fmt: skip
    if staging.kms_key_id:
        output |= {"S3SseAlgorithm": "KMS", "S3SseKmsKeyId": staging.kms_key_id}
    if staging.bucket_owner:
        output["S3BucketOwner"] = staging.bucket_owner
        if export.bucket == staging.bucket:
            source["S3BucketOwner"] = staging.bucket_owner
    rate = run.config.import_.max_wcu
    return {
        "ClientToken": known.token,
        "TableName": pair.target,
        "InputS3Configuration": source,
        "OutputS3Configuration": output,
        **({"MaxWriteRequestUnits": int(rate)} if rate is not None else {}),
    }


def _known(fact: ImportFact) -> BulkPutFact:
    if fact.bulk_put is None:
        raise LedgerError("the ledger knows an import by a bulk put without one; start a new run with another run id")
    return fact.bulk_put


def _note(run: Run, pair: Pair, fact: ImportFact, known: BulkPutFact) -> ImportFact:
    fact = replace(fact, bulk_put=known)
    IMPORTS.record(run.ledger, pair.source, fact)
    return fact


def _with_output(run: Run, pair: Pair, fact: ImportFact) -> ImportFact:
    """With what the output says of conditions, and the keys of its objects, which a cleanup removes."""
    known = _known(fact)
    lister = run.clients.staging_lister(known.bucket, known.output)
    try:
        keys = sorted(list_folder(lister, known.bucket, known.output, READER))
    finally:
        lister.close()
    said = read_output(run.clients.staging, known.bucket, known.output, keys)
    codes = dict(sorted(said.codes.items()))
    return _note(run, pair, fact, replace(known, outputs=tuple(keys), conditions=said.conditions, refused=codes))


def _followed(run: Run, pair: Pair, client: Any, arn: str, table_load: TableLoad, sleep: Sleep) -> BulkPutState:
    def ended() -> BulkPutState | None:
        now = describe_bulk_put(client, arn)
        if now.ended:
            return now
        table_load.progress.done = now.processed or 0
        table_load.show("bulk put")
        return None

    return _wait(run, f"the bulk put into {pair.target} to end", sleep).until(ended)


def _wait(run: Run, what: str, sleep: Sleep) -> Wait:
    minutes = run.config.export.timeout_minutes

    def late(failure: str) -> TransferError:
        return TransferError(f"waited {minutes:g} minutes for {what}{failure}; run again with the same run id to go on")

    return Wait(minutes * 60, run.config.export.poll_seconds, late, sleep)


def _check(fact: ImportFact, state: BulkPutState, export: CompletedExport) -> None:
    """What a bulk put may say of itself: it wrote where it should, counts no more than there is, agrees with itself.

    Whoever says that it ended with errors, or was cancelled, and counts none, or none as many as it reports, has not
    said what it wrote. That the target holds the items by then, perhaps by somebody else, makes no proof of it.
    """
    bound = fact.binding.target_table_id if fact.binding is not None else None
    if state.table_id != bound:
        raise TransferError(
            f"the bulk put {state.arn} should write to the table {bound} and wrote to {state.table_id}, which has its "
            f"name since; {ANEW}"
        )
    if state.status == FAILED:
        raise TransferError(
            f"the bulk put should be COMPLETED and is {state.status} ({state.failure_code}: {state.failure}); it may "
            f"have written some of the items. {ANEW}"
        )
    known = _known(fact)
    if state.processed is None or state.failed is None or not 0 <= state.processed <= export.items:
        raise TransferError(
            f"the manifest says {export.items} items, the bulk put processed {state.processed} and refused "
            f"{state.failed}; it cannot process more than there are. {ANEW}"
        )
    if state.status != COMPLETED and known.written == export.items:
        raise TransferError(
            f"the bulk put is {state.status}, and by its counts and its output all {export.items} items were written; "
            f"both cannot be, so nobody knows what it wrote. {ANEW}"
        )
    refused = sum((known.refused or {}).values()) - (known.conditions or 0)
    if known.conditions is not None and refused > state.failed:
        raise TransferError(
            f"the bulk put refused {state.failed} items by its own count, and its output has {refused} records of "
            f"such: nobody knows how many it wrote. {ANEW}"
        )
    if (known.written or 0) < 0:
        raise TransferError(
            f"the bulk put processed {state.processed} items, refused {state.failed}, and its output says that "
            f"conditions kept out {known.conditions}; it cannot keep out more than there are. {ANEW}"
        )
