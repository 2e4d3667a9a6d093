"""Cost and time as rows for readers: what was estimated, how the estimate grew better, and what was used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runbook_lib.record.run_json import Record
from runbook_lib.report.text import NOT_MEASURED, count, duration, pluralize

STAGES = {"preflight": "Before the export", "export": "After the export", "dry run": "Measured by the dry run"}
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
    "Scans of the target for the validation": "validation_units",
}
WITH_INDEXES = "Writes of indexes"


@dataclass(frozen=True, slots=True)
class CostRow:
    """One line: its estimates by stage, and what was used."""

    name: str
    estimates: tuple[str, ...]
    used: str


def stages(record: Record) -> list[str]:
    """The stages that have an estimate, in order."""
    return [stage for stage in STAGES if stage in (record.get("estimates") or {})]


def cost_rows(record: Record) -> list[CostRow]:
    """Cost, hours and each quantity; empty for a record without an estimate."""
    made = [record["estimates"][stage] for stage in stages(record)]
    if not made:
        return []
    used = record.get("spent") or {}
    rows = [
        CostRow("Cost", tuple(dollars(e.get("usd")) for e in made), _usd(used.get("usd"))),
        CostRow("Time", tuple(hours(e.get("hours")) for e in made), duration(_seconds(used.get("hours")))),
    ]
    for part in made[0]["parts"]:
        # A line of one estimate may be missing in another, where a target had no replica then.
        same = [next((p for p in e["parts"] if p["name"] == part["name"]), None) for e in made]
        rows.append(CostRow(part["name"], tuple(_part(p) if p else "" for p in same), _used(part, used)))
    rows.append(
        CostRow("Instead of the writes: ImportTable", tuple(dollars(e.get("import_table_usd")) for e in made), "")
    )
    rows.append(CostRow("Keeping the export, each month", tuple(dollars(e.get("storage_usd_month")) for e in made), ""))
    return rows


def prices(record: Record) -> str:
    """Where the prices come from."""
    made = [record["estimates"][stage] for stage in stages(record)]
    return str(made[-1].get("prices")) if made else ""


def dry_run_summary(record: Record) -> list[str]:
    """What a dry run says would happen, with its numbers."""
    measured = record.get("measured") or {}
    if record.get("executed") or not measured:
        return []
    ways = {table.get("source"): table.get("writing") for table in record.get("tables") or []}
    served = [m for source, m in measured.items() if ways.get(source) == "import_table"]
    found = _written([m for source, m in measured.items() if ways.get(source) != "import_table"])
    if served:
        found.append(
            f"With --execute DynamoDB would make {pluralize(len(served), 'target')} and fill them from the export "
            f"(ImportTable): {pluralize(sum(m['items'] for m in served), 'item')}, without write units"
        )
    found += _refused(measured)
    for stage in ("dry run", "export"):
        if known := (record.get("estimates") or {}).get(stage):
            found.append(f"That would cost {dollars(known.get('usd'))} and take {hours(known.get('hours'))} more")
            break
    return found


def _refused(measured: Mapping[str, Record]) -> list[str]:
    """The items that DynamoDB would not take, by table."""
    return [
        f"{pluralize(sum(r['items'] for r in refused), 'item')} of {source} would be quarantined: "
        + "; ".join(f"{count(r['items'])} {r['reason']}{_about(r)}" for r in refused)
        for source, m in sorted(measured.items())
        if (refused := m.get("refused"))
    ]


def _about(refused: Record) -> str:
    return f" ({refused['about']})" if refused["about"] else ""


def _written(measured: list[Record]) -> list[str]:
    if not measured:
        return []
    sums = {name: sum(m[name] for m in measured) for name in ("items", "requests", "units", "index_units")}
    return [
        f"With --execute {pluralize(sums['items'], 'item')} of {pluralize(len(measured), 'table')} would be written in "
        f"{pluralize(sums['requests'], 'request')}, using {pluralize(sums['units'], 'write unit')} and at most "
        f"{count(sums['index_units'])} for indexes"
    ]


def advice(record: Record) -> list[str]:
    """The pre-warming that would pay, in words."""
    made = [record["estimates"][stage] for stage in stages(record)]
    return [
        f"{a['target']}: at {count(a['units_now'])} write units per second the import may take "
        f"{duration(a['seconds_now'])}, with a warm throughput of {count(a['units'])} about {duration(a['seconds'])}; "
        f"that is charged once ({_usd(a['usd']) if a['usd'] is not None else 'price not known'}) and cannot be lowered "
        "again. It is done only if import.warm_throughput names the table"
        for a in (made[-1].get("advice") or [] if made else [])
    ]


def dollars(known: dict[str, float] | None) -> str:
    """A range of USD."""
    if known is None:
        return NOT_KNOWN
    low, high = _usd(known["low"]), _usd(known["high"])
    return low if low == high else f"{low} to {high}"


def hours(known: dict[str, float] | None) -> str:
    """A range of hours, each end in its own unit."""
    if known is None:
        return NOT_KNOWN
    low, high = duration(known["low"] * 3600), duration(known["high"] * 3600)
    return low if low == high else f"{low} to {high}"


def _usd(value: Any) -> str:
    if not isinstance(value, (int, float)):
        return NOT_MEASURED
    return (
        f"{value:,.2f} USD"
        if value >= 0.1 or value == 0
        else "less than 0.01 USD"
        if value < 0.01
        else f"{value:.2f} USD"
    )


def _part(part: Record) -> str:
    quantity = part["quantity"]
    if quantity is None:
        return NOT_KNOWN
    low, high = _number(quantity["low"]), _number(quantity["high"])
    return f"{low if low == high else f'{low} to {high}'} {part['unit']}, {dollars(part['usd'])}"


def _used(part: Record, used: Record) -> str:
    if part["name"] == WITH_INDEXES:
        return "in the line above"
    if part["name"] not in USED:
        return ""
    value = used.get(USED[part["name"]])
    return NOT_MEASURED if value is None else f"{_number(value)} {part['unit']}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.3g}"


def _seconds(value: Any) -> float | None:
    return value * 3600 if isinstance(value, (int, float)) else None
