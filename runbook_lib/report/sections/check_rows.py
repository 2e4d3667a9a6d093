"""The pre-flight's looks as rows for readers: those of one kind together, what stands in the way first."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from runbook_lib.record.model.run import CheckRecord
from runbook_lib.report.figures.run_figures import RunFigures
from runbook_lib.report.text import listed, pluralize

RANK = {"blocker": 0, "not checked": 1, "warning": 2, "ok": 3}


@dataclass(frozen=True, slots=True)
class CheckRow:
    """Looks of one kind with one outcome; `subjects` says at what."""

    name: str
    status: str
    subjects: str
    expected: str
    found: str
    remedy: str


def check_rows(figures: RunFigures) -> list[CheckRow]:
    """All looks, the gravest first. What is as expected is told once for each kind of look."""
    groups: dict[tuple[str, ...], list[CheckRecord]] = defaultdict(list)
    for check in figures.record.checks:
        what, status = check.id or check.name, check.status
        told = () if status == "ok" else (check.expected, check.found, check.remedy)
        groups[(what, status, *told)].append(check)
    rows = [_row(group[0].name, key[1], group) for key, group in groups.items()]
    return sorted(rows, key=lambda row: RANK.get(row.status, 0))


def check_count(figures: RunFigures) -> str:
    """How the looks went, in one line: `1 blocker, 2 not checked, 9 ok`."""
    states = [check.status for check in figures.record.checks]
    parts = [f"{states.count(s):,} {s}" for s in RANK if s in states]
    return f"{pluralize(len(states), 'look')}: {', '.join(parts)}" if states else "no look was recorded"


def _row(name: str, status: str, group: list[CheckRecord]) -> CheckRow:
    def one(field: str) -> str:
        texts = {getattr(check, field) for check in group}
        return texts.pop() if len(texts) == 1 else "as expected, each its own"

    subjects = [check.table for check in group]
    shown = listed(subjects, 3) if len(subjects) <= 3 else f"{len(subjects):,}: {listed(subjects, 2)}"
    expected = one("expected") if status != "ok" or len({c.expected for c in group}) == 1 else "see the plan"
    return CheckRow(name, status, shown, expected, one("found"), one("remedy"))
