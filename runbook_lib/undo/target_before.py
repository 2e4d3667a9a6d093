"""A target as it was before a run wrote to it, exported by DynamoDB from the target's own point-in-time recovery."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from runbook_lib.aws.dynamodb.backups import recovery_of
from runbook_lib.aws.dynamodb.describe.tables import TableDescription
from runbook_lib.aws.dynamodb.exports import ExportState, start_export
from runbook_lib.aws.session.granted_calls import target_exporter
from runbook_lib.errors import GateFailed
from runbook_lib.export.asked import OwnExport, new_token
from runbook_lib.export_format.manifest import DataFile
from runbook_lib.plan.pair import Pair
from runbook_lib.plan.reuse import ended_manifest
from runbook_lib.run.facts.afterwards.rollback import TARGETS_BEFORE, TargetBefore
from runbook_lib.run.facts.load import ImportFact
from runbook_lib.run.run import Run
from runbook_lib.run.tables.windows import export_files, keep_export_files
from runbook_lib.run.waiting import Sleep
from runbook_lib.timestamps import format_timestamp


def moment_before(loaded: ImportFact) -> datetime:
    """The whole second in which the import of a table began, before its first write."""
    return datetime.fromisoformat(str(loaded.started)).astimezone(UTC).replace(microsecond=0)


def refuse_unrecoverable(run: Run, pair: Pair, loaded: ImportFact) -> None:
    """Raise GateFailed unless the target's recovery reaches back to before the run's first write, without a break."""
    recovery, moment = recovery_of(run.clients.target, pair.target), moment_before(loaded)
    if not recovery.on:
        raise GateFailed(
            f"target {pair.target} should have point-in-time recovery and has not, so what was there before "
            f"{format_timestamp(moment)} is not known; nothing was written"
        )
    if recovery.earliest is None or recovery.earliest > moment:
        since = format_timestamp(recovery.earliest.astimezone(UTC)) if recovery.earliest else "no time that AWS names"
        raise GateFailed(
            f"the recovery of target {pair.target} should reach back to {format_timestamp(moment)}, when this run "
            f"began to write, and reaches back to {since}: it was turned off meanwhile, or that is too long ago. "
            "Nothing was written"
        )


def export_before(
    run: Run, pair: Pair, table: TableDescription, loaded: ImportFact, sleep: Sleep
) -> tuple[TargetBefore, list[DataFile]]:
    """Have the target exported as it was before the run; what an earlier start has asked for is found again."""
    known = TARGETS_BEFORE.of(run.ledger, pair.source)
    if known is None:
        known = _keep(run, pair, TargetBefore(format_timestamp(moment_before(loaded)), new_token()))
    if known.items is None:
        export = _own_export(run, pair, table, sleep)
        known = export.begun(known)
        state = export.completed(known)
        manifest = ended_manifest(run.clients, state)
        with run.ledger.batch():
            keep_export_files(run.ledger, pair.source, state.arn, manifest.files)
            md5 = manifest.summary_md5 + manifest.files_md5
            known = _keep(run, pair, replace(known, items=manifest.items, manifest_md5=md5))
    return known, [row.file for row in export_files(run.ledger, pair.source, str(known.arn))]


def _keep(run: Run, pair: Pair, made: TargetBefore) -> TargetBefore:
    TARGETS_BEFORE.record(run.ledger, pair.source, made)
    return made


def _own_export(run: Run, pair: Pair, table: TableDescription, sleep: Sleep) -> OwnExport[TargetBefore]:
    staging, client = run.config.target_staging, target_exporter(run.clients, frozenset({pair.target}))

    def start(asked: TargetBefore) -> ExportState | None:
        return start_export(
            client, table.arn, asked.token, datetime.fromisoformat(asked.moment),
            staging.bucket, staging.prefix, staging.bucket_owner, staging.kms_key_id,
        )  # fmt: skip

    what = f"the export of target {pair.target}"
    return OwnExport(run, what, client, table.arn, start, lambda fact: _keep(run, pair, fact), sleep)
