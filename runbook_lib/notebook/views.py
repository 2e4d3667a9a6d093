"""What each table of a notebook shows, made from the run's record as the report makes its own."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from runbook_lib.notebook.tables import (
    Column,
    ShownTable,
    names_column,
    number,
    outcome,
    reason,
    seconds,
    state_in_turn,
    weight,
    when_column,
)
from runbook_lib.plan.pair import Pair
from runbook_lib.plan.writing import Method, Writing
from runbook_lib.record.build import SHOWN_DIFFERENCES
from runbook_lib.record.model.table import SKIPPED
from runbook_lib.record.run_json import RunRecord
from runbook_lib.report.figures.cut_over import CUT_OVER_COLUMNS, cut_over_rows
from runbook_lib.report.model import ReportModel
from runbook_lib.report.sections.schema_findings import canary_summary
from runbook_lib.report.text import pluralize, spell_difference
from runbook_lib.run.facts.export import EXPORTS, ExportFact
from runbook_lib.run.facts.load import IMPORTS, ImportFact
from runbook_lib.run.facts.masking.windows import refused_of
from runbook_lib.run.facts.plan import NOT_CHOSEN_TABLES
from runbook_lib.run.facts.targets import CREATED, WARMED
from runbook_lib.run.facts.windows import windows_of
from runbook_lib.run.run import Run
from runbook_lib.run.tables.comparison import DifferenceRow, differences
from runbook_lib.run.verdicts import NOT_CHOSEN
from runbook_lib.schema.words import spell_key

TABLE = names_column("table")
COUNTED = {
    "items_exported": "manifest",
    "lines_read": "lines read",
    "items_written": "written",
    "items_in_target": "in target",
    "items_quarantined": "in quarantine",
    "missing": "missing",
    "extra": "extra",
    "different": "different",
    "expired": "expired",
}


def plan_table(run: Run) -> ShownTable:
    """Source and target names, methods, keys side by side, and sizes as DescribeTable remembers them."""
    left = NOT_CHOSEN_TABLES.all(run.ledger).values()
    rows = [_plan_row(pair, create=run.config.tables.create_missing) for pair in run.pairs()]
    rows += [(t.source, "not chosen", t.target, "", "", "", "", "", None, None) for t in left]
    columns = (
        TABLE, outcome("keys"), names_column("target"), Column("read by"), Column("written by"), Column("source key"),
        Column("target key"), Column("indexes"), number("items (hours old)"), weight("size (hours old)"),
    )  # fmt: skip
    return ShownTable.of(f"{pluralize(len(rows), 'table')} of the plan.", columns, rows, "There is no plan yet.")


def _plan_row(pair: Pair, *, create: bool) -> tuple[object, ...]:
    source, target = pair.source_facts, pair.target_facts
    if source is None:
        keys = "not known"
    elif target is None and pair.method == Method.SKIP:
        keys = "not migrated"
    elif target is None:
        keys = "to be created" if create or pair.writing == Writing.IMPORT_TABLE else "no target"
    else:
        keys = "same" if source.key == target.key else "different"
    return (
        pair.source, keys, pair.target, str(pair.method), str(pair.writing), spell_key(source.key) if source else "",
        spell_key(target.key) if target else "", f"{len(source.indexes) if source else 0} / "
        f"{len(target.indexes) if target else 0}", source.items_hint if source else None,
        source.bytes_hint if source else None,
    )  # fmt: skip


def checks_table(record: RunRecord) -> ShownTable:
    """Everything that was checked; the same outcome for many tables is one row."""
    columns = [
        Column("check"), outcome("outcome"), Column("at"), Column("expected"), Column("found"), Column("what to do"),
    ]  # fmt: skip
    rows = [(r.name, r.status, r.subjects, r.expected, r.found, r.remedy) for r in ReportModel(record).checks]
    return ShownTable.of("What was checked, what stands in the way first.", columns, rows, "Nothing was checked yet.")


def definitions_table(record: RunRecord) -> ShownTable:
    """Where the definitions of source and target differ; the same of many tables is one row."""
    columns = [
        Column("what"), outcome("rating"), Column("tables"), Column("source"), Column("target"), Column("what to do"),
    ]  # fmt: skip
    report = ReportModel(record)
    rows = [(r.what, r.rating, ", ".join(r.tables), r.source, r.target, r.remedy) for r in report.parity_rows]
    summary = " ".join(report.parity_summary)
    caption = f"Differences, those that block first. {summary}" if rows else "Definitions"
    return ShownTable.of(caption, columns, rows, summary)


def estimate_table(record: RunRecord) -> ShownTable:
    """What it will cost and how long it will take, as far as that is known now."""
    report = ReportModel(record)
    columns = [Column("measure"), *(Column(stage) for stage in report.stages)]
    rows = [(row.name, *row.estimates) for row in report.bill] if report.stages else []
    return ShownTable.of("What it takes, as it was estimated.", columns, rows, "Nothing is estimated yet.")


def export_named(fact: ExportFact) -> str:
    """The id of an export within its table; of a Scan that this tool named it, for AWS knows no such export."""
    name = (fact.arn or "").rpartition("/")[2]
    return f"{name} (named by this tool)" if fact.method == Method.SCAN and name else name


def export_table(run: Run) -> ShownTable:
    """What the manifests say was exported."""
    columns = [
        TABLE, outcome("state"), Column("method"), number("items"), number("files"), weight("size as billed"),
        Column("export"), Column("why"),
    ]  # fmt: skip
    rows = [
        (
            source, str(fact.status), str(fact.method), fact.items, fact.files,
            fact.manifest.billed_bytes if fact.manifest else None, export_named(fact), fact.failure,
        )
        for source, fact in EXPORTS.all(run.ledger).items()
    ]  # fmt: skip
    return ShownTable.of("According to the manifests.", columns, rows, "Nothing is exported yet.")


def created_table(run: Run) -> ShownTable:
    """The targets that did not exist, what became of them, and what their sources have beyond them."""
    columns = [Column("target"), outcome("state"), Column("what was left out"), when_column("at")]
    rows = [(f.target, str(f.status), "; ".join(f.left_out or ()), f.at) for f in CREATED.all(run.ledger).values()]
    return ShownTable.of("Targets that were missing.", columns, rows, "No target had to be created.")


def warmed_table(run: Run) -> ShownTable:
    """The targets whose warm throughput was raised, or would be."""
    columns = [Column("target"), outcome("state"), number("units before"), number("units asked for"), when_column("at")]
    rows = [
        (target, "done" if f.reached else "asked for", f.units_before, f.units, f.reached or f.asked)
        for target, f in WARMED.all(run.ledger).items()
    ]
    return ShownTable.of("Warmed targets.", columns, rows, "No target was to be warmed up.")


def import_table(run: Run, record: RunRecord) -> ShownTable:
    """What was acknowledged, table by table."""
    names = ("items_exported", "lines_read", "items_written", "items_present", "items_quarantined")
    states = IMPORTS.all(run.ledger)
    columns = [
        TABLE, outcome("state"), Column("target"),
        *(number(name) for name in ("exported", "read", "written", "present", "in quarantine")), seconds("time"),
    ]  # fmt: skip
    rows = [
        (
            t.source, _state(states.get(t.source)), t.target, *(getattr(t, name) for name in names),
            t.seconds_by_step.import_,
        )
        for t in record.tables
        if t.method not in (SKIPPED, NOT_CHOSEN)
    ]  # fmt: skip
    return ShownTable.of("Exported, read, written and in quarantine.", columns, rows, "Nothing is imported yet.")


def window_table(run: Run) -> ShownTable:
    """What was applied since the export, window by window, and the seconds of its lag."""
    columns = [
        TABLE, Column("window"), outcome("state"), when_column("from"), when_column("to"),
        *(number(name) for name in ("changes", "puts", "deletes", "in quarantine")),
        *(seconds(name) for name in ("lag: recovery", "export", "apply")),
    ]  # fmt: skip
    rows = [
        (
            w.source, w.number, str(w.state), w.start, w.end, w.changes, w.puts, w.deletes,
            refused_of(run.ledger, w.name, w.quarantined), *w.lag.values(),
        )
        for w in windows_of(run.ledger)
    ]  # fmt: skip
    return ShownTable.of("Windows, and the time from each one's end until it was applied.", columns, rows, "No window.")


def cut_over_table(record: RunRecord) -> ShownTable:
    """The gates of the cut-over in their order, those that were not reached too."""
    names = [name.lower() for name in CUT_OVER_COLUMNS]
    columns = [
        Column(names[0]), state_in_turn(names[1]), *(Column(name, moments=True) for name in names[2:4]),
        Column(names[4], whole=True), names_column(names[5]),
    ]  # fmt: skip
    return ShownTable.of(
        "The cut-over.", columns, [tuple(row) for row in cut_over_rows(record)], "No gate was reached."
    )


def _state(fact: ImportFact | None) -> str:
    return str(fact.status) if fact else "not begun"


def canary_table(record: RunRecord, *, asked: bool) -> ShownTable:
    """In which targets a reserved item was written, read back and deleted; `asked` is `validate.canary`."""
    columns = [TABLE, outcome("state"), Column("why"), seconds("time")]
    report = ReportModel(record)
    rows = [(c.table, c.facts.state, c.facts.why, c.facts.seconds) for c in report.canaries]
    none = canary_summary(report.figures) if asked else "No canary was written: validate.canary is off."
    return ShownTable.of("Canaries.", columns, rows, none)


def reconciliation_table(record: RunRecord) -> ShownTable:
    """The independent counts of every table, side by side; a count that disagrees with the manifest stands out."""
    columns = [
        names_column("source and target"), outcome("verdict"), reason("why"), Column("method"), seconds("time"),
        *(Column(name, number=True) for name in COUNTED.values()),
    ]  # fmt: skip
    rows, off = [], {}
    for row in ReportModel(record).rows:
        table, counts = row.table, [row.counts[name] for name in COUNTED]
        texts = [cell.text.removeprefix("\u2260 ") for cell in counts]
        names, why = f"{table.source} to {table.target}", "; ".join(table.reasons)
        cells = (names, table.verdict, why, table.method or "", row.seconds, *texts)
        rows.append(cells)
        off[cells] = [5 + n for n, cell in enumerate(counts) if cell.off]
    if not any(cells[2] for cells in rows):  # all is well, and there is room for the names
        columns, rows = [*columns[:2], *columns[3:]], [(*cells[:2], *cells[3:]) for cells in rows]
        off = {(*cells[:2], *cells[3:]): [place - 1 for place in places] for cells, places in off.items()}
    return ShownTable.of(
        "Four independent counts, and every item compared.",
        columns,
        rows,
        "There is no plan yet.",
        off=lambda cells: off[tuple(cells)],
    )


def difference_table(run: Run) -> ShownTable:
    """The first of the listed differences; keys only where the run keeps them (`report.show_keys`)."""
    return differences_shown(islice(differences(run.ledger), SHOWN_DIFFERENCES))


def differences_shown(rows: Iterable[DifferenceRow]) -> ShownTable:
    """Differences by table, kind, key or its hash, and place in the item; never a value."""
    columns = [TABLE, outcome("kind"), Column("key"), Column("where")]
    return ShownTable.of("Listed differences.", columns, map(spell_difference, rows), "No item differs.")
