"""Cost and time as rows for readers: what was estimated, how the estimate grew better, and what was used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from runbook_lib.plan.writing import Writing
from runbook_lib.record.model.cost import EstimateLine, EstimateRecord, LowHigh, Measured, Usage, WouldRefuse
from runbook_lib.record.model.table import SyncLook
from runbook_lib.report.figures.run_figures import RunFigures
from runbook_lib.report.figures.totals import wanted_to_write
from runbook_lib.report.text import NOT_MEASURED, WORK, count, duration, pluralize

# Estimates all of them: the last reckons again with the sizes of items that a dry run has measured.
STAGES = {
    "preflight": "Estimate before the export",
    "export": "Estimate after the export",
    "dry run": "Estimate after the dry run",
}
PLANNED = "preflight"
NOT_KNOWN = "not known"
# The lines of an estimate and what was used of each.
USED = {
    "Export to S3": "export_gb",
    "Scans of the source": "scan_units",
    "S3 PUT requests": "puts",
    "S3 GET requests": "gets",
    "Writes of items": "write_units",
    "Conditional puts of items, one in a request": "write_units",
    "ImportTable": "import_gb",
    "Bulk put": "bulk_put_gb",
    "Reads of the target": "target_read_units",
    "Scans of the target for the validation": "validation_units",  # of runs that estimated nothing else of it
}
WITH_INDEXES = "Writes of indexes"
INSTEAD = "an alternative"
CLEARLY_MORE = 1.1  # of the most that was estimated: no estimate is better than that


@dataclass(frozen=True, slots=True)
class CostRow:
    """One line: its estimates by stage, and what was used."""

    name: str
    estimates: tuple[str, ...]
    used: str


def stages(figures: RunFigures) -> list[str]:
    """The stages that have an estimate, in order and in words."""
    return [words for stage, words in STAGES.items() if stage in figures.record.estimates]


def _estimates(figures: RunFigures) -> list[EstimateRecord]:
    return [figures.record.estimates[stage] for stage in STAGES if stage in figures.record.estimates]


def _times(figures: RunFigures) -> tuple[str, ...]:
    """What each estimate knows of the time; one that was made with the exports there is of what follows them."""
    made = [(stage, figures.record.estimates[stage].hours) for stage in STAGES if stage in figures.record.estimates]
    return tuple(hours(known) if known is None or stage == PLANNED else f"{hours(known)} more" for stage, known in made)


def cost_rows(figures: RunFigures) -> list[CostRow]:
    """Cost, hours and each quantity; empty for a record without an estimate."""
    made = _estimates(figures)
    if not made:
        return []
    used = figures.record.spent
    rows = [
        CostRow("Cost", tuple(dollars(e.usd) for e in made), in_dollars(used.usd)),
        CostRow(
            "Time", _times(figures), "not known" if used.hours is None else f"{duration(used.hours * 3600)} {WORK}"
        ),
    ]
    for part in made[0].parts:
        # A line of one estimate may be missing in another, where a target had no replica then.
        same = [next((p for p in e.parts if p.name == part.name), None) for e in made]
        rows.append(CostRow(part.name, tuple(_part(p) if p else "" for p in same), _used(part, used)))
    rows.append(CostRow("ImportTable instead of writing", tuple(dollars(e.import_table_usd) for e in made), INSTEAD))
    rows.append(
        CostRow("Storing the export, per month", tuple(dollars(e.storage_usd_month) for e in made), NOT_MEASURED)
    )
    return rows


def last_estimate(figures: RunFigures) -> str | None:
    """Cost and time as they were estimated last, in short."""
    made = _estimates(figures)
    return f"{dollars(made[-1].usd)}, {hours(made[-1].hours)}" if made else None


@dataclass(frozen=True, slots=True)
class Compared:
    """A line of the bill of which both is known: what was used, the most that was estimated, and the share of it."""

    name: str
    used: str
    most: str
    unit: str
    share: float

    @property
    def is_above(self) -> bool:
        """Whether clearly more was used than the most that was estimated, in the chart as among the points."""
        return self.share > CLEARLY_MORE and self.used != self.most


def compared_costs(figures: RunFigures) -> list[Compared]:
    """What was used against the last estimate, for a run that has written; writes of indexes count with the items."""
    made = _estimates(figures)
    if not made or not figures.record.executed:
        return []
    lines = {part.name: part for part in made[-1].parts}
    indexes = lines[WITH_INDEXES].quantity if WITH_INDEXES in lines else None
    found = []
    for name, part in lines.items():
        used = getattr(figures.record.spent, USED[name]) if name in USED else None
        if used is None or part.quantity is None:
            continue
        most = part.quantity.high + (indexes.high if indexes and USED[name] == "write_units" else 0.0)
        if most > 0:
            found.append(Compared(name, _number(used), _number(most), part.unit, used / most))
    return found


def above_estimate(figures: RunFigures) -> list[str]:
    """What took clearly more than the most that was estimated, in sentences; the bill shows every line of both."""
    return [
        f"{line.name}: {line.used} {line.unit} were used, and at most {line.most} {line.unit} had been estimated"
        f"{_beyond(figures)}"
        for line in compared_costs(figures)
        if line.is_above
    ]


def _beyond(figures: RunFigures) -> str:
    """What a run did that no estimate of one pass from export to validation has in it."""
    windows, starts = len(figures.record.windows), len(figures.record.starts)
    repairs = len(figures.record.repairs)
    more = [pluralize(windows, "window of the catch-up", "windows of the catch-up")] if windows else []
    more += [pluralize(repairs, "repair")] if repairs else []
    if starts > 1:
        more.append(f"what was done again in {pluralize(starts, 'start')}")
    return f"; the estimate does not count {' or '.join(more)}" if more else ""


def prices(figures: RunFigures) -> str:
    """Where the prices come from."""
    made = _estimates(figures)
    return made[-1].prices if made else ""


def dry_run_summary(figures: RunFigures) -> list[str]:
    """What a dry run says would happen, with its numbers; nothing where writing was asked for, or would be refused."""
    record, measured = figures.record, figures.record.measured
    if record.executed or wanted_to_write(record) or record.blockers or not measured:
        return []
    ways = {table.source: table.writing for table in figures.record.tables}
    by_way: dict[str, list[Measured]] = {}
    for source, m in measured.items():
        by_way.setdefault(ways.get(source) or Writing.BATCH_WRITE, []).append(m)
    served = by_way.pop(Writing.IMPORT_TABLE, [])
    bulk = by_way.pop(Writing.BULK_PUT, [])
    synced = [table.sync for table in figures.record.tables if table.sync is not None]
    found = _synced(synced) if synced else _written([m for own in by_way.values() for m in own])
    if served:
        found.append(
            f"With --execute DynamoDB would create {pluralize(len(served), 'target')} and fill them from the export "
            f"(ImportTable): {pluralize(sum(m.items for m in served), 'item')}, without write units"
        )
    if bulk:
        found.append(
            f"With --execute DynamoDB would fill {pluralize(len(bulk), 'target')} from the export (a bulk put): "
            f"{pluralize(sum(m.items for m in bulk), 'item')}, billed by their bytes and without write units"
        )
    found += _refused(measured)
    for stage in ("dry run", "export"):
        if known := figures.record.estimates.get(stage):
            found.append(f"That would cost {dollars(known.usd)} and take {hours(known.hours)} more")
            break
    return found


def _refused(measured: Mapping[str, Measured]) -> list[str]:
    """The items that DynamoDB would not take, by table."""
    return [
        f"{pluralize(sum(r.items for r in refused), 'item')} of {source} would be quarantined: "
        + "; ".join(f"{count(r.items)} {r.reason}{_about(r)}" for r in refused)
        for source, m in sorted(measured.items())
        if (refused := m.refused)
    ]


def _about(refused: WouldRefuse) -> str:
    return f" ({refused.about})" if refused.about else ""


def _synced(looks: list[SyncLook]) -> list[str]:
    sums = {name: sum(getattr(s, name) for s in looks) for name in ("right", "missing", "different", "units")}
    known = all(s.usd is not None and s.full_usd is not None for s in looks)
    usd, full = (sum(getattr(s, name) or 0.0 for s in looks) if known else None for name in ("usd", "full_usd"))
    return [
        f"With --execute a sync of {pluralize(len(looks), 'table')} would write {count(sums['missing'])} missing and "
        f"{count(sums['different'])} different items and leave {count(sums['right'])} that are equal, using "
        f"{pluralize(sums['units'], 'write unit')} ({in_dollars(usd)} including the look-up of each key); writing "
        f"everything again takes {count(sum(s.full_units for s in looks))} ({in_dollars(full)}), both without indexes"
    ]


def _written(measured: list[Measured]) -> list[str]:
    if not measured:
        return []
    sums = {name: sum(getattr(m, name) for m in measured) for name in ("items", "requests", "units", "index_units")}
    return [
        f"With --execute {pluralize(sums['items'], 'item')} of {pluralize(len(measured), 'table')} would be written in "
        f"{pluralize(sums['requests'], 'request')}, using {pluralize(sums['units'], 'write unit')} and at most "
        f"{count(sums['index_units'])} for indexes"
    ]


def advice(figures: RunFigures) -> list[str]:
    """The pre-warming that would pay, in words."""
    made = _estimates(figures)
    return [
        f"{a.target}: at {count(a.units_now)} write units per second the import may take "
        f"{duration(a.seconds_now)}, with a warm throughput of {count(a.units)} about {duration(a.seconds)}; "
        f"that is charged once ({in_dollars(a.usd) if a.usd is not None else 'price not known'}) and cannot be lowered "
        "again. This is only done if import.warm_throughput names the table"
        for a in (made[-1].advice if made else [])
    ]


def dollars(known: LowHigh | None) -> str:
    """A range of USD."""
    if known is None:
        return NOT_KNOWN
    low, high = in_dollars(known.low), in_dollars(known.high)
    return low if low == high else f"{low} to {high}"


def hours(known: LowHigh | None) -> str:
    """A range of hours, each end in its own unit."""
    if known is None:
        return NOT_KNOWN
    low, high = duration(known.low * 3600), duration(known.high * 3600)
    return low if low == high else f"{low} to {high}"


def in_dollars(value: float | None) -> str:
    """An amount, to the cent."""
    if value is None:
        return NOT_MEASURED
    return (
        f"{value:,.2f} USD"
        if value >= 0.1 or value == 0
        else "less than 0.01 USD"
        if value < 0.01
        else f"{value:.2f} USD"
    )


def _part(part: EstimateLine) -> str:
    quantity = part.quantity
    if quantity is None:
        return NOT_KNOWN
    low, high = _number(quantity.low), _number(quantity.high)
    return f"{low if low == high else f'{low} to {high}'} {part.unit}, {dollars(part.usd)}"


def _used(part: EstimateLine, used: Usage) -> str:
    if part.name == WITH_INDEXES:
        return "in the line above"
    value = getattr(used, USED[part.name]) if part.name in USED else None
    return NOT_MEASURED if value is None else f"{_number(value)} {part.unit}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.3g}"
