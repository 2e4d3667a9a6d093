"""Load the exports into the target tables: every item acknowledged, quarantined, or the import fails.

A table is bound to one export, one manifest and one target table before its first write. A table
that fails does not stop the others, and nothing that failed can pass.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime

from runbook_lib.aws.dynamodb.describe.tables import TableDescription
from runbook_lib.aws.dynamodb.describe.throughput import WriteLimits, write_limits
from runbook_lib.aws.transport.client import DynamoDBTransport
from runbook_lib.aws.transport.retry import Backoff
from runbook_lib.cluster.connect import open_roster
from runbook_lib.cluster.protocol import UnitContext
from runbook_lib.cluster.roster import WorkerRoster
from runbook_lib.cost.measure import Measure
from runbook_lib.errors import GateFailed, ResumeRefused, RunbookError, TransferError
from runbook_lib.load.distributed.coordinator import load_spread
from runbook_lib.load.distributed.shared_budget import SharedWriteBudget
from runbook_lib.load.distributed.worker import FileUnit
from runbook_lib.load.engine.batch_write import Target
from runbook_lib.load.engine.checkpoint import FileCheckpoint
from runbook_lib.load.engine.rate_control import WriteRateController
from runbook_lib.load.engine.scheduler import lanes_for
from runbook_lib.load.first_write import begin_writing, end_writing
from runbook_lib.load.table_load import TableLoad, TableProgress, Watch, check_only, files_of, load
from runbook_lib.load.targets.create_tables import note
from runbook_lib.load.targets.import_table import begin_import, check_files, finish_import
from runbook_lib.plan.pair import Pair
from runbook_lib.plan.writing import Method, Writing
from runbook_lib.run.admission.confirmation import check_confirmation
from runbook_lib.run.facts.export import EXPORTS, CompletedExport
from runbook_lib.run.facts.load import EXECUTED, IMPORTS, MEASURED, ImportFact, ImportStatus
from runbook_lib.run.facts.targets import CreationStatus
from runbook_lib.run.facts.validation import VALIDATIONS
from runbook_lib.run.run import Run
from runbook_lib.run.tables.files import counts_by_file
from runbook_lib.timestamps import format_timestamp


def import_tables(run: Run, watch: Watch = lambda progress: None) -> dict[str, ImportFact]:
    """Load every planned table, smallest first; returns the facts by source table.

    Without `run.execute` it does everything but write. A table that fails does not stop the
    others; at the end TransferError names each. Raises ConfigError before the first write
    unless the configuration spells the target.
    """
    with run.step("import"):
        pairs = [pair for pair in run.planned_pairs() if pair.method != Method.SKIP]
        if run.execute:
            check_confirmation(run.confirmation, run.clients)
            EXECUTED.record(run.ledger, True)
        writer = _writer(run, pairs) if run.execute else None
        exports = {p.source: _export_of(run, p) for p in pairs}
        failures: list[str] = []
        for pair in pairs:
            watch(TableProgress(pair.source, pair.target, exports[pair.source].items))
        pairs = sorted(pairs, key=lambda p: (exports[p.source].items, p.source))
        # A dry run has nothing to say about what this run has written before.
        pairs = [p for p in pairs if run.execute or not _is_begun(run, p)]
        own = [p for p in pairs if p.writing != Writing.IMPORT_TABLE]
        others = [p for p in pairs if p.writing == Writing.IMPORT_TABLE]
        # Those that DynamoDB fills by itself go on while the others are written here.
        failures += _each(run, others, lambda p: _begin_service(run, p, exports[p.source], watch))
        with open_roster(run, "import") if writer and own else nullcontext() as roster:
            failures += _each(run, own, lambda p: _import_table(run, p, exports[p.source], writer, watch, roster))
        begun = [p for p in others if run.execute and _is_asked_for(run, p)]
        failures += _each(run, begun, lambda p: _finish_service(run, p, exports[p.source], watch))
        if failures:
            raise TransferError("; ".join(failures))
        return IMPORTS.all(run.ledger)


def _each(run: Run, pairs: list[Pair], work: Callable[[Pair], None]) -> list[str]:
    """Do something for each table and go on past those that fail; what failed."""
    failures = []
    for pair in pairs:
        try:
            work(pair)
        except RunbookError as error:
            VALIDATIONS.forget(run.ledger, pair.source)  # of another target or export, or of what was there before
            if isinstance(error, ResumeRefused):
                raise
            failures.append(f"{pair.source}: {error}")
            fact = IMPORTS.of(run.ledger, pair.source) or ImportFact(ImportStatus.FAILED)
            failed = replace(fact, status=ImportStatus.FAILED, failure=str(error))
            IMPORTS.record(run.ledger, pair.source, failed)
    return failures


def _begin_service(run: Run, pair: Pair, export: CompletedExport, watch: Watch) -> None:
    """Have DynamoDB begin, or check and measure what it would read."""
    table_load = _loading(run, pair, export, watch)
    clock = time.monotonic()
    if run.execute:
        begin_import(run, pair, export, table_load)
        return
    fact = ImportFact(ImportStatus.DRY_RUN, format_timestamp(run.now()))
    check_files(run, pair, export, table_load)
    seconds, finished = round(time.monotonic() - clock, 3), format_timestamp(run.now())
    IMPORTS.record(run.ledger, pair.source, replace(fact, seconds=seconds, finished=finished))
    note(run, pair, CreationStatus.WOULD_BE_CREATED)
    table_load.show("checked")


def _finish_service(run: Run, pair: Pair, export: CompletedExport, watch: Watch) -> None:
    known = IMPORTS.needed(run.ledger, pair.source)
    if known.binding is None or known.binding.export_arn != export.arn:
        raise ResumeRefused(f"the import of {pair.source} is of another export; start a new run with another run id")
    if known.status == ImportStatus.COMPLETED:
        return
    table_load = _loading(run, pair, export, watch)
    try:
        finish_import(run, pair, export, table_load)
    finally:
        fact, now = IMPORTS.needed(run.ledger, pair.source), run.now()
        seconds = (now - datetime.fromisoformat(str(fact.started))).total_seconds()
        taken = replace(fact, seconds=round(seconds, 3), finished=format_timestamp(now))
        IMPORTS.record(run.ledger, pair.source, taken)
    table_load.show("done")


def _loading(run: Run, pair: Pair, export: CompletedExport, watch: Watch) -> TableLoad:
    return TableLoad(
        run=run,
        bucket=export.bucket,
        files=files_of(run, pair.source),
        progress=TableProgress(pair.source, pair.target, export.items),
        watch=watch,
    )


def _is_asked_for(run: Run, pair: Pair) -> bool:
    """Whether AWS has taken an ImportTable of this run's for the table."""
    known = IMPORTS.of(run.ledger, pair.source)
    return known is not None and known.import_table is not None and bool(known.import_table.arn)


def _writer(run: Run, pairs: list[Pair]) -> DynamoDBTransport:
    """A wire for the tables that are written here: by batches of puts, or by puts where nothing is."""
    here = [pair for pair in pairs if pair.writing != Writing.IMPORT_TABLE]
    if run.config.import_.on_non_empty != "append":
        return run.clients.writer(frozenset(pair.target for pair in here))
    return run.clients.appender({pair.target: _partition(pair) for pair in here if pair.target_facts})


def _partition(pair: Pair) -> str:
    return next(attribute.name for attribute in _facts(pair).key if attribute.role == "HASH")


def _export_of(run: Run, pair: Pair) -> CompletedExport:
    fact = EXPORTS.of(run.ledger, pair.source)
    completed = fact.completed if fact is not None else None
    if completed is None:
        state = fact.status if fact is not None else "not begun"
        raise GateFailed(f"the export of {pair.source} should be COMPLETED and is {state}; run 10_export first")
    return completed


def _import_table(
    run: Run,
    pair: Pair,
    export: CompletedExport,
    writer: DynamoDBTransport | None,
    watch: Watch,
    roster: WorkerRoster | None,
) -> None:
    """Load one table, or check and measure it when there is no writer."""
    fact = begin_writing(run, pair, export, execute=writer is not None)
    table_load = _loading(run, pair, export, watch)
    clock, spent = time.monotonic(), fact.seconds or 0.0
    try:
        if writer is None:
            shape = pair.target_facts or pair.source_facts  # of a target that is made as its source is
            measure = Measure(shape.indexes, shape.key) if shape else Measure()
            check_only(table_load, measure)
            MEASURED.record(run.ledger, pair.source, measure.as_fact())
        else:
            limits = write_limits(run.clients.target, pair.target)
            fact = replace(fact, limits=limits)
            if roster is None:
                load(table_load, _target(run, pair, writer, limits, len(table_load.files)))
            else:
                _load_spread(table_load, pair, export, limits, roster)
    finally:
        fact = replace(fact, seconds=round(spent + time.monotonic() - clock, 3), finished=format_timestamp(run.now()))
        if writer is not None:
            fact = replace(fact, counted=True)  # all that was acknowledged is in the ledger
        IMPORTS.record(run.ledger, pair.source, fact)
    if table_load.failures:
        raise TransferError("; ".join(table_load.failures))
    if writer is not None:
        _check_conservation(run, pair.source)
        end_writing(run, pair)
    status = ImportStatus.COMPLETED if writer else ImportStatus.DRY_RUN
    IMPORTS.record(run.ledger, pair.source, replace(fact, status=status, failure=None))
    table_load.show("done" if writer else "checked")


def _load_spread(
    table_load: TableLoad, pair: Pair, export: CompletedExport, limits: WriteLimits, roster: WorkerRoster
) -> None:
    run = table_load.run
    site, key, secret = UnitContext(run.config, run.clients.target_identity.place), _facts(pair).key, run.secret

    def unit(name: str, file: FileCheckpoint) -> FileUnit:
        return FileUnit(name, site, export.bucket, file.file, pair.target, key, secret)

    load_spread(table_load, roster, SharedWriteBudget(limits.start, _ceiling(run, limits), known=limits.known), unit)


def _is_begun(run: Run, pair: Pair) -> bool:
    known = IMPORTS.of(run.ledger, pair.source)
    return known is not None and known.has_begun


def _target(run: Run, pair: Pair, writer: DynamoDBTransport, limits: WriteLimits, files: int) -> Target:
    settings, stop, ceiling = run.config.import_, threading.Event(), _ceiling(run, limits)

    def sleep(seconds: float) -> None:
        stop.wait(seconds)

    return Target(
        transport=writer,
        table=pair.target,
        key=_facts(pair).key,
        replace=settings.on_non_empty != "append",
        backoff=Backoff(sleep=sleep),
        stop=stop,
        capacity=WriteRateController(
            lanes_for(files, limits.start if ceiling is None else min(limits.start, ceiling)),
            settings.concurrency,
            limits.start,
            ceiling,
            known=limits.known,
        ),
        secret=run.secret,
    )


def target_of(run: Run, pair: Pair, writer: DynamoDBTransport, files: int) -> Target:
    """A target as the import has it, for whatever else this run writes to it from so many files."""
    return _target(run, pair, writer, write_limits(run.clients.target, pair.target), files)


def _ceiling(run: Run, limits: WriteLimits) -> float | None:
    """Write units per second that the table may be given at most."""
    return min((c for c in (run.config.import_.max_wcu, limits.maximum) if c is not None), default=None)


def _facts(pair: Pair) -> TableDescription:
    if pair.target_facts is None:
        raise GateFailed(f"target {pair.target} did not exist at the pre-flight; create it and run 00_preflight again")
    return pair.target_facts


def _check_conservation(run: Run, source: str) -> None:
    """Law 1: for every file, exported = lines read = written + quarantined + present."""
    for file in counts_by_file(run.ledger, source):
        if not file.add_up:
            raise TransferError(
                f"{file.key}: the manifest says {file.items} items, {file.lines} lines were read, "
                f"{file.written} written, {file.present} present and {file.quarantined} quarantined; they should "
                "add up"
            )
