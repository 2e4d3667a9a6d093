"""The tables of a run by size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from runbook_lib.report.figures.timings import STEPS, TableSeconds

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


def size_classes(timed: Sequence[TableSeconds]) -> list[SizeClass]:
    """The tables by number of exported items, smallest first; a class without tables is left out."""
    sized = [(items, each) for each in timed if (items := each.table.items_exported) is not None]
    found = []
    for label, least, most in SIZES:
        inside = [(n, each) for n, each in sized if n >= least and (most is None or n <= most)]
        if inside:
            medians = {s: _median([each.by_step[s] for _, each in inside]) for s in STEPS}
            medians["all"] = _median([each.all for _, each in inside])
            found.append(SizeClass(label, len(inside), sum(n for n, _ in inside), medians))
    return found


def _median(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return median(known) if known else None
