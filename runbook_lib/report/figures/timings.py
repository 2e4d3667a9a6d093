"""How long tables took, by step and by size. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Any

from runbook_lib.record.build import Record

STEPS = ("export", "import", "validate")
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


def seconds_of(table: Record) -> dict[str, float | None]:
    """Seconds of each step of a table and of all; None for a step that did not end."""
    steps: dict[str, Any] = table.get("seconds_by_step") or {}
    spans = table.get("spans") or {}
    known: dict[str, float | None] = {s: steps.get(s) for s in STEPS}
    if not (spans.get("export") or [None, None])[1]:
        known["export"] = None  # the record holds 0.0 for an export that did not end
    measured = [v for v in known.values() if v is not None]
    return known | {"all": sum(measured) if measured else None}


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


def slowest(record: Record, most: int = 10) -> list[Record]:
    """The tables that took longest, with their seconds by step."""
    timed = [(seconds, t) for t in record.get("tables") or [] if (seconds := seconds_of(t))["all"] is not None]
    timed.sort(key=lambda pair: (-(pair[0]["all"] or 0.0), str(pair[1].get("source"))))
    return [t | {"timed": seconds} for seconds, t in timed[:most]]
