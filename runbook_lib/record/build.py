"""The record of a run, gathered from its ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import islice

from runbook_lib.cost.actual import actual_usage
from runbook_lib.errors import LedgerError
from runbook_lib.record.actors import DECISIVE, acting, asked_to_write, decisive_code
from runbook_lib.record.gathered.cut_over import cut_over_record
from runbook_lib.record.gathered.rates import throughput
from runbook_lib.record.gathered.table_row import planned_rows, rows_left_out, section_of
from runbook_lib.record.gathered.transformed import leaks_judged
from runbook_lib.record.listings import gap_rows, references_record, repair_rows, surroundings_record, window_rows
from runbook_lib.record.model.comparison import DifferenceRecord, ItemDifferences
from runbook_lib.record.model.cost import EstimateRecord, Measured, RecoveryTurnedOn, Usage, WarmedUp
from runbook_lib.record.model.repair import RollbackRecord
from runbook_lib.record.model.run import (
    Accepted,
    AnchorRecord,
    AttemptRecord,
    CheckRecord,
    CodeRecord,
    EngineRecord,
    IdentityRecord,
    ObstacleRecord,
    QuarantineRecord,
    RemovalRecord,
    SignerRecord,
    StepRecord,
    Totals,
    WhoActed,
    WorkerRecord,
)
from runbook_lib.record.model.table import TableRecord
from runbook_lib.record.model.transform import SoughtRecord
from runbook_lib.record.model.windows import WindowRecord
from runbook_lib.record.not_checked import Unchecked, unchecked
from runbook_lib.record.remedy import repair_command
from runbook_lib.record.run_json import RunRecord, misfit_of
from runbook_lib.record.verdict import doubted, run_verdict
from runbook_lib.run.facts.afterwards.rollback import ROLLBACKS, ROLLED_BACK
from runbook_lib.run.facts.codec import to_json
from runbook_lib.run.facts.estimate import ESTIMATES
from runbook_lib.run.facts.export import EXPORT_TIME, RECOVERIES
from runbook_lib.run.facts.load import ENGINES, EXECUTED, IMPORTS, MEASURED, ImportStatus
from runbook_lib.run.facts.masking.leak_scan import SOUGHT
from runbook_lib.run.facts.masking.transform import TRANSFORM_ASKED
from runbook_lib.run.facts.plan import BLOCKERS, CHECKS, PLAN_FILE, WARNINGS, planned_pairs_of
from runbook_lib.run.facts.publication import ANCHOR, PUBLICATION, SIGNER
from runbook_lib.run.facts.starts import (
    ACCEPTED,
    ATTEMPTS,
    CODES,
    STARTED,
    STEP_SECONDS,
    STEP_STARTS,
    StepFact,
    StepStatus,
)
from runbook_lib.run.facts.targets import CLEANED, REMOVALS, WARMED
from runbook_lib.run.facts.windows import WindowState
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.steps import (
    CATCH_UP,
    CUT_OVER,
    REPAIR,
    STEPS,
    SURROUNDINGS,
    step_outcome,
    with_transform,
    with_windows,
)
from runbook_lib.run.tables.comparison import count_differences, differences
from runbook_lib.run.tables.throughput import request_times, samples, shifts
from runbook_lib.run.tables.unwritten import refused_reasons
from runbook_lib.run.tables.wrong_items import may_repair
from runbook_lib.run.verdicts import FAIL, RUNNING
from runbook_lib.run.witnesses.export_users import not_held
from runbook_lib.timestamps import format_timestamp

SUMMED = (
    "items_exported", "items_written", "items_filtered", "items_quarantined", "items_present", "items_in_target",
    "bytes",
)  # fmt: skip
SHOWN_DIFFERENCES = 100


def build_record(
    ledger: Ledger, run_id: str, name: str, *, running: bool = False, interrupted: bool = False
) -> RunRecord:
    """All of `run.json`, as the ledger knows it now; of a run that was published nothing but what the ledger knows.

    Raises LedgerError where a fact is not of its type, or what it says cannot be: a count below zero, for instance.
    """
    try:
        return _gathered(ledger, run_id, name, running, interrupted)
    except ValueError as error:
        raise LedgerError(
            f"{ledger.path}: what it holds makes no record: {misfit_of(error)}; the ledger is damaged or another "
            "tool's, start a new run with another run id"
        ) from None


def _gathered(ledger: Ledger, run_id: str, name: str, running: bool, interrupted: bool) -> RunRecord:
    published = None if running else PUBLICATION.of(ledger)
    executed, accept = EXECUTED.of(ledger) is True, _accept(ledger)
    steps, checks = step_rows(ledger), _checks(ledger)
    tables, left = planned_rows(ledger, executed, asked_to_write(ledger)), rows_left_out(ledger)
    unknown = unchecked(checks, tables, accept)
    tables = [_doubted(_leaks_judged(ledger, table), unknown) for table in tables]
    judged = [step for step in steps if step.name != "report"] if running else steps
    switch = cut_over_record(ledger, planned_pairs_of(ledger))
    verdict, reasons = run_verdict(executed, interrupted, judged, tables, unknown, switch)
    totals = _totals(tables, left, steps, STEP_SECONDS.all(ledger))
    windows = window_rows(ledger)
    return RunRecord(
        run_id=run_id,
        name=name,
        verdict=RUNNING if running else verdict,
        reasons=[] if running else [str(reason) for reason in reasons],
        grounds=[] if running else [reason.recorded() for reason in reasons],
        complete=not left,
        executed=executed,
        started=STARTED.of(ledger),
        finished=None if running else _finished(steps, published.at if published else None),
        export_time=EXPORT_TIME.of(ledger),
        plan_digest=planned.digest if (planned := PLAN_FILE.of(ledger)) else None,
        attempts=[section_of(AttemptRecord, fact) for fact in ATTEMPTS.of(ledger) or ()],
        steps=steps,
        totals=totals,
        tables=[*tables, *left],
        differences=_differences(ledger),
        quarantine=[section_of(QuarantineRecord, row) for row in refused_reasons(ledger)],
        windows=windows,
        lag_seconds=max((t.lag_seconds for t in tables if t.lag_seconds is not None), default=None),
        accepted_gaps=gap_rows(ledger),
        repairs=repair_rows(ledger),
        rolled_back=ROLLED_BACK.of(ledger),
        rollbacks=[section_of(RollbackRecord, fact) for fact in ROLLBACKS.all(ledger).values()],
        repair_command=None if running or verdict != FAIL else _remedy(ledger, run_id, tables, windows),
        cut_over=switch,
        blockers=[section_of(ObstacleRecord, fact) for fact in BLOCKERS.of(ledger) or ()],
        warnings=[section_of(ObstacleRecord, fact) for fact in WARNINGS.of(ledger) or ()],
        checks=checks,
        not_checked=[u.recorded() for u in unknown],
        accept=Accepted(not_checked=accept),
        references=references_record(ledger),
        surroundings=surroundings_record(ledger),
        estimates={stage: section_of(EstimateRecord, fact) for stage, fact in ESTIMATES.all(ledger).items()},
        engine={step: section_of(EngineRecord, fact) for step, fact in ENGINES.all(ledger).items()},
        workers=[section_of(WorkerRecord, row) for row in shifts(ledger)],
        spent=Usage.model_validate(actual_usage(ledger, totals.seconds or 0.0)),
        throughput=throughput(samples(ledger), request_times(ledger)),
        measured={source: section_of(Measured, fact) for source, fact in MEASURED.all(ledger).items()},
        recovery_turned_on={s: section_of(RecoveryTurnedOn, fact) for s, fact in RECOVERIES.all(ledger).items()},
        warmed={target: section_of(WarmedUp, fact) for target, fact in WARMED.all(ledger).items()},
        source_calls=ledger.calls("source"),
        target_calls=ledger.calls("target"),
        staging_calls=ledger.calls("staging"),
        cleaned=CLEANED.of(ledger),
        cleanup=[section_of(RemovalRecord, fact) for fact in REMOVALS.all(ledger).values()],
        identity=IdentityRecord(**{side: _who(ledger, side) for side in DECISIVE}),
        code=section_of(CodeRecord, decisive_code(ledger, published)),
        codes={name: section_of(CodeRecord, fact) for name, fact in CODES.all(ledger).items()},
        leak_scan=section_of(SoughtRecord, sought) if (sought := SOUGHT.of(ledger)) else None,
        anchor=section_of(AnchorRecord, anchor) if (anchor := ANCHOR.of(ledger)) else None,
        signer=section_of(SignerRecord, signer) if (signer := SIGNER.of(ledger)) else None,
    )


def _remedy(ledger: Ledger, run_id: str, tables: list[TableRecord], windows: list[WindowRecord]) -> str | None:
    """The command that would repair what is wrong of a run that is not cleaned up; none that would be refused."""
    if any(window.state == WindowState.APPLYING or window.secret_lost for window in windows):
        return None  # nobody can say which keys are as they should be
    loaded = {source for source, fact in IMPORTS.all(ledger).items() if fact.status == ImportStatus.COMPLETED}
    attempts = [section_of(AttemptRecord, fact) for fact in ATTEMPTS.of(ledger) or ()]
    may = partial(may_repair, ledger)
    gone = CLEANED.of(ledger) or ROLLED_BACK.of(ledger)
    return None if gone else repair_command(run_id, tables, loaded, attempts, may)


def _who(ledger: Ledger, side: str) -> WhoActed:
    fact = acting(ledger, side)
    return section_of(WhoActed, fact) if fact else WhoActed()


def not_checked(ledger: Ledger) -> list[Unchecked]:
    """What nobody could look at, as it is known now."""
    tables = planned_rows(ledger, EXECUTED.of(ledger) is True, asked_to_write(ledger))
    return unchecked(_checks(ledger), tables, _accept(ledger))


def _checks(ledger: Ledger) -> list[CheckRecord]:
    return [section_of(CheckRecord, fact) for fact in (*(CHECKS.of(ledger) or ()), *not_held(ledger))]


def _accept(ledger: Ledger) -> dict[str, list[str]]:
    """What the migration file let stay unknown when a step last looked, or judged."""
    return ACCEPTED.of(ledger) or {}


def step_rows(ledger: Ledger) -> list[StepRecord]:
    """Every step, as its last attempt left it."""
    return [step_row(ledger, step) for step in _known_steps(ledger)]


def step_row(ledger: Ledger, step: str) -> StepRecord:
    """One step, as its last attempt left it; what that left undone is not done by a look."""
    return StepRecord.model_validate(
        {"name": step, "seconds": 0.0}
        | to_json(step_outcome(ledger, step) or StepFact(StepStatus.NOT_RUN))
        | {"starts": to_json(STEP_STARTS.of(ledger, step) or ())}
    )


def _known_steps(ledger: Ledger) -> tuple[str, ...]:
    """The steps of every run, and those that this one had beside them."""
    steps = with_transform(STEPS) if TRANSFORM_ASKED.of(ledger) else STEPS
    steps = with_windows(steps) if STEP_STARTS.of(ledger, CATCH_UP) else steps
    at = steps.index("validate")
    steps = (*steps[:at], REPAIR, *steps[at:]) if STEP_STARTS.of(ledger, REPAIR) else steps
    for step in (CUT_OVER, SURROUNDINGS):
        steps = (*steps[:-1], step, steps[-1]) if STEP_STARTS.of(ledger, step) else steps
    return steps


def _leaks_judged(ledger: Ledger, table: TableRecord) -> TableRecord:
    """A table of which raw values are in the target, or whose target was not scanned for them, is no PASS."""
    masks = table.transform is not None and table.transform.masks
    verdict, reasons = leaks_judged(ledger, table.source, masks, table.verdict, table.reasons)
    return table.model_copy(update={"verdict": verdict, "reasons": reasons})


def _doubted(table: TableRecord, unknown: Sequence[Unchecked]) -> TableRecord:
    """Take back the PASS of a table of which something is not known and may not stay so."""
    of_it = [u for u in unknown if u.source == table.source]
    verdict, reasons = doubted(table.verdict, table.reasons, of_it)
    return table.model_copy(update={"verdict": verdict, "reasons": reasons})


def _differences(ledger: Ledger) -> ItemDifferences:
    """How many differences `differences.jsonl` lists, and the first of them, as it does."""
    first = [section_of(DifferenceRecord, row) for row in islice(differences(ledger), SHOWN_DIFFERENCES)]
    return ItemDifferences(listed=count_differences(ledger), first=first)


def _finished(steps: list[StepRecord], published: str | None) -> str:
    """When the last step ended. A report that is written again later does not make a run longer."""
    ended = [s.finished for s in steps if s.finished and s.name != "report"]
    return max(ended, default=published or format_timestamp(datetime.now(UTC)))


def _totals(
    tables: list[TableRecord], left: list[TableRecord], steps: list[StepRecord], earlier: Mapping[str, float]
) -> Totals:
    """Sums over the tables that were measured; None where none was. The seconds are those of every start."""
    sums = {name: _sum([t.count(name) for t in tables]) for name in SUMMED}
    least = [t.items_written_at_least for t in tables if t.items_written_at_least is not None]
    return Totals(
        tables=len(tables) + len(left),
        tables_not_chosen=len(left),
        **sums,
        items_written_at_least=(sums["items_written"] or 0) + sum(least) if least else None,
        seconds=round(sum((s.seconds or 0.0) + earlier.get(s.name, 0.0) for s in steps), 3),
    )


def _sum(values: list[int | None]) -> int | None:
    known = [v for v in values if v is not None]
    return sum(known) if known else None
