"""Tables that DynamoDB is not asked to export: scanned, exported earlier, or skipped; and how an export is recorded."""

from __future__ import annotations

import uuid
from dataclasses import replace

from runbook_lib.errors import ExportError, ForbiddenCall, PlanOutdated, RunbookError
from runbook_lib.export.scan_to_s3 import scan_to_staging
from runbook_lib.export_format.manifest import Manifest
from runbook_lib.plan.pair import Pair
from runbook_lib.plan.reuse import Reuse, load_manifest, read_reused
from runbook_lib.plan.writing import Method
from runbook_lib.run.facts.export import EXPORTS, ExportFact, ExportStatus, ManifestFact
from runbook_lib.run.run import Run
from runbook_lib.run.tables.files import keep_files
from runbook_lib.run.waiting import Wait
from runbook_lib.run.witnesses.export_users import hold_uses
from runbook_lib.timestamps import format_timestamp

DONE = ExportStatus.COMPLETED
WITHOUT_AWS = (Method.SCAN, Method.REUSE, Method.SKIP)


def get_without_aws(run: Run, pair: Pair, wait: Wait) -> list[ExportError]:
    """A scan, an export made earlier, or a table that is skipped; nothing is done twice.

    Returns why an earlier export that this run holds already is not to be used any more.
    """
    known = EXPORTS.of(run.ledger, pair.source)
    if known is not None and known.status == DONE:
        try:
            hold_uses(run, pair)
        except ExportError as error:
            return [ExportError(f"{pair.source}: {error}")]
        return []
    fact = ExportFact(pair.method, DONE, format_timestamp(run.now()))
    if pair.method == Method.SKIP:
        skipped = replace(fact, status=ExportStatus.SKIPPED, failure="no point-in-time recovery")
        EXPORTS.record(run.ledger, pair.source, skipped)
        return []
    try:
        if pair.reuse is not None:
            _take_reused(run, pair, pair.reuse, fact, wait)
        else:
            _scan(run, pair, fact)
    except ForbiddenCall:
        raise
    except RunbookError as error:
        EXPORTS.record(run.ledger, pair.source, ended_as(run, fact, ExportStatus.FAILED, error))
    return []


def _take_reused(run: Run, pair: Pair, reuse: Reuse, fact: ExportFact, wait: Wait) -> None:
    hold_uses(run, pair)  # before it is read: a cleanup that sees nobody removes it at once
    manifest, whole = wait.until(lambda: read_reused(run.clients, reuse))
    fact = replace(fact, arn=reuse.arn, bucket=reuse.bucket, folder=reuse.folder, whole=whole)
    keep_manifest(run, pair.source, fact, manifest)


def _scan(run: Run, pair: Pair, fact: ExportFact) -> None:
    if pair.source_facts is None:
        raise ExportError(f"{pair.source} has no source facts; run 00_preflight again")
    bucket = run.config.staging.bucket
    scanned = scan_to_staging(run, pair.source_facts, uuid.uuid4().hex)
    manifest = load_manifest(run.clients, bucket, scanned.folder, need_sidecars=True)
    fact = replace(fact, arn=scanned.arn, bucket=bucket, folder=scanned.folder)
    fact = replace(fact, read_units=scanned.read_units, witnesses=scanned.witnesses)
    keep_manifest(run, pair.source, fact, manifest)


def keep_manifest(run: Run, source: str, fact: ExportFact, manifest: Manifest) -> None:
    """Record the manifest of an export and its files, all at once."""
    fact = replace(
        fact,
        finished=format_timestamp(run.now()),
        manifest=ManifestFact.of(manifest),
        files=len(manifest.files),
        items=manifest.items,
    )
    with run.ledger.batch():
        EXPORTS.record(run.ledger, source, fact)
        keep_files(run.ledger, source, manifest.files)


def ended_as(run: Run, fact: ExportFact, status: ExportStatus, why: RunbookError) -> ExportFact:
    """The export as one of which nothing comes for now, and why."""
    outdated = True if isinstance(why, PlanOutdated) else None
    return replace(fact, status=status, failure=str(why), outdated=outdated, finished=format_timestamp(run.now()))
