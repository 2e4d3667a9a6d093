"""The exports of another run, for a run that uses them again: `export.reuse_run`.

What the other run's sealed ledger says of an export decides which it is; what lies in S3, and what AWS says of it, are
then held against that. Its folder is only read.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from runbook_lib.aws.session.clients import Clients
from runbook_lib.config.model import Migration
from runbook_lib.errors import ConfigError, EvidenceError, ForbiddenCall, LedgerError, ManifestError, RunbookError
from runbook_lib.export_format.manifest import table_of
from runbook_lib.plan.reuse import Reuse, find_reuse, read_reused
from runbook_lib.run.admission.admit import LEDGER, folder_of
from runbook_lib.run.facts.export import EXPORTS, CompletedExport, ExportFact
from runbook_lib.run.facts.masking.transform import TRANSFORMS
from runbook_lib.run.facts.publication import PUBLICATION
from runbook_lib.run.facts.starts import IDENTITIES
from runbook_lib.run.facts.targets import CLEANED
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.sealed.seal import verify
from runbook_lib.run.sealed_ledger import SealedLedger

WITHOUT = "take export.reuse_run out to export anew"


def earlier_exports(config: Migration, clients: Clients) -> dict[str, Reuse]:
    """The exports that `export.reuse` or `export.reuse_run` names, by source table; {} where neither does.

    Raises ConfigError for one that is not usable, and for a run that is not sealed, not as it was sealed, cleaned up,
    of another source, or one of whose exports is not whole or not what its ledger says.
    """
    if config.export.reuse_run is None:
        return find_reuse(config, clients)
    run_id = config.export.reuse_run
    try:
        with closing(_opened(run_id)) as ledger:
            _refuse_other_source(ledger, clients, run_id)
            held = _held(ledger, config, run_id)
    except (LedgerError, ManifestError) as error:
        raise ConfigError(f"export.reuse_run: the ledger of run {run_id} cannot be used: {error}; {WITHOUT}") from None
    return {source: look_at_export(source, reuse, clients) for source, reuse in held.items()}


def _opened(run_id: str) -> Ledger:
    """The ledger of a sealed run of that very name."""
    folder = folder_of(run_id)
    if not folder.is_dir():
        raise ConfigError(
            f"export.reuse_run: expected the folder of run {run_id} at {folder}, found none; put it there, "
            f"set RUNBOOK_REPORTS to where it lies, or {WITHOUT}"
        )
    _refuse_unsealed(folder, run_id)
    ledger = SealedLedger(folder / LEDGER)
    try:
        published = PUBLICATION.of(ledger)
        if published is None or published.run_id != run_id:
            found = f"run {published.run_id}" if published else "a run that was never published"
            raise ConfigError(
                f"export.reuse_run: expected the folder of run {run_id} at {folder}, found that of {found}; "
                f"name that run if it "
                "is meant, and call no folder by another run's id"
            )
        if cleaned := CLEANED.of(ledger):
            raise ConfigError(
                f"export.reuse_run: run {run_id} was cleaned up at {cleaned}, and its exports with it; name "
                f"another run, "
                f"or {WITHOUT}"
            )
        return ledger
    except BaseException:
        ledger.close()
        raise


def _refuse_unsealed(folder: Path, run_id: str) -> None:
    try:
        verify(folder)
    except (ConfigError, EvidenceError) as error:
        raise ConfigError(
            f"export.reuse_run: expected run {run_id} finished and as it was sealed: {error}. "
            f"Wait until it has ended, get its folder as it was, or {WITHOUT}"
        ) from None


def _refuse_other_source(ledger: Ledger, clients: Clients, run_id: str) -> None:
    known, who = IDENTITIES.of(ledger, "source"), clients.source_identity
    if known is not None and (known.account, known.region) != (who.account, who.region):
        raise ConfigError(
            f"export.reuse_run: run {run_id} exported from {known.account}/{known.region}, and source is "
            f"{who.account}/{who.region}; name a run of this source, or {WITHOUT}"
        )


def _held(ledger: Ledger, config: Migration, run_id: str) -> dict[str, Reuse]:
    """What the ledger knows of the exports of the tables that the migration file selects; an export not whole raises.

    Of a table that was transformed it is the export as the source was.
    """
    transforms, held, wrong = TRANSFORMS.all(ledger), {}, []
    for source, fact in EXPORTS.all(ledger).items():
        if not _selected(config, source):
            continue
        raw = transforms[source].raw if source in transforms else fact
        if (export := raw.completed) is None:
            wrong.append(f"export.reuse_run: {source}: {_not_whole(raw, run_id)}")
        else:
            held[source] = _reuse_of(export, run_id)
    if wrong:
        raise ConfigError("\n".join(wrong))
    if not held:
        raise ConfigError(
            f"export.reuse_run: run {run_id} holds no export of a table that tables.include selects; name another run, "
            f"or {WITHOUT}"
        )
    return held


def _not_whole(fact: ExportFact, run_id: str) -> str:
    why = f" ({fact.failure})" if fact.failure else ""
    return (
        f"expected a completed export of it in run {run_id}, found {fact.status}{why}; leave the table out "
        f"(tables.exclude), resume that run, or {WITHOUT}"
    )


def _selected(config: Migration, source: str) -> bool:
    def among(globs: list[str]) -> bool:
        return any(fnmatchcase(source, glob) for glob in globs)

    return among(config.tables.include) and not among(config.tables.exclude)


def _reuse_of(export: CompletedExport, run_id: str) -> Reuse:
    known = export.manifest
    return Reuse(
        reference=f"s3://{export.bucket}/{known.folder}",
        arn=known.export_arn,
        bucket=export.bucket,
        folder=known.folder,
        table=table_of(known.table_arn),
        table_arn=known.table_arn,
        table_id=known.table_id,
        summary_md5=known.summary_md5,
        files_md5=known.files_md5,
        run=run_id,
    )


def look_at_export(source: str, held: Reuse, clients: Clients) -> Reuse:
    """The export as it lies in S3 and as AWS says of it now, which is what the other run's ledger holds."""
    try:
        _, whole = read_reused(clients, held, f"the ledger of run {held.run}", f"Put it back, or {WITHOUT}")
    except ForbiddenCall:
        raise
    except RunbookError as error:
        raise ConfigError(f"export.reuse_run: {source}: {error}") from None
    return replace(held, whole=whole)
