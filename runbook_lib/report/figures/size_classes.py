"""The tables of a run by size."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from runbook_lib.record.run_json import Record
from runbook_lib.report.figures.timings import STEPS, seconds_of

SIZES = (
    ("0 items", 0, 0),
    ("1 to 99 items", 1, 99),
    ("100 to 999 items", 100, 999),
    ("1,000 to 9,999 items", 1_000, 9_999),
    ("10,000 items or more", 10_000, None),
)


@dataclass(frozen=True, slots=True)
class SizeClass:
    """The tables of one size: how many, how many items, and the median seconds of each step."""

    label: str
    tables: int
    items: int
    medians: dict[str, float | None]


def size_classes(record: Record) -> list[SizeClass]:
    """The tables by number of exported items, smallest first; a class without tables is left out."""
    found = []
    for label, least, most in SIZES:
        inside = [
            t
            for t in record.get("tables") or []
            if t.get("items_exported") is not None
            and t["items_exported"] >= least
            and (most is None or t["items_exported"] <= most)
        ]
        if inside:
            times = [seconds_of(t) for t in inside]
            medians = {s: _median([v for t in times if (v := t[s]) is not None]) for s in (*STEPS, "all")}
            found.append(SizeClass(label, len(inside), sum(t["items_exported"] for t in inside), medians))
    return found


def _median(values: list[float]) -> float | None:
    return median(values) if values else None
