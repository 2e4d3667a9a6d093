"""The pre-flight's looks as rows for readers: those of one kind together, what stands in the way first."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from runbook_lib.record.run_json import Record
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


def check_rows(record: Record) -> list[CheckRow]:
    """All looks, the gravest first. What is as expected is told once for each kind of look."""
    groups: dict[tuple[str, ...], list[Record]] = defaultdict(list)
    for check in record.get("checks") or []:
        what, status = str(check.get("id") or check.get("name")), str(check.get("status"))
        told = () if status == "ok" else (str(check.get("expected")), str(check.get("found")), str(check.get("remedy")))
        groups[(what, status, *told)].append(check)
    rows = [_row(str(group[0].get("name")), key[1], group) for key, group in groups.items()]
    return sorted(rows, key=lambda row: RANK.get(row.status, 0))


def check_count(record: Record) -> str:
    """How the looks went, in one line: `1 blocker, 2 not checked, 9 ok`."""
    states = [str(check.get("status")) for check in record.get("checks") or []]
    parts = [f"{states.count(s):,} {s}" for s in RANK if s in states]
    return f"{pluralize(len(states), 'look')}: {', '.join(parts)}" if states else "no look was recorded"


def _row(name: str, status: str, group: list[Record]) -> CheckRow:
    def one(field: str) -> str:
        texts = {str(check.get(field) or "") for check in group}
        return texts.pop() if len(texts) == 1 else "as expected, each its own"

    subjects = [str(check.get("table")) for check in group]
    shown = listed(subjects, 3) if len(subjects) <= 3 else f"{len(subjects):,}: {listed(subjects, 2)}"
    expected = one("expected") if status != "ok" or len({c.get("expected") for c in group}) == 1 else "see the plan"
    return CheckRow(name, status, shown, expected, one("found"), one("remedy"))
