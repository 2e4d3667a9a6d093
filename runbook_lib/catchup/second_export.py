"""A second full export, at the end of the last window: the only proof that the windows were complete."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime

from runbook_lib.aws.dynamodb.exports import ExportState, find_export, start_export
from runbook_lib.catchup.ask import ended_export
from runbook_lib.errors import ExportError
from runbook_lib.plan.pair import Pair
from runbook_lib.plan.reuse import ended_manifest
from runbook_lib.run.facts.windows import SECOND_EXPORTS, SUPERSEDED_EXPORTS, SecondExport
from runbook_lib.run.run import Run
from runbook_lib.run.tables.windows import keep_export_files
from runbook_lib.run.waiting import Sleep, Wait
from runbook_lib.timestamps import format_timestamp
from runbook_lib.transform.second import derive_second

RUNNING, DONE = "IN_PROGRESS", "COMPLETED"


def export_again(run: Run, pair: Pair, moment: datetime, sleep: Sleep) -> SecondExport:
    """Have the source exported as it was at `moment`; a later moment than before is another export."""
    known = begin_second_export(run, pair, moment, sleep)
    if known.items is not None:
        return known
    arn = known.arn or ""
    state = _patience(run, pair, sleep).until(lambda: ended_export(run, arn))
    if state.status != DONE:
        why = state.failure or "no reason was given"
        raise ExportError(f"the second export of {pair.source} ended as {state.status}: {why}; run again")
    manifest = ended_manifest(run.clients, state)
    keep_export_files(run.ledger, pair.source, arn, manifest.files)  # also for who has to remove them
    known, manifest = derive_second(run, pair, known, manifest)
    with run.ledger.batch():
        keep_export_files(run.ledger, pair.source, known.arn or "", manifest.files)
        md5 = manifest.summary_md5 + manifest.files_md5
        return _keep(run, pair, replace(known, items=manifest.items, manifest_md5=md5))


def begin_second_export(run: Run, pair: Pair, moment: datetime, sleep: Sleep) -> SecondExport:
    """Ask for the second export and do not wait for it."""
    known = SECOND_EXPORTS.of(run.ledger, pair.source)
    if known is None or known.moment != format_timestamp(moment):
        if known is not None and known.arn is not None:
            SUPERSEDED_EXPORTS.record(run.ledger, f"{pair.source} {known.arn}", known)  # it has files to be removed
        known = _keep(run, pair, SecondExport(format_timestamp(moment), str(uuid.uuid4())))
    if known.arn is not None:
        return known
    asked = known
    begun = _patience(run, pair, sleep).until(lambda: _begun(run, pair, asked, moment))
    return _keep(run, pair, replace(known, arn=begun.arn, bucket=begun.bucket, folder=begun.folder))


def _patience(run: Run, pair: Pair, sleep: Sleep) -> Wait:
    minutes = run.config.export.timeout_minutes

    def late(failure: str) -> ExportError:
        return ExportError(
            f"the second export of {pair.source} is still running after export.timeout_minutes ({minutes:g}){failure}; "
            "run the same command again to go on waiting for it"
        )

    return Wait(minutes * 60, run.config.export.poll_seconds, late, sleep)


def _keep(run: Run, pair: Pair, made: SecondExport) -> SecondExport:
    SECOND_EXPORTS.record(run.ledger, pair.source, made)
    return made


def _begun(run: Run, pair: Pair, known: SecondExport, moment: datetime) -> ExportState | None:
    if pair.source_facts is None:
        raise ExportError(f"{pair.source} has no source facts; run 00_preflight again")
    staging, arn = run.config.staging, pair.source_facts.arn
    return find_export(run.clients.source, arn, known.token) or start_export(
        run.clients.source, arn, known.token, moment,
        staging.bucket, staging.prefix, staging.bucket_owner, staging.kms_key_id,
    )  # fmt: skip
