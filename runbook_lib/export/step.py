"""Get every planned table exported, and know exactly what AWS says was exported.

Exports are started all at once for one moment in time, and looked at politely. Each start is
recorded before it is made, with a token that lets AWS recognise a repetition, so a killed run
finds its exports again. What comes out is a checked manifest per table, and nothing else.
A table that cannot be exported fails by itself, with its name; the others go on.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any

from runbook_lib.aws.dynamodb.describe.tables import TableDescription
from runbook_lib.aws.dynamodb.exports import ExportState, describe_export, find_export, start_export
from runbook_lib.errors import ExportError, ForbiddenCall, RunbookError, TransferError
from runbook_lib.export.enable_pitr import enable_recovery
from runbook_lib.export.first_items import complete_look
from runbook_lib.export.scan_to_s3 import scan_to_staging
from runbook_lib.export_format.manifest import Manifest
from runbook_lib.plan.pair import Pair
from runbook_lib.plan.reuse import Reuse, load_manifest, read_reused
from runbook_lib.plan.whole_export import Wholeness, refuse_other, refuse_partial, refuse_replaced
from runbook_lib.run.run import Run
from runbook_lib.run.tables.files import keep_files
from runbook_lib.run.waiting import Sleep, Wait
from runbook_lib.timestamps import format_timestamp

Watch = Callable[[dict[str, dict[str, Any]]], None]
DONE, RUNNING, FAILED, SKIPPED = "COMPLETED", "IN_PROGRESS", "FAILED", "SKIPPED"
# AWS has made the export, and its manifest could not be taken: it is looked at again, not made again.
UNREADABLE = "UNREADABLE"


def export_tables(run: Run, watch: Watch = lambda states: None, sleep: Sleep = time.sleep) -> dict[str, dict[str, Any]]:
    """Export, scan or find an export of each planned table; returns the facts by source table.

    `watch` is given all facts whenever something changed. Running it again takes up what is
    there: a completed export is only read again. Raises ExportError naming every table that
    could not be exported, after all others are done.
    """
    with run.step("export"):
        pairs = run.planned_pairs()
        enable_recovery(run, pairs, sleep)
        moment = _export_time(run)
        wait = _patience(run, sleep)
        _look_again(run, pairs)
        failures = _start_all(run, pairs, moment, watch, wait)
        for pair in pairs:
            if pair.method in ("scan", "reuse", "skip"):
                _without_aws_export(run, pair, wait)
                watch(run.ledger.all("export"))
        failures += _await_all(run, pairs, watch, wait)
        for pair in pairs:
            complete_look(run, pair)
        if failures:
            raise ExportError("; ".join(failures))
        return run.ledger.all("export")


def _export_time(run: Run) -> datetime:
    """One moment for the whole fleet, in whole seconds as the API takes it; kept by a resumed run."""
    known = run.ledger.get("run", "export_time")
    if known is None:
        known = format_timestamp((run.config.export.export_time or run.now()).replace(microsecond=0))
        run.ledger.put("run", "export_time", known)
    return datetime.fromisoformat(known)


def _patience(run: Run, sleep: Sleep) -> Wait:
    minutes = run.config.export.timeout_minutes

    def late(failure: str) -> ExportError:
        return ExportError(
            f"exports are still running after export.timeout_minutes ({minutes:g}){failure}; "
            "run again with the same run id to go on waiting for them"
        )

    return Wait(minutes * 60, run.config.export.poll_seconds, late, sleep)


def _look_again(run: Run, pairs: list[Pair]) -> None:
    """What an earlier start could not read may be there now."""
    for pair in pairs:
        fact = run.ledger.get("export", pair.source)
        if fact and fact["status"] == UNREADABLE:
            run.ledger.put("export", pair.source, fact | {"status": RUNNING, "failure": None})


def _start_all(run: Run, pairs: list[Pair], moment: datetime, watch: Watch, wait: Wait) -> list[str]:
    """Start what is not started, at most `in_flight` at once; returns why some were not."""
    failures = []
    for pair in pairs:
        fact = run.ledger.get("export", pair.source) or {}
        if pair.method != "export" or fact.get("status") in (RUNNING, DONE):
            continue
        while len(_in_progress(run, pairs)) >= run.config.export.in_flight:
            wait.again(_look(run, pairs))
        try:
            anew = fact.get("status") == FAILED
            if anew or not wait.until(partial(_found, run, pair))[0]:
                wait.until(partial(_started, run, pairs, pair, moment, _token(run, pair, anew=anew)))
        except ExportError as error:
            failures.append(f"{pair.source}: {error}")
        watch(run.ledger.all("export"))
    return failures


def _token(run: Run, pair: Pair, *, anew: bool) -> str:
    """What tells AWS that a repeated request is the same one; recorded before the first."""
    token: str | None = None if anew else run.ledger.get("export_token", pair.source)
    if token is None:
        token = str(uuid.uuid4())
        run.ledger.put("export_token", pair.source, token)
    return token


def _started(run: Run, pairs: list[Pair], pair: Pair, moment: datetime, token: str) -> bool | None:
    """Start one export; None if AWS has too many running now, of this run or of others in the account."""
    staging, facts = run.config.staging, pair.source_facts
    if facts is None:
        raise ExportError(f"{pair.source} has no source facts; run 00_preflight again")
    state = start_export(
        run.clients.source, facts.arn, token, moment,
        staging.bucket, staging.prefix, staging.bucket_owner, staging.kms_key_id,
    )  # fmt: skip
    if state is None:
        _look(run, pairs)
        return None
    _record(run, pair, token, state)
    return True


def _found(run: Run, pair: Pair) -> tuple[bool]:
    """Whether an earlier start, killed before it heard an answer, has begun this export; it is followed then.

    Its token alone would do for eight hours only.
    """
    token = run.ledger.get("export_token", pair.source)
    if token is None or pair.source_facts is None:
        return (False,)
    state = find_export(run.clients.source, pair.source_facts.arn, token)
    if state is not None:
        _record(run, pair, token, state)
    return (state is not None,)


def _record(run: Run, pair: Pair, token: str, state: ExportState) -> None:
    fact = {"method": "export", "started": format_timestamp(run.now()), "token": token} | _said(state)
    run.ledger.put("export", pair.source, fact)


def _await_all(run: Run, pairs: list[Pair], watch: Watch, wait: Wait) -> list[str]:
    while True:
        away = _look(run, pairs)
        watch(run.ledger.all("export"))
        if not _in_progress(run, pairs):
            break
        wait.again(away)
    mine = {pair.source for pair in pairs}
    return [
        f"export of {source} {fact['status']}: {fact.get('failure') or 'no reason was given'}"
        for source, fact in run.ledger.all("export").items()
        if source in mine and fact["status"] not in (DONE, SKIPPED)
    ]


def _in_progress(run: Run, pairs: list[Pair]) -> list[str]:
    mine = {pair.source for pair in pairs}
    return [s for s, f in run.ledger.all("export").items() if f["status"] == RUNNING and s in mine]


def _look(run: Run, pairs: list[Pair]) -> RunbookError | None:
    """Ask about each export in progress, and take the manifest of each that has completed.

    Returns what a server said that is away for a while; what else is wrong with an export is its own failure.
    """
    away = None
    planned = {pair.source: pair.source_facts for pair in pairs}
    for source in _in_progress(run, pairs):
        fact = run.ledger.get("export", source)
        try:
            _look_at(run, source, fact, planned[source])
        except ForbiddenCall:
            raise
        except (ExportError, TransferError) as error:
            if error.transient:
                away = error
            else:
                lost = {"status": UNREADABLE, "failure": str(error), "finished": format_timestamp(run.now())}
                run.ledger.put("export", source, fact | lost)
    return away


def _look_at(run: Run, source: str, fact: dict[str, Any], planned: TableDescription | None) -> None:
    state = describe_export(run.clients.source, fact["arn"])
    if state.status == DONE:
        refuse_partial(state)
        manifest = load_manifest(run.clients, state.bucket, state.folder, need_sidecars=True)
        refuse_other(manifest, state)
        if planned is not None:
            refuse_replaced(planned, manifest.table_id)
        _keep(run, source, fact | _said(state) | _whole(Wholeness(True)), manifest)
    elif state.status != RUNNING:
        run.ledger.put("export", source, fact | _said(state) | {"finished": format_timestamp(run.now())})


def _without_aws_export(run: Run, pair: Pair, wait: Wait) -> None:
    """A scan, an export made earlier, or a table that is skipped; nothing is done twice."""
    fact = run.ledger.get("export", pair.source)
    if fact and fact["status"] == DONE:
        return
    fact = {
        "method": pair.method,
        "started": format_timestamp(run.now()),
        "status": DONE,
        "failure": None,
        "read_units": None,
    }
    if pair.method == "skip":
        run.ledger.put(
            "export", pair.source, fact | {"status": SKIPPED, "arn": None, "failure": "no point-in-time recovery"}
        )
        return
    try:
        if pair.reuse is not None:
            _take_reused(run, pair, pair.reuse, fact, wait)
        else:
            _scan(run, pair, fact)
    except ForbiddenCall:
        raise
    except RunbookError as error:
        lost = {"status": FAILED, "arn": None, "failure": str(error), "finished": format_timestamp(run.now())}
        run.ledger.put("export", pair.source, fact | lost)


def _take_reused(run: Run, pair: Pair, reuse: Reuse, fact: dict[str, Any], wait: Wait) -> None:
    manifest, whole = wait.until(lambda: read_reused(run.clients, reuse))
    where = {"arn": reuse.arn, "bucket": reuse.bucket, "folder": reuse.folder}
    _keep(run, pair.source, fact | where | _whole(whole), manifest)


def _scan(run: Run, pair: Pair, fact: dict[str, Any]) -> None:
    if pair.source_facts is None:
        raise ExportError(f"{pair.source} has no source facts; run 00_preflight again")
    bucket = run.config.staging.bucket
    scanned = scan_to_staging(run, pair.source_facts, uuid.uuid4().hex)
    manifest = load_manifest(run.clients, bucket, scanned.folder, need_sidecars=True)
    where = {"arn": scanned.arn, "bucket": bucket, "folder": scanned.folder}
    said = {"read_units": scanned.read_units, "witnesses": asdict(scanned.witnesses)}
    _keep(run, pair.source, fact | where | said, manifest)


def _whole(whole: Wholeness) -> dict[str, Any]:
    return {"whole": asdict(whole)}


def _keep(run: Run, source: str, fact: dict[str, Any], manifest: Manifest) -> None:
    """Record a manifest and its files, all at once."""
    known = {k: v for k, v in asdict(manifest).items() if k != "files"}
    fact = fact | {
        "finished": format_timestamp(run.now()),
        "manifest": known,
        "files": len(manifest.files),
        "items": manifest.items,
    }
    with run.ledger.batch():
        run.ledger.put("export", source, fact)
        keep_files(run.ledger, source, manifest.files)


def _said(state: ExportState) -> dict[str, Any]:
    return {
        "arn": state.arn, "status": state.status, "bucket": state.bucket, "folder": state.folder,
        "items": state.items, "failure": state.failure,
    }  # fmt: skip
