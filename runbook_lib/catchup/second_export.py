"""A second full export, at the end of the last window: the only proof that the windows were complete."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from runbook_lib.aws.dynamodb.exports import ExportState, start_export
from runbook_lib.errors import ExportError
from runbook_lib.export.asked import OwnExport, new_token
from runbook_lib.plan.pair import Pair
from runbook_lib.plan.reuse import ended_manifest
from runbook_lib.run.facts.windows import SECOND_EXPORTS, SUPERSEDED_EXPORTS, SecondExport
from runbook_lib.run.run import Run
from runbook_lib.run.tables.windows import keep_export_files
from runbook_lib.run.waiting import Sleep
from runbook_lib.timestamps import format_timestamp
from runbook_lib.transform.second import derive_second


def export_again(run: Run, pair: Pair, moment: datetime, sleep: Sleep) -> SecondExport:
    """Have the source exported as it was at `moment`; a later moment than before is another export."""
    known = begin_second_export(run, pair, moment, sleep)
    if known.items is not None:
        return known
    state = _own_export(run, pair, sleep).completed(known)
    manifest = ended_manifest(run.clients, state)
    keep_export_files(run.ledger, pair.source, state.arn, manifest.files)  # also for who has to remove them
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
        known = _keep(run, pair, SecondExport(format_timestamp(moment), new_token()))
    return known if known.items is not None else _own_export(run, pair, sleep).begun(known)


def _own_export(run: Run, pair: Pair, sleep: Sleep) -> OwnExport[SecondExport]:
    if pair.source_facts is None:
        raise ExportError(f"{pair.source} has no source facts; run 00_preflight again")
    staging, arn = run.config.staging, pair.source_facts.arn

    def start(asked: SecondExport) -> ExportState | None:
        return start_export(
            run.clients.source, arn, asked.token, datetime.fromisoformat(asked.moment),
            staging.bucket, staging.prefix, staging.bucket_owner, staging.kms_key_id,
        )  # fmt: skip

    what = f"the second export of {pair.source}"
    return OwnExport(run, what, run.clients.source, arn, start, lambda fact: _keep(run, pair, fact), sleep)


def _keep(run: Run, pair: Pair, made: SecondExport) -> SecondExport:
    SECOND_EXPORTS.record(run.ledger, pair.source, made)
    return made
