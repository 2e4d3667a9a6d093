"""What changed between a run and the run before it of the same plan: verdict, counts, differences and speed.

The same plan is the same name between the same two places. Reads two records and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from runbook_lib.record.run_json import Record
from runbook_lib.report.figures.totals import Sum, chosen, total
from runbook_lib.report.sections.summary import headline, place
from runbook_lib.report.text import NOT_MEASURED, count, duration, listed

SHOWN_TABLES = 5


def before(record: Record, older: Sequence[Record]) -> Record | None:
    """The newest of the older records that is of the same plan; `older` is sorted, the newest first."""
    return next((o for o in older if _plan(o) == _plan(record)), None)


def compare_runs(record: Record, former: Record) -> list[str]:
    """One text for each of `MEASURES`: what it was, what it is, and by how much it changed."""
    return [said(former, record) for said in MEASURES.values()]


def difference_changes(tables: Sequence[Record]) -> Sum:
    """Missing, extra and different items; a table counts as measured only if all three were."""
    kinds = [total(tables, kind) for kind in ("missing", "extra", "different")]
    return Sum(sum(k.value for k in kinds), min(k.known for k in kinds), len(tables))


def import_rate(record: Record) -> float | None:
    """Items written per second of loading, or None where either is not known."""
    tables = record.get("tables") or []
    seconds = [s for t in tables if (s := (t.get("seconds_by_step") or {}).get("import")) is not None]
    written = total(tables, "items_written")
    return written.value / sum(seconds) if written.value and sum(seconds) else None


def _plan(record: Record) -> tuple[object, str, str]:
    return record.get("name"), place(record, "source"), place(record, "target")


def _verdict(former: Record, record: Record) -> str:
    was, is_now = (f"{headline(r)}{'' if r.get('executed') else ', nothing written'}" for r in (former, record))
    return f"{is_now}, as before" if was == is_now else f"{was} \u2192 {is_now}"


def _sum(name: str) -> Callable[[Record, Record], str]:
    return lambda former, record: _moved(*(total(r.get("tables") or [], name) for r in (former, record)))


def _differences(former: Record, record: Record) -> str:
    return _moved(*(difference_changes(r.get("tables") or []) for r in (former, record)))


def _moved(was: Sum, is_now: Sum) -> str:
    if not (was.known and is_now.known):
        return f"{was} \u2192 {is_now}"
    if was == is_now:
        return f"{is_now}, as before"
    return f"{was} \u2192 {is_now} ({is_now.value - was.value:+,})"


def _speed(former: Record, record: Record) -> str:
    was, is_now = import_rate(former), import_rate(record)
    texts = [f"{count(round(rate))} items/s" if rate else NOT_MEASURED for rate in (was, is_now)]
    change = f" ({is_now / was - 1:+.0%})" if was and is_now else ""
    return f"{texts[0]} \u2192 {texts[1]}{change}"


def _time(former: Record, record: Record) -> str:
    was, is_now = ((r.get("totals") or {}).get("seconds") for r in (former, record))
    return f"{duration(was)} \u2192 {duration(is_now)}"


def _tables(former: Record, record: Record) -> str:
    """The tables that came, went, or hold another number of items in their export, the largest change first."""
    was, is_now = ({str(t.get("source")): t.get("items_exported") for t in chosen(r)} for r in (former, record))
    moved = {n: (was[n], is_now[n]) for n in is_now.keys() & was.keys() if was[n] != is_now[n]}
    by_size = sorted(moved, key=lambda n: (-abs((moved[n][1] or 0) - (moved[n][0] or 0)), n))
    said = [
        *(f"{name}: new" for name in sorted(is_now.keys() - was.keys())),
        *(f"{name}: not in this run" for name in sorted(was.keys() - is_now.keys())),
        *(f"{name}: {count(moved[name][0])} \u2192 {count(moved[name][1])}" for name in by_size),
    ]
    return listed(said, SHOWN_TABLES) or "the same tables with the same counts"


MEASURES: dict[str, Callable[[Record, Record], str]] = {
    "Verdict": _verdict,
    "Items exported": _sum("items_exported"),
    "Items in target": _sum("items_in_target"),
    "Quarantined": _sum("items_quarantined"),
    "Differences": _differences,
    "Import rate": _speed,
    "Time in steps": _time,
    "Tables that changed": _tables,
}
