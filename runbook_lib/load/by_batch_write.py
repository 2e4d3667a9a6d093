"""Targets that are written item by item: in batches of puts or, where nothing may be replaced, by conditional puts."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field, replace

from runbook_lib.aws.dynamodb.describe.tables import TableDescription
from runbook_lib.aws.dynamodb.describe.throughput import WriteLimits, write_limits
from runbook_lib.aws.transport.client import DynamoDBTransport
from runbook_lib.aws.transport.retry import Backoff
from runbook_lib.cluster.at_once import Share
from runbook_lib.cluster.protocol import UnitContext
from runbook_lib.cluster.roster import WorkerRoster
from runbook_lib.cost.measure import Measure
from runbook_lib.errors import GateFailed
from runbook_lib.export_format.change import ChangeWindow
from runbook_lib.load.distributed.coordinator import UnitOf, load_spread
from runbook_lib.load.distributed.shared_budget import SharedWriteBudget
from runbook_lib.load.distributed.worker import FileUnit
from runbook_lib.load.engine.batch_write import Target
from runbook_lib.load.engine.checkpoint import FileCheckpoint
from runbook_lib.load.engine.rate_control import WriteRateController
from runbook_lib.load.engine.scheduler import lanes_for
from runbook_lib.load.first_write import begin_writing, end_writing
from runbook_lib.load.table_load import TableLoad, check_only, load, refuse_unaccounted
from runbook_lib.load.table_writer import TableToFill, check_table
from runbook_lib.plan.pair import Pair
from runbook_lib.run.facts.load import IMPORTS, MEASURED, ImportStatus
from runbook_lib.run.run import Run
from runbook_lib.run.witnesses.writers.writing_marks import marked_end
from runbook_lib.timestamps import format_timestamp


def item_wire(run: Run, pairs: list[Pair]) -> DynamoDBTransport:
    """A wire for tables that are written item by item: by batches of puts, or by puts where nothing is."""
    if run.config.import_.on_non_empty != "append":
        return run.clients.writer(frozenset(pair.target for pair in pairs))
    return run.clients.appender({pair.target: _partition(pair) for pair in pairs if pair.target_facts})


@dataclass(frozen=True, slots=True)
class BatchTableWriter:
    """A TableWriter: it writes from this process or, where there is a `roster`, from its workers.

    `wire` is None where nothing may be written; `share` is what one table may use while others are written beside it.
    """

    wire: DynamoDBTransport | None
    roster: WorkerRoster | None = None
    share: Share = field(default_factory=Share)

    def check(self, table: TableToFill) -> None:
        """Fetch, check, parse and measure every file, and send nothing."""
        check_table(table, lambda loading: _measured(table, loading))

    def begin(self, table: TableToFill) -> None:
        """Nothing goes on by itself."""

    def finish(self, table: TableToFill) -> None:
        """Write the table from where the ledger knows it to be."""
        with marked_end(table.run, table.pair):
            self._write(table)

    def _write(self, table: TableToFill) -> None:
        run, pair = table.run, table.pair
        assert self.wire is not None, "a dry run only checks"
        fact = begin_writing(run, pair, table.export, lambda: table.loading().show("waiting"))
        loading, clock, spent = table.loading(), time.monotonic(), fact.seconds or 0.0
        try:
            limits = write_limits(run.clients.target, pair.target)
            fact = replace(fact, limits=limits)
            if self.roster is None:
                load(loading, _target(run, pair, self.wire, limits, len(loading.files), self.share))
            else:
                _load_spread(table, loading, limits, self.roster)
        finally:
            seconds, finished = round(spent + time.monotonic() - clock, 3), format_timestamp(run.now())
            # Counted: all that was acknowledged is in the ledger.
            fact = replace(fact, seconds=seconds, finished=finished, counted=True)
            IMPORTS.record(run.ledger, pair.source, fact)
        loading.refuse_failed()
        refuse_unaccounted(run, pair.source)
        end_writing(run, pair)
        IMPORTS.record(run.ledger, pair.source, replace(fact, status=ImportStatus.COMPLETED, failure=None))
        loading.show("done")


def _measured(table: TableToFill, loading: TableLoad) -> None:
    pair = table.pair
    shape = pair.target_facts or pair.source_facts  # of a target that is made as its source is
    measure = Measure(shape.indexes, shape.key) if shape else Measure()
    check_only(loading, measure)
    MEASURED.record(table.run.ledger, pair.source, measure.as_fact())


def _load_spread(table: TableToFill, loading: TableLoad, limits: WriteLimits, roster: WorkerRoster) -> None:
    unit_of = units_for(table.run, table.pair, table.export.bucket)
    load_spread(loading, roster, _budget(table.run, limits), unit_of)


def units_for(run: Run, pair: Pair, bucket: str, window: ChangeWindow | None = None) -> UnitOf:
    """What a worker is given of each file of a table."""
    site, key, secret = UnitContext(run.config, run.clients.target_identity.place), _facts(pair).key, run.secret

    def unit(name: str, file: FileCheckpoint) -> FileUnit:
        return FileUnit(name, site, bucket, file.file, pair.target, key, secret, window)

    return unit


def budget_of(run: Run, pair: Pair) -> SharedWriteBudget:
    """What workers may write of a table together, as the import has it, for whatever else they write of it."""
    return _budget(run, write_limits(run.clients.target, pair.target))


def _budget(run: Run, limits: WriteLimits) -> SharedWriteBudget:
    return SharedWriteBudget(limits.start, _ceiling(run, limits), known=limits.known)


def _partition(pair: Pair) -> str:
    return next(attribute.name for attribute in _facts(pair).key if attribute.role == "HASH")


def _target(run: Run, pair: Pair, writer: DynamoDBTransport, limits: WriteLimits, files: int, share: Share) -> Target:
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
            shared=share.of,
        ),
        secret=run.secret,
    )


def target_of(run: Run, pair: Pair, writer: DynamoDBTransport, files: int) -> Target:
    """A target as the import has it, for whatever else this run writes to it from so many files."""
    return _target(run, pair, writer, write_limits(run.clients.target, pair.target), files, Share())


def _ceiling(run: Run, limits: WriteLimits) -> float | None:
    """Write units per second that the table may be given at most."""
    return min((c for c in (run.config.import_.max_wcu, limits.maximum) if c is not None), default=None)


def _facts(pair: Pair) -> TableDescription:
    if pair.target_facts is None:
        raise GateFailed(f"target {pair.target} did not exist at the pre-flight; create it and run 00_preflight again")
    return pair.target_facts
