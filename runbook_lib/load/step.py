"""Load the exports into the target tables: every item acknowledged, quarantined, or the import fails.

A table is bound to one export, one manifest and one target table before its first write. A table
that fails does not stop the others, and nothing that failed can pass.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime
from typing import Any

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
from runbook_lib.plan.writing import IMPORT_TABLE
from runbook_lib.run.admission.confirmation import check_confirmation
from runbook_lib.run.run import Run
from runbook_lib.run.tables.files import counts_by_file
from runbook_lib.timestamps import format_timestamp


def import_tables(run: Run, watch: Watch = lambda progress: None) -> dict[str, dict[str, Any]]:
    """Load every planned table, smallest first; returns the facts by source table.

    Without `run.execute` it does everything but write. A table that fails does not stop the
    others; at the end TransferError names each. Raises ConfigError before the first write
    unless the configuration spells the target.
    """
    with run.step("import"):
        pairs = [pair for pair in run.planned_pairs() if pair.method != "skip"]
        if run.execute:
            check_confirmation(run.confirmation, run.clients)
            run.ledger.put("run", "executed", True)
        writer = _writer(run, pairs) if run.execute else None
        exports = {p.source: _export_of(run, p) for p in pairs}
        failures: list[str] = []
        for pair in pairs:
            watch(TableProgress(pair.source, pair.target, exports[pair.source]["items"]))
        pairs = sorted(pairs, key=lambda p: (exports[p.source]["items"], p.source))
        # A dry run has nothing to say about what this run has written before.
        pairs = [p for p in pairs if run.execute or not _is_begun(run, p)]
        own = [p for p in pairs if p.writing != IMPORT_TABLE]
        others = [p for p in pairs if p.writing == IMPORT_TABLE]
        # Those that DynamoDB fills by itself go on while the others are written here.
        failures += _each(run, others, lambda p: _begin_service(run, p, exports[p.source], watch))
        with open_roster(run, "import") if writer and own else nullcontext() as roster:
            failures += _each(run, own, lambda p: _import_table(run, p, exports[p.source], writer, watch, roster))
        begun = [p for p in others if run.execute and (_service(run, p) or {}).get("arn")]
        failures += _each(run, begun, lambda p: _finish_service(run, p, exports[p.source], watch))
        if failures:
            raise TransferError("; ".join(failures))
        return run.ledger.all("import")


def _each(run: Run, pairs: list[Pair], work: Callable[[Pair], None]) -> list[str]:
    """Do something for each table and go on past those that fail; what failed."""
    failures = []
    for pair in pairs:
        try:
            work(pair)
        except RunbookError as error:
            run.ledger.forget("validation", pair.source)  # of another target or export, or of what was there before
            if isinstance(error, ResumeRefused):
                raise
            failures.append(f"{pair.source}: {error}")
            fact = run.ledger.get("import", pair.source) or {}
            run.ledger.put("import", pair.source, fact | {"status": "failed", "failure": str(error)})
    return failures


def _begin_service(run: Run, pair: Pair, export: dict[str, Any], watch: Watch) -> None:
    """Have DynamoDB begin, or check and measure what it would read."""
    table_load = _loading(run, pair, export, watch)
    clock = time.monotonic()
    if run.execute:
        begin_import(run, pair, export, table_load)
        return
    fact = {"status": "dry-run", "started": format_timestamp(run.now()), "failure": None}
    check_files(run, pair, export, table_load)
    taken = {"seconds": round(time.monotonic() - clock, 3), "finished": format_timestamp(run.now())}
    run.ledger.put("import", pair.source, fact | taken)
    note(run, pair, {"status": "would be created"})
    table_load.show("checked")


def _finish_service(run: Run, pair: Pair, export: dict[str, Any], watch: Watch) -> None:
    known: dict[str, Any] = run.ledger.get("import", pair.source)
    if known["binding"]["export_arn"] != export["arn"]:
        raise ResumeRefused(f"the import of {pair.source} is of another export; start a new run with another run id")
    if known["status"] == "completed":
        return
    table_load = _loading(run, pair, export, watch)
    try:
        finish_import(run, pair, export, table_load)
    finally:
        fact = run.ledger.get("import", pair.source)
        seconds = (run.now() - datetime.fromisoformat(fact["started"])).total_seconds()
        run.ledger.put(
            "import", pair.source, fact | {"seconds": round(seconds, 3), "finished": format_timestamp(run.now())}
        )
    table_load.show("done")


def _loading(run: Run, pair: Pair, export: dict[str, Any], watch: Watch) -> TableLoad:
    return TableLoad(
        run=run,
        bucket=export["bucket"],
        files=files_of(run, pair.source),
        progress=TableProgress(pair.source, pair.target, export["items"]),
        watch=watch,
    )


def _service(run: Run, pair: Pair) -> dict[str, Any] | None:
    """What is known of the table's ImportTable, if this run has asked for one."""
    known: dict[str, Any] | None = (run.ledger.get("import", pair.source) or {}).get("import_table")
    return known


def _writer(run: Run, pairs: list[Pair]) -> DynamoDBTransport:
    """A wire for the tables that are written here: by batches of puts, or by puts where nothing is."""
    here = [pair for pair in pairs if pair.writing != IMPORT_TABLE]
    if run.config.import_.on_non_empty != "append":
        return run.clients.writer(frozenset(pair.target for pair in here))
    return run.clients.appender({pair.target: _partition(pair) for pair in here if pair.target_facts})


def _partition(pair: Pair) -> str:
    return next(attribute.name for attribute in _facts(pair).key if attribute.role == "HASH")


def _export_of(run: Run, pair: Pair) -> dict[str, Any]:
    fact: dict[str, Any] | None = run.ledger.get("export", pair.source)
    if fact is None or fact["status"] != "COMPLETED":
        state = fact["status"] if fact else "not begun"
        raise GateFailed(f"the export of {pair.source} should be COMPLETED and is {state}; run 10_export first")
    return fact


def _import_table(
    run: Run,
    pair: Pair,
    export: dict[str, Any],
    writer: DynamoDBTransport | None,
    watch: Watch,
    roster: WorkerRoster | None,
) -> None:
    """Load one table, or check and measure it when there is no writer."""
    fact = begin_writing(run, pair, export, execute=writer is not None)
    table_load = _loading(run, pair, export, watch)
    clock, spent = time.monotonic(), fact.get("seconds", 0.0)
    try:
        if writer is None:
            shape = pair.target_facts or pair.source_facts  # of a target that is made as its source is
            measure = Measure(shape.indexes, shape.key) if shape else Measure()
            check_only(table_load, measure)
            run.ledger.put("measured", pair.source, measure.as_facts())
        else:
            limits = write_limits(run.clients.target, pair.target)
            fact["limits"] = limits.as_facts()
            if roster is None:
                load(table_load, _target(run, pair, writer, limits, len(table_load.files)))
            else:
                _load_spread(table_load, pair, export, limits, roster)
    finally:
        fact |= {"seconds": round(spent + time.monotonic() - clock, 3), "finished": format_timestamp(run.now())}
        fact |= {"counted": True} if writer is not None else {}  # all that was acknowledged is in the ledger
        run.ledger.put("import", pair.source, fact)
    if table_load.failures:
        raise TransferError("; ".join(table_load.failures))
    if writer is not None:
        _check_conservation(run, pair.source)
        end_writing(run, pair)
    run.ledger.put("import", pair.source, fact | {"status": "completed" if writer else "dry-run", "failure": None})
    table_load.show("done" if writer else "checked")


def _load_spread(
    table_load: TableLoad, pair: Pair, export: dict[str, Any], limits: WriteLimits, roster: WorkerRoster
) -> None:
    run = table_load.run
    site, key, secret = UnitContext(run.config, run.clients.target_identity.place), _facts(pair).key, run.secret

    def unit(name: str, file: FileCheckpoint) -> FileUnit:
        return FileUnit(name, site, export["bucket"], file.file, pair.target, key, secret)

    load_spread(table_load, roster, SharedWriteBudget(limits.start, _ceiling(run, limits), known=limits.known), unit)


def _is_begun(run: Run, pair: Pair) -> bool:
    known = run.ledger.get("import", pair.source) or {}
    return bool(known.get("binding") or known.get("import_table"))


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
