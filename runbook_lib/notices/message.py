"""What a notice says: numbers and ids alone, for it leaves the machine, and who reads it there is not known."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from runbook_lib.config.sections.notify import Notify, Occasion
from runbook_lib.record.run_json import RunRecord
from runbook_lib.report.figures.run_figures import figures_of
from runbook_lib.report.figures.windows import proved_as_of
from runbook_lib.report.sections.first_screen.summary import verdicts
from runbook_lib.report.text import count, duration, pluralize
from runbook_lib.run.facts.cut_over.gates import Gate, GateState
from runbook_lib.run.verdicts import FAIL, PASS

COUNTS = (
    ("items_exported", "exported"), ("items_written", "written"), ("items_in_target", "in the targets"),
    ("items_quarantined", "in quarantine"),
)  # fmt: skip
WRONG = ("missing", "different", "extra")


@dataclass(frozen=True, slots=True)
class Notice:
    """A title and a few lines."""

    title: str
    body: str


def occasion_of(record: RunRecord) -> Occasion | None:
    """What there is to be told of a run; None where nobody is to hear of it."""
    if is_ready(record):
        return "ready_for_cut_over"
    by_verdict: dict[str, Occasion] = {PASS: "pass", FAIL: "fail"}
    return by_verdict.get(str(record.verdict))


def is_ready(record: RunRecord) -> bool:
    """Whether the last thing done was a forecast, and it lets the writers be stopped."""
    known = record.cut_over
    if known is None or known.frozen_at or known.go_at:
        return False
    return [(gate.gate, gate.state) for gate in known.gates] == [(Gate.READY, GateState.PASSED)]


def notice_of(record: RunRecord, settings: Notify) -> Notice:
    """The notice of a record: counts, ids of reasons, and a link where the migration file has one."""
    ready = is_ready(record)
    title = f"{'READY FOR CUT-OVER' if ready else record.verdict}: migration {record.name}, run {record.run_id}"
    lines = [f"{verdicts(figures_of(record))}."]
    if said := [f"{count(n)} {what}" for name, what in COUNTS if (n := getattr(record.totals, name)) is not None]:
        lines.append(f"Items: {', '.join(said)}.")
    wrong = [(name, sum(getattr(table, name) or 0 for table in record.tables)) for name in WRONG]
    if any(n for _, n in wrong):
        lines.append(f"Not as exported: {', '.join(f'{count(n)} {name}' for name, n in wrong)}.")
    if grounds := Counter(ground.id for ground in record.grounds):
        lines.append(f"Why: {', '.join(f'{name} ({count(n)})' for name, n in sorted(grounds.items()))}.")
    if moment := proved_as_of(record):
        lines.append(f"As of {moment}.")
    forecast = record.cut_over.forecast if ready and record.cut_over else None
    if forecast is not None and forecast.seconds is not None:
        allowed = duration(forecast.limit)
        lines.append(f"The writers would have to stop for {duration(forecast.seconds)} of {allowed} allowed.")
    if not record.complete:
        lines.append(f"Of a part of the plan: {pluralize(record.totals.tables_not_chosen or 0, 'table')} not chosen.")
    if settings.link:
        lines.append(f"{settings.link.rstrip('/')}/{record.run_id}/report.html")
    return Notice(title, "\n".join(lines))
