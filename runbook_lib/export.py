"""Get every planned table exported, and know exactly what AWS says was exported.

Exports are started all at once for one moment in time, and looked at politely. Each start is
recorded before it is made, with a token that lets AWS recognise a repetition, so a killed run
finds its exports again. What comes out is a checked manifest per table, and nothing else.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from runbook_lib.aws.exports import ExportState, describe_export, find_export, start_export
from runbook_lib.errors import ExportError
from runbook_lib.manifest import Manifest
from runbook_lib.moments import stamp
from runbook_lib.plan import Pair
from runbook_lib.recovery import enable_recovery
from runbook_lib.reuse import load_manifest
from runbook_lib.run import Run
from runbook_lib.scan_export import scan_to_staging

Watch = Callable[[dict[str, dict[str, Any]]], None]
DONE = "COMPLETED"


def export_tables(
    run: Run, watch: Watch = lambda states: None, sleep: Callable[[float], None] = time.sleep
) -> dict[str, dict[str, Any]]:
    """Export, scan or find an export of each planned table; returns the facts by source table.

    `watch` is given all facts whenever something changed. Running it again takes up what is
    there: a completed export is only read again. Raises ExportError naming every table that
    could not be exported, after all others are done.
    """
    with run.step("export"):
        pairs = run.planned_pairs()
        enable_recovery(run, pairs, sleep)
        moment = _export_time(run)
        deadline = time.monotonic() + run.config.export.timeout_minutes * 60
        failures = _start_all(run, pairs, moment, watch, sleep, deadline)
        for pair in pairs:
            if pair.method in ("scan", "reuse", "skip"):
                _without_aws_export(run, pair)
                watch(run.ledger.all("export"))
        failures += _await_all(run, pairs, watch, sleep, deadline)
        if failures:
            raise ExportError("; ".join(failures))
        return run.ledger.all("export")


def _export_time(run: Run) -> datetime:
    """One moment for the whole fleet, in whole seconds as the API takes it; kept by a resumed run."""
    known = run.ledger.get("run", "export_time")
    if known is None:
        known = stamp((run.config.export.export_time or run.now()).replace(microsecond=0))
        run.ledger.put("run", "export_time", known)
    return datetime.fromisoformat(known)


def _start_all(
    run: Run, pairs: list[Pair], moment: datetime, watch: Watch, sleep: Callable[[float], None], deadline: float
) -> list[str]:
    """Start what is not started, at most `in_flight` at once; returns why some were not."""
    failures = []
    for pair in pairs:
        fact = run.ledger.get("export", pair.source) or {}
        if pair.method != "export" or fact.get("status") in ("IN_PROGRESS", DONE):
            continue
        while len(_in_progress(run, pairs)) >= run.config.export.in_flight:
            _pause(run, sleep, deadline)
            _look(run, pairs)
        try:
            retry = fact.get("status") == "FAILED"
            found = not retry and _is_found(run, pair)
            while not (found or _start(run, pair, moment, retry=retry)):
                _pause(run, sleep, deadline)  # another user of the account fills its limit
                _look(run, pairs)
        except ExportError as error:
            failures.append(str(error))
        watch(run.ledger.all("export"))
    return failures


def _start(run: Run, pair: Pair, moment: datetime, *, retry: bool) -> bool:
    """Start one export; False if AWS has too many running now."""
    staging, facts = run.config.staging, pair.source_facts
    if facts is None:
        raise ExportError(f"{pair.source} has no source facts; run 00_preflight again")
    token = None if retry else run.ledger.get("export_token", pair.source)
    if token is None:
        token = str(uuid.uuid4())
        run.ledger.put("export_token", pair.source, token)
    state = start_export(
        run.clients.source, facts.arn, token, moment,
        staging.bucket, staging.prefix, staging.bucket_owner, staging.kms_key_id,
    )  # fmt: skip
    if state is not None:
        _record(run, pair, token, state)
    return state is not None


def _is_found(run: Run, pair: Pair) -> bool:
    """Whether an earlier start, killed before it heard an answer, has begun this export; it is followed then.

    Its token alone would do for eight hours only.
    """
    token = run.ledger.get("export_token", pair.source)
    if token is None or pair.source_facts is None:
        return False
    state = find_export(run.clients.source, pair.source_facts.arn, token)
    if state is not None:
        _record(run, pair, token, state)
    return state is not None


def _record(run: Run, pair: Pair, token: str, state: ExportState) -> None:
    fact = {"method": "export", "started": stamp(run.now()), "token": token} | _said(state)
    run.ledger.put("export", pair.source, fact)


def _await_all(run: Run, pairs: list[Pair], watch: Watch, sleep: Callable[[float], None], deadline: float) -> list[str]:
    while True:
        _look(run, pairs)
        watch(run.ledger.all("export"))
        if not _in_progress(run, pairs):
            break
        _pause(run, sleep, deadline)
    mine = {pair.source for pair in pairs}
    return [
        f"export of {source} {fact['status']}: {fact.get('failure') or 'no reason was given'}"
        for source, fact in run.ledger.all("export").items()
        if source in mine and fact["status"] not in (DONE, "SKIPPED")
    ]


def _in_progress(run: Run, pairs: list[Pair]) -> list[str]:
    mine = {pair.source for pair in pairs}
    return [s for s, f in run.ledger.all("export").items() if f["status"] == "IN_PROGRESS" and s in mine]


def _look(run: Run, pairs: list[Pair]) -> None:
    """Ask about each export in progress; read the manifest of each that has completed."""
    for source in _in_progress(run, pairs):
        fact = run.ledger.get("export", source)
        state = describe_export(run.clients.source, fact["arn"])
        if state.status == DONE:
            manifest = load_manifest(run.clients, state.bucket, state.folder, need_sidecars=True)
            _check_is(manifest, state)
            _keep(run, source, fact | _said(state), manifest)
        elif state.status != "IN_PROGRESS":
            run.ledger.put("export", source, fact | _said(state) | {"finished": stamp(run.now())})


def _pause(run: Run, sleep: Callable[[float], None], deadline: float) -> None:
    if time.monotonic() > deadline:
        raise ExportError(
            f"exports are still running after export.timeout_minutes ({run.config.export.timeout_minutes:g}); "
            "run again with the same run id to go on waiting for them"
        )
    sleep(run.config.export.poll_seconds)


def _check_is(manifest: Manifest, state: ExportState) -> None:
    """The manifest must be the one of the export that was asked for, in every number AWS gave."""
    if manifest.export_arn != state.arn:
        raise ExportError(f"the manifest in {state.folder} is of {manifest.export_arn}, not of {state.arn}")
    if state.items is not None and state.items != manifest.items:
        raise ExportError(
            f"{state.arn}: DescribeExport says {state.items} items, its manifest {manifest.items}; export again"
        )


def _without_aws_export(run: Run, pair: Pair) -> None:
    """A scan, an export made earlier, or a table that is skipped; nothing is done twice."""
    fact = run.ledger.get("export", pair.source)
    if fact and fact["status"] == DONE:
        return
    fact = {"method": pair.method, "started": stamp(run.now()), "status": DONE, "failure": None, "read_units": None}
    if pair.method == "skip":
        run.ledger.put(
            "export", pair.source, fact | {"status": "SKIPPED", "arn": None, "failure": "no point-in-time recovery"}
        )
        return
    if pair.reuse is not None:
        where = {"arn": pair.reuse.arn, "bucket": pair.reuse.bucket, "folder": pair.reuse.folder}
    else:
        if pair.source_facts is None:
            raise ExportError(f"{pair.source} has no source facts; run 00_preflight again")
        arn, folder, fact["read_units"] = scan_to_staging(run, pair.source_facts, uuid.uuid4().hex)
        where = {"arn": arn, "bucket": run.config.staging.bucket, "folder": folder}
    manifest = load_manifest(run.clients, str(where["bucket"]), str(where["folder"]), need_sidecars=pair.reuse is None)
    _keep(run, pair.source, fact | where, manifest)


def _keep(run: Run, source: str, fact: dict[str, Any], manifest: Manifest) -> None:
    """Record a manifest and its files, all at once."""
    known = {k: v for k, v in asdict(manifest).items() if k != "files"}
    fact = fact | {
        "finished": stamp(run.now()),
        "manifest": known,
        "files": len(manifest.files),
        "items": manifest.items,
    }
    with run.ledger.batch():
        run.ledger.put("export", source, fact)
        run.ledger.write("DELETE FROM file WHERE source = ?", [(source,)])
        run.ledger.write(
            "INSERT INTO file (source, key, ordinal, md5, items) VALUES (?, ?, ?, ?, ?)",
            [(source, f.key, f.ordinal, f.md5, f.items) for f in manifest.files],
        )


def _said(state: ExportState) -> dict[str, Any]:
    return {
        "arn": state.arn, "status": state.status, "bucket": state.bucket, "folder": state.folder,
        "items": state.items, "failure": state.failure,
    }  # fmt: skip
