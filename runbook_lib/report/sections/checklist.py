"""The reference migration's validation checklist, answered with measurements.

Each line of it was ticked by hand once. Here a line is answered by the record or it says that
nobody measured it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from runbook_lib.aws.guard.allowed_calls import ALWAYS, ASKED
from runbook_lib.config.check_ids import CheckId
from runbook_lib.record.run_json import Record
from runbook_lib.report.figures.totals import chosen, total
from runbook_lib.report.sections.findings import expected_in_target, unproved
from runbook_lib.report.sections.schema_findings import (
    canaries,
    canary_summary,
    compared,
    index_rows,
    index_summary,
    migrated,
    schemas_differ,
)
from runbook_lib.report.text import NOT_MEASURED, count, pluralize

YES, NO, PARTLY, READ_ONLY = "yes", "no", "in part", "yes, read only"
READING = ("BatchGet", "Describe", "Get", "Head", "List", "Query", "Scan", "Simulate")
EXPORTING = "ExportTableToPointInTime"
ASKED_FOR = {
    "UpdateContinuousBackups": "turns point-in-time recovery on, for export.enable_pitr or a created table",
    "UpdateTable": "raises warm throughput, for import.warm_throughput, settles a table that ImportTable made, or "
    "lifts a protection at a cleanup",
    "ImportTable": "has DynamoDB make and fill a table from the export, for import.strategy",
    "ListObjectsV2": "lists the folder that ImportTable reads, to hold it against the manifest",
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


def checklist(record: Record) -> list[ChecklistAnswer]:
    """Every line of the reference checklist, in its order."""
    moved = record | {"tables": chosen(record)}
    left = len(record.get("tables") or []) - len(moved["tables"])
    return [
        _less(_exported(moved), left),
        _less(_imported(moved), left),
        _less(_schemas(moved), left),
        _less(_counts(moved), left),
        _import_errors(moved),
        _source_untouched(moved),
        _less(_compared(moved), left),
        _connected(moved),
    ]


def _less(check: ChecklistAnswer, left: int) -> ChecklistAnswer:
    """What is answered for all tables of the migration file: in part, where the run leaves some of them out."""
    if not left:
        return check
    answer = PARTLY if check.answer == YES else check.answer
    return replace(
        check, answer=answer, evidence=f"{check.evidence} Not chosen for this run: {pluralize(left, 'table')}."
    )


def calls(record: Record) -> list[CallSummary]:
    """The counted calls of all sides, and whether each operation is on its side's list of allowed ones."""
    found = []
    for side, always in ALWAYS.items():
        allowed = always | ASKED[side]
        names = {operation.split(":", 1)[1] for operation in allowed}
        made: Mapping[str, int | None] = record.get(f"{side}_calls") or {}
        found += [CallSummary(side, op, made[op], op in names, _effect(op)) for op in sorted(made)]
    return found


def _effect(operation: str) -> str:
    if operation == EXPORTING:
        return "starts an export to S3; the table stays as it is"
    if operation in ASKED_FOR:
        return ASKED_FOR[operation]
    return "reads" if operation.startswith(READING) else "writes"


def _region(record: Record, side: str) -> str:
    known = ((record.get("identity") or {}).get(side) or {}).get("region")
    return str(known or f"the {side} region")


def _exported(record: Record) -> ChecklistAnswer:
    tables, claim = record.get("tables") or [], f"All tables exported from {_region(record, 'source')}"
    done = [t for t in tables if t.get("items_exported") is not None]
    if not tables:
        return ChecklistAnswer(claim, NOT_MEASURED, "The record holds no table.")
    methods = Counter("an earlier export" if t.get("reused") else str(t.get("method")) for t in done)
    names = {"export": "AWS export", "scan": "Scan"}
    how = ", ".join(f"{n:,} by {names.get(m, m)}" for m, n in sorted(methods.items()))
    evidence = f"{len(done):,} of {pluralize(len(tables), 'table')} exported{': ' + how if how else ''}."
    return ChecklistAnswer(claim, YES if len(done) == len(tables) else NO, evidence)


def _imported(record: Record) -> ChecklistAnswer:
    tables, claim = record.get("tables") or [], f"All tables imported to {_region(record, 'target')}"
    if not tables:
        return ChecklistAnswer(claim, NOT_MEASURED, "The record holds no table.")
    if not record.get("executed"):
        compared = any(t.get("compared_only") for t in tables)
        return ChecklistAnswer(
            claim, NO, f"{'Comparison only: n' if compared else 'N'}othing was written to the target."
        )
    whole = [t for t in tables if _is_loaded(t)]
    written, exported = total(tables, "items_written"), total(tables, "items_exported")
    evidence = (
        f"{len(whole):,} of {pluralize(len(tables), 'table')} loaded to the end, every item acknowledged by "
        f"the target; "
        f"acknowledged writes: {written}, exported items: {exported}."
    )
    return ChecklistAnswer(claim, YES if len(whole) == len(tables) else NO, evidence)


def _is_loaded(table: Record) -> bool:
    """Loaded to its end with nothing left over; an export without data files has nothing to acknowledge."""
    exported, written = table.get("items_exported"), table.get("items_written")
    ended = ((table.get("spans") or {}).get("import") or [None, None])[1] is not None
    nothing = exported == 0 and table.get("files") == 0
    taken = None if written is None else written + (table.get("items_present") or 0)
    return exported is not None and ended and (nothing or taken == exported) and not table.get("items_quarantined")


def _schemas(record: Record) -> ChecklistAnswer:
    claim = "Table schemas match production"
    wrong = [b for b in record.get("blockers") or [] if b.get("id") in (CheckId.KEY, CheckId.TARGET_TABLE)]
    if wrong:
        names = ", ".join(str(b.get("table")) for b in wrong)
        return ChecklistAnswer(claim, NO, f"The pre-flight found another key or no table: {names}.")
    tables = migrated(record)
    known = [t for t in tables if compared(t)]
    if not known:
        return ChecklistAnswer(claim, NOT_MEASURED, "No definition of a target was compared with its source's.")
    schema, other, gaps = schemas_differ(record)
    evidence = (
        f"Keys, attribute types, indexes and every setting compared for {len(known):,} of "
        f"{pluralize(len(tables), 'table')}: keys or indexes differ for {schema:,}, anything for {other:,}, "
        f"something could "
        f"not be asked for {gaps:,}. See Definition parity."
    )
    whole = len(known) == len(tables) and not other and not gaps
    return ChecklistAnswer(claim, NO if schema else YES if whole else PARTLY, evidence)


def _counts(record: Record) -> ChecklistAnswer:
    tables, claim = record.get("tables") or [], "Item counts verified"
    proved, wrong = [t for t in tables if not unproved(t)], [t for t in tables if _counts_differ(t)]
    sums = ", ".join(
        f"{name} {total(tables, field)}"
        for name, field in (
            ("manifest", "items_exported"),
            ("lines read", "lines_read"),
            ("acknowledged writes", "items_written"),
            ("in the targets by scan", "items_in_target"),
        )
    )
    evidence = f"Four counts and the comparison agree for {len(proved):,} of {pluralize(len(tables), 'table')}: {sums}."
    if wrong:
        return ChecklistAnswer(claim, NO, f"{evidence} They differ for {pluralize(len(wrong), 'table')}.")
    return ChecklistAnswer(claim, YES if tables and len(proved) == len(tables) else NOT_MEASURED, evidence)


def _counts_differ(table: Record) -> bool:
    """Whether two counts that were both taken say different things, after an import."""
    if table.get("items_in_target") is None:
        return False
    exported = table.get("items_exported")
    written = table.get("items_written")
    written = None if written is None else written + (table.get("items_present") or 0)
    taken = [v for v in (table.get("lines_read"), written) if v is not None]
    return any(v != exported for v in taken) or expected_in_target(table) not in (None, table["items_in_target"])


def _import_errors(record: Record) -> ChecklistAnswer:
    claim, tables = "No import errors", record.get("tables") or []
    quarantined = total(tables, "items_quarantined")
    status = _status(record, "import")
    evidence = f"Import step: {status}; items in quarantine: {quarantined}."
    if not record.get("executed"):
        evidence += " Nothing was written: at most reading and checking was tried."
    if quarantined.value or status in ("failed", "interrupted"):
        return ChecklistAnswer(claim, NO, evidence)
    measured = status == "completed" and quarantined.whole and record.get("executed")
    return ChecklistAnswer(claim, YES if measured else NOT_MEASURED, evidence)


def _source_untouched(record: Record) -> ChecklistAnswer:
    claim = f"{_region(record, 'source')} unaffected (READ ONLY confirmed)"
    made = [c for c in calls(record) if c.side == "source"]
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
    cost = " Scan uses read capacity of the source tables; how much was not measured." if scans else ""
    return ChecklistAnswer(
        claim, READ_ONLY, f"{evidence} All are on the list of allowed ones; none of those writes to a table.{cost}"
    )


def _compared(record: Record) -> ChecklistAnswer:
    claim, tables = "Sample data queries validated", record.get("tables") or []
    rows = index_rows(record)
    asked = [r for r in rows if r.get("state") == "checked"]
    missing, different, extra = (total(tables, kind) for kind in ("missing", "different", "extra"))
    if missing.value or different.value or any(r.get("wrong_keys") for r in asked):
        answer = NO
    elif missing.whole and different.whole:
        every = asked and not any(r.get("state") == "not checked" or r.get("left_out") for r in rows)
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
        f"{index_summary(record)} Beside that every item of {missing.known:,} of {pluralize(len(tables), 'table')} was "
        f"compared with its export: missing {missing}, different {different}, extra {extra}.",
    )


def _connected(record: Record) -> ChecklistAnswer:
    states = [canary["state"] for canary in canaries(record)]
    answer = NO if "failed" in states else PARTLY if "done" in states else NOT_MEASURED
    return ChecklistAnswer("Application connectivity tested", answer, canary_summary(record))


def _status(record: Record, step: str) -> str:
    for known in record.get("steps") or []:
        if known.get("name") == step:
            return str(known.get("status") or "not recorded")
    return "not recorded"
