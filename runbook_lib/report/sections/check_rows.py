"""The pre-flight's checks as rows for readers: those of one kind together, what stands in the way first."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from runbook_lib.record.model.run import CheckRecord
from runbook_lib.report.figures.run_figures import RunFigures
from runbook_lib.report.text import listed, pluralize

MANY = 60  # of what is as expected, the names of so many say nothing
RANK = {"blocker": 0, "not checked": 1, "warning": 2, "ok": 3}
SAID = {
    "blocker": "{:,} blocking", "not checked": "{:,} could not run", "warning": "{:,} with a warning", "ok": "{:,} ok",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class CheckRow:
    """Checks of one kind with one result; `subjects` says of what."""

    name: str
    status: str
    subjects: str
    expected: str
    found: str
    remedy: str


def check_rows(figures: RunFigures) -> list[CheckRow]:
    """All checks, the most serious first. What is as expected is said once for each kind."""
    groups: dict[tuple[str, ...], list[CheckRecord]] = defaultdict(list)
    for check in figures.record.checks:
        what, status = check.id or check.name, check.status
        told = () if status == "ok" else (check.expected, check.found, check.remedy)
        groups[(what, status, *told)].append(check)
    rows = [_row(group[0].name, key[1], group) for key, group in groups.items()]
    return sorted(rows, key=lambda row: RANK.get(row.status, 0))


def check_count(figures: RunFigures) -> str:
    """How the checks went, in one line: `1 blocking, 2 not run, 1 with a warning, 9 ok`."""
    states = [check.status for check in figures.record.checks]
    parts = [SAID[s].format(states.count(s)) for s in RANK if s in states]
    return f"{pluralize(len(states), 'check')}: {', '.join(parts)}" if states else "No check was recorded"


def _row(name: str, status: str, group: list[CheckRecord]) -> CheckRow:
    def one(field: str) -> str:
        texts = {getattr(check, field) for check in group}
        return texts.pop() if len(texts) == 1 else "as expected of each" if status == "ok" else "differs, see run.json"

    subjects = [check.table for check in group]
    shown = listed(subjects, 3) if len(subjects) <= 3 else f"{len(subjects):,}: {listed(subjects, 2)}"
    if status == "ok" and len(subjects) > MANY:
        shown = pluralize(len(subjects), "table" if all(check.source for check in group) else "place")
    expected = one("expected") if status != "ok" or len({c.expected for c in group}) == 1 else "see the plan"
    return CheckRow(name, status, shown, expected, one("found"), one("remedy"))
