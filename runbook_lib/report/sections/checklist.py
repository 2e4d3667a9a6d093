"""The reference migration's validation checklist, answered with measurements.

Each line of it was ticked by hand once. Here a line is answered by the record or it says that
nobody measured it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from runbook_lib.aws.guard.allowed_calls import ALWAYS, ASKED
from runbook_lib.config.check_ids import CheckId
from runbook_lib.plan.check import NOT_CHECKED
from runbook_lib.record.model.table import TableRecord
from runbook_lib.report.figures.cut_over import hook_lines
from runbook_lib.report.figures.proof_of_tables import arrived, expected_in_target, unproved
from runbook_lib.report.figures.run_figures import RunFigures
from runbook_lib.report.figures.windows import due_in_targets
from runbook_lib.report.sections.schema_findings import (
    canaries,
    canary_summary,
    compared,
    index_rows,
    index_summary,
    migrated,
    schemas_differ,
)
from runbook_lib.report.text import NOT_MEASURED, NOT_RECORDED, count, pluralize
from runbook_lib.run.facts.cut_over.gates import Gate

YES, NO, PARTLY, READ_ONLY = "yes", "no", "in part", "yes, read only"
READING = ("BatchGet", "Describe", "Get", "Head", "List", "Query", "Scan", "Simulate")
CONNECTED = "Application connectivity tested"
EXPORTING = "ExportTableToPointInTime"
ASKED_FOR = {
    "UpdateContinuousBackups": "turns point-in-time recovery on, for export.enable_pitr or a created table",
    "UpdateTable": "raises warm throughput, for import.warm_throughput, settles a table that ImportTable made, or "
    "lifts a protection at a cleanup",
    "ImportTable": "has DynamoDB make and fill a table from the export, for import.strategy",
    "StartBulkPutItems": "has DynamoDB fill a table that is there from the export, for import.strategy",
    "ListObjectsV2": "lists the folder that ImportTable or a bulk put reads, to hold it against the manifest, and what "
    "the latter left",
}


@dataclass(frozen=True, slots=True)
class ChecklistAnswer:
    """One line of the checklist: the claim, a short answer or `not measured`, and the evidence."""

    claim: str
    answer: str
    evidence: str


@dataclass(frozen=True, slots=True)
class CallSummary:
    """How often one side was asked for one operation."""

    side: str
    operation: str
    count: int | None
    allowed: bool
    effect: str


def checklist(figures: RunFigures) -> list[ChecklistAnswer]:
    """Every line of the reference checklist, in its order."""
    left = figures.left
    return [
        _less(_exported(figures), left),
        _less(_imported(figures), left),
        _less(_schemas(figures), left),
        _less(_counts(figures), left),
        _import_errors(figures),
        _source_untouched(figures),
        _less(_compared(figures), left),
        _connected(figures),
    ]


def _less(check: ChecklistAnswer, left: int) -> ChecklistAnswer:
    """What is answered for all tables of the migration file: in part, where the run leaves some of them out."""
    if not left:
        return check
    answer = PARTLY if check.answer == YES else check.answer
    return replace(
        check, answer=answer, evidence=f"{check.evidence} Not chosen for this run: {pluralize(left, 'table')}."
    )


def calls(figures: RunFigures) -> list[CallSummary]:
    """The counted calls of all sides, and whether each operation is on its side's list of allowed ones."""
    found = []
    for side, always in ALWAYS.items():
        allowed = always | ASKED[side]
        names = {operation.split(":", 1)[1] for operation in allowed}
        made = figures.record.calls(side)
        found += [CallSummary(side, op, made[op], op in names, _effect(op)) for op in sorted(made)]
    return found


def _effect(operation: str) -> str:
    if operation == EXPORTING:
        return "starts an export to S3; the table stays as it is"
    if operation in ASKED_FOR:
        return ASKED_FOR[operation]
    return "reads" if operation.startswith(READING) else "writes"


def _region(figures: RunFigures, side: str) -> str:
    return figures.record.identity.of(side).region or f"the {side} region"


def _exported(figures: RunFigures) -> ChecklistAnswer:
    tables, claim = figures.chosen, f"All tables exported from {_region(figures, 'source')}"
    done = [t for t in tables if t.items_exported is not None]
    if not tables:
        return ChecklistAnswer(claim, NOT_MEASURED, "The record holds no table.")
    methods = Counter("an earlier export" if t.reused else str(t.method) for t in done)
    names = {"export": "AWS export", "scan": "Scan"}
    how = ", ".join(f"{n:,} by {names.get(m, m)}" for m, n in sorted(methods.items()))
    evidence = f"{len(done):,} of {pluralize(len(tables), 'table')} exported{': ' + how if how else ''}."
    return ChecklistAnswer(claim, YES if len(done) == len(tables) else NO, evidence)


def _imported(figures: RunFigures) -> ChecklistAnswer:
    tables, claim = figures.chosen, f"All tables imported to {_region(figures, 'target')}"
    if not tables:
        return ChecklistAnswer(claim, NOT_MEASURED, "The record holds no table.")
    if not figures.record.executed:
        compared = any(t.compared_only for t in tables)
        return ChecklistAnswer(
            claim, NO, f"{'Comparison only: n' if compared else 'N'}othing was written to the target."
        )
    whole = [t for t in tables if _is_loaded(t)]
    written, exported = figures.sums["items_written"], figures.sums["items_exported"]
    evidence = (
        f"{len(whole):,} of {pluralize(len(tables), 'table')} completely loaded, every item acknowledged by "
        f"the target; "
        f"acknowledged writes: {written}, exported items: {exported}."
    )
    return ChecklistAnswer(claim, YES if len(whole) == len(tables) else NO, evidence)


def _is_loaded(table: TableRecord) -> bool:
    """Loaded to its end with nothing left over; an export without data files has nothing to acknowledge."""
    exported = table.items_due
    ended = table.spans.import_[1] is not None
    nothing = exported == 0 and table.files == 0
    return exported is not None and ended and (nothing or arrived(table) == exported) and not table.items_quarantined


def _schemas(figures: RunFigures) -> ChecklistAnswer:
    claim = "Table schemas match production"
    wrong = [b for b in figures.record.blockers if b.id in (CheckId.KEY, CheckId.TARGET_TABLE)]
    if wrong:
        names = ", ".join(b.table for b in wrong)
        return ChecklistAnswer(claim, NO, f"The pre-flight found another key or no table: {names}.")
    tables = migrated(figures)
    known = [t for t in tables if compared(t)]
    if not known:
        return ChecklistAnswer(claim, NOT_MEASURED, "No definition of a target was compared with its source's.")
    schema, other, gaps = schemas_differ(figures)
    evidence = (
        f"Keys, attribute types, indexes and every setting compared for {len(known):,} of "
        f"{pluralize(len(tables), 'table')}: keys or indexes differ for {schema:,}, any "
        f"property for {other:,}, something could not be read for {gaps:,}. See Definition parity."
    )
    whole = len(known) == len(tables) and not other and not gaps
    return ChecklistAnswer(claim, NO if schema else YES if whole else PARTLY, evidence)


def _counts(figures: RunFigures) -> ChecklistAnswer:
    tables, claim = figures.chosen, "Item counts verified"
    proved, wrong = [t for t in tables if not unproved(t)], [t for t in tables if _counts_differ(t)]
    sums = ", ".join(
        f"{name} {figures.sums[field]}"
        for name, field in (
            ("manifest", "items_exported"),
            ("lines read", "lines_read"),
            ("acknowledged writes", "items_written"),
            ("in the targets by scan", "items_in_target"),
        )
    )
    evidence = f"Four counts and the comparison agree for {len(proved):,} of {pluralize(len(tables), 'table')}: {sums}."
    if any(table.changes for table in figures.record.tables):
        evidence += f" With the catch-up: {due_in_targets(figures.record)}."
    if wrong:
        return ChecklistAnswer(claim, NO, f"{evidence} They differ for {pluralize(len(wrong), 'table')}.")
    return ChecklistAnswer(claim, YES if tables and len(proved) == len(tables) else NOT_MEASURED, evidence)


def _counts_differ(table: TableRecord) -> bool:
    """Whether two counts that were both taken say different things, after an import."""
    if table.items_in_target is None:
        return False
    exported = table.items_due
    taken = [v for v in (table.lines_read, arrived(table)) if v is not None]
    return any(v != exported for v in taken) or expected_in_target(table) not in (None, table.items_in_target)


def _import_errors(figures: RunFigures) -> ChecklistAnswer:
    claim = "No import errors"
    quarantined = figures.sums["items_quarantined"]
    status = _status(figures, "import")
    evidence = f"Import step: {status}; items in quarantine: {quarantined}."
    if not figures.record.executed:
        evidence += " Nothing was written; items were at most read and checked."
    if quarantined.value or status in ("failed", "interrupted"):
        return ChecklistAnswer(claim, NO, evidence)
    measured = status == "completed" and quarantined.whole and figures.record.executed
    return ChecklistAnswer(claim, YES if measured else NOT_MEASURED, evidence)


def _source_untouched(figures: RunFigures) -> ChecklistAnswer:
    claim = f"{_region(figures, 'source')} unaffected (READ ONLY confirmed)"
    made = [c for c in calls(figures) if c.side == "source"]
    if not made:
        return ChecklistAnswer(claim, NOT_MEASURED, "The record counts no call to the source.")
    listed = ", ".join(f"{c.operation} {count(c.count)}" for c in made)
    wrong = [c.operation for c in made if not c.allowed or c.effect == "writes" or c.operation in ASKED_FOR]
    if any(c.count is None for c in made):
        return ChecklistAnswer(claim, NOT_MEASURED, f"The record does not say how often: {listed}.")
    evidence = f"{pluralize(sum(c.count or 0 for c in made), 'call')}: {listed}."
    if wrong:
        return ChecklistAnswer(claim, NO, f"{evidence} Not on the list of reading operations: {', '.join(wrong)}.")
    scans = any(c.operation == "Scan" for c in made)
    units = figures.record.spent.scan_units
    used = NOT_MEASURED if units is None else f"{pluralize(round(units), 'read unit')}, as the answers say"
    cost = f" Scan uses read capacity of the source tables: {used}." if scans else ""
    return ChecklistAnswer(
        claim, READ_ONLY, f"{evidence} All are on the list of allowed calls, none of which writes to a table.{cost}"
    )


def _compared(figures: RunFigures) -> ChecklistAnswer:
    claim, tables = "Sample data queries validated", figures.chosen
    rows = index_rows(figures)
    asked = [r.facts for r in rows if r.facts.state == "checked"]
    missing, different, extra = (figures.sums[kind] for kind in ("missing", "different", "extra"))
    if missing.value or different.value or any(facts.wrong_keys for facts in asked):
        answer = NO
    elif missing.whole and different.whole:
        every = asked and not any(r.facts.state == NOT_CHECKED or r.facts.left_out for r in rows)
        answer = YES if every else PARTLY  # all of the data, but not every index was asked
    else:
        answer = NOT_MEASURED
    if not missing.known:
        return ChecklistAnswer(
            claim, NOT_MEASURED, "No item of a target was compared with its export, and no query was run."
        )
    return ChecklistAnswer(
        claim,
        answer,
        f"{index_summary(figures)} In addition, every item of {missing.known:,} of {pluralize(len(tables), 'table')} "
        f"was compared with its export: missing {missing}, different {different}, extra {extra}.",
    )


def _connected(figures: RunFigures) -> ChecklistAnswer:
    asked = figures.record.cut_over
    if asked is not None and (smoke := [hook for hook in asked.hooks if hook.gate == Gate.SMOKE]):
        said = " ".join(hook_lines(asked.model_copy(update={"hooks": smoke})))
        return ChecklistAnswer(CONNECTED, NO if any(hook.fault for hook in smoke) else YES, said)
    states = [canary.facts.state for canary in canaries(figures)]
    answer = NO if "failed" in states else PARTLY if "done" in states else NOT_MEASURED
    return ChecklistAnswer(CONNECTED, answer, canary_summary(figures))


def _status(figures: RunFigures, step: str) -> str:
    for known in figures.record.steps:
        if known.name == step:
            return known.status or NOT_RECORDED
    return NOT_RECORDED
