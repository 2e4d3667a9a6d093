"""Live tables of what a step is doing, which end as plain static HTML wherever they are shown.

One output is updated in place; there is no widget that could be left behind dead. Headless (RUNBOOK_HEADLESS)
nobody watches: the table is drawn once, when its cell has ended, so that a killed kernel leaves no half one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from html import escape

from runbook_lib.cluster.roster import WorkerSpan
from runbook_lib.load.table_load import TableProgress
from runbook_lib.notebook.output import Place, at_end_of_cell, is_watched
from runbook_lib.notebook.tables import Column, ShownTable
from runbook_lib.notebook.views import export_named
from runbook_lib.report.figures.cut_over import GATE_NAMES
from runbook_lib.report.text import moment, pluralize
from runbook_lib.run.facts.afterwards.repair import RepairFact
from runbook_lib.run.facts.counts import table_counts
from runbook_lib.run.facts.cut_over.gates import Gate, GateFact
from runbook_lib.run.facts.export import ExportFact
from runbook_lib.run.facts.load import IMPORTS, ImportStatus
from runbook_lib.run.facts.windows import WindowFact
from runbook_lib.run.run import Run
from runbook_lib.run.tables.files import file_rows
from runbook_lib.run.tables.throughput import sample_sums

EVERY = 0.5
MOMENTS = ("from", "to")
WORDED = (*MOMENTS, "export", "why")
GOING = (
    "loading", "checking", "syncing", "importing", "imported", "reading the export", "scanning the target", "repairing",
)  # fmt: skip
ENDED = {ImportStatus.COMPLETED: "done", ImportStatus.FAILED: "failed", ImportStatus.LOADING: "loading"}


class LiveTable:
    """Rows by name, each with a state first; redrawn at most twice a second, and when the cell ends.

    The columns of `now` are of the moment. However the cell ends, no row is left saying that something goes on; `last`
    brings the rows up to what has become of the work, for it told no more once it was to stop.
    """

    def __init__(
        self, *columns: str, now: tuple[str, ...] = (), what: str = "table", caption: str = "Where it stands."
    ) -> None:
        kinds = (Column(n, number=n not in WORDED, moments=n in MOMENTS) for n in (*columns, *now))
        self._columns = (Column(what), Column("state"), *kinds)
        self._caption, self._moving = caption, len(now)
        self._rows: dict[str, list[str]] = {}
        self._drawn = 0.0
        self._place = Place()
        self.link: str | None = None
        self.last: Callable[[], None] = lambda: None
        self._watched = is_watched()
        at_end_of_cell(self._end)

    def set(self, *rows: tuple[str, ...]) -> None:
        """Rows as (name, state, cells ...), which are drawn together."""
        self._rows |= {name: cells for name, *cells in rows}
        if self._watched and time.monotonic() - self._drawn > EVERY:
            self._draw()

    def drop(self, name: str) -> None:
        """Show a row no more."""
        self._rows.pop(name, None)

    def _end(self) -> None:
        """The last drawing, after the cell has ended in whatever way."""
        self.last()
        self.link = None  # to something that ends with the cell
        for name, (state, *cells) in self._rows.items():
            for place in range(len(cells) - self._moving, len(cells)):
                cells[place] = ""
            state = f"stopped while {state}" if state in GOING else "not begun" if state == "waiting" else state
            self._rows[name] = [state, *cells]
        if self._rows:
            self._draw()

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        rows = [(name, *cells) for name, cells in self._rows.items()]
        link = f"<p>Dask's dashboard: <a href='{escape(self.link)}'>{escape(self.link)}</a></p>" if self.link else ""
        self._place.draw(ShownTable.of(self._caption, self._columns, rows, "")._repr_html_() + link)


def export_progress() -> Callable[[dict[str, ExportFact]], None]:
    """Shows the state of every export; for `export_tables`."""
    table = LiveTable("items", "export")

    def watch(states: dict[str, ExportFact]) -> None:
        for source, fact in states.items():
            items = f"{fact.items:,}" if fact.items is not None else ""
            table.set((source, fact.status, items, export_named(fact)))

    return watch


def import_progress(run: Run) -> Callable[[TableProgress], None]:
    """Shows each table's items, rates, throttles and remaining time, and those of all together; for `import_tables`.

    What it leaves is what the ledger knows: requests under way are brought to their end after the last news.
    """
    table = LiveTable("items", "MB of JSON", "WCU since this start", "throttled", now=("items/s", "WCU/s", "left"))
    known: dict[str, TableProgress] = {}
    workers: set[str] = set()
    before = {row.source: row.wcu or 0.0 for row in sample_sums(run.ledger)}

    def last() -> None:
        recorded = [_recorded(run, now, before.get(now.source, 0.0)) for now in known.values()]
        whole = _together(recorded)
        table.set(("all tables", *spell_progress(whole)), *((now.target, *spell_progress(now)) for now in recorded))

    table.last = last

    def watch(now: TableProgress) -> None:
        known[now.source], table.link = now, now.dashboard
        whole = _together(list(known.values()))
        for name in workers - {shift.worker for shift in now.workers}:
            table.drop(name)
        workers.update(shift.worker for shift in now.workers)
        roster = [_worker(shift) for shift in now.workers]
        table.set(("all tables", *spell_progress(whole)), (now.target, *spell_progress(now)), *roster)

    return watch


def catch_up_progress() -> Callable[[WindowFact, int], None]:
    """Shows each window and what it holds; for `catch_up`."""
    table = LiveTable(*MOMENTS, "changes", "puts", "deletes", what="table and window")

    def watch(window: WindowFact, done: int) -> None:
        cells = [str(value) if value is not None else "" for value in (window.changes, window.puts, window.deletes)]
        times = (moment(window.start), moment(window.end))
        table.set((f"{window.source} {window.number}", str(window.state), *times, *cells))

    return watch


def repair_progress() -> Callable[[RepairFact, str, int], None]:
    """Shows how far the repair of each table is; for `repair_tables`."""
    table = LiveTable("missing", "different", "extra", "to write or written")

    def watch(fact: RepairFact, state: str, done: int) -> None:
        counts = (fact.missing, fact.different, fact.extra, done)
        table.set((fact.source, state, *(f"{count:,}" for count in counts)))

    return watch


def cut_over_progress() -> Callable[[Gate, GateFact], None]:
    """Shows each gate and its times; for `cut_over`."""
    table = LiveTable(*MOMENTS, "why", what="gate")

    def watch(gate: Gate, fact: GateFact) -> None:
        ended = moment(fact.ended) if fact.ended else ""
        table.set((GATE_NAMES[gate], fact.state, moment(fact.began), ended, fact.why))

    return watch


def _recorded(run: Run, shown: TableProgress, wcu_before: float) -> TableProgress:
    """A table as the ledger has it, as far as it counts its items: not in a dry run, nor while DynamoDB fills it."""
    fact = IMPORTS.of(run.ledger, shown.source)
    state = ENDED.get(fact.status) if fact is not None else None
    if fact is None or state is None:
        return shown  # nothing of it was written
    if state == "loading" and shown.state in GOING:
        state = shown.state
    counts = table_counts(run.ledger).get(shown.source)
    if fact.is_by_service or counts is None:
        return replace(shown, state=shown.state if state == "loading" else state)
    samples = {row.source: row.wcu or 0.0 for row in sample_sums(run.ledger)}
    return replace(
        shown,
        state=state,
        done=sum(n or 0 for n in (counts.written, counts.quarantined, counts.present)),
        bytes=sum(file.bytes for file in file_rows(run.ledger, shown.source)),
        wcu=samples.get(shown.source, 0.0) - wcu_before,
    )


def _worker(shift: WorkerSpan) -> tuple[str, ...]:
    at_hand = f"{shift.at_hand} file{'' if shift.at_hand == 1 else 's'} at hand"
    return shift.worker, at_hand, f"{shift.items:,}", "", "", "", f"{shift.rate:,.0f}", "", ""


def spell_progress(now: TableProgress) -> tuple[str, ...]:
    """The cells of an import's row after its name."""
    table_load = now.state == "loading"
    return (
        now.state,
        f"{now.done:,} of {now.items:,}",
        f"{now.bytes / 1e6:,.1f}",
        f"{now.wcu:,.0f}",
        # What DynamoDB loads by itself tells nobody of throttles: 0 is said only of writes that were sent from here.
        pluralize(now.refused, "item") if now.refused else "0" if now.wcu else "",
        f"{now.rate:,.0f}" if table_load and now.rate else "",
        f"{now.wcu_rate:,.0f}" if table_load and now.wcu_rate else "",
        f"{now.eta_seconds:,.0f} s" if table_load and now.eta_seconds is not None else "",
    )


def _together(tables: list[TableProgress]) -> TableProgress:
    """All tables as one; the rates are those of the ones being loaded."""
    table_load = [t for t in tables if t.state == "loading"]
    whole = TableProgress("", "", sum(t.items for t in tables), state="loading" if table_load else "")
    for name in ("done", "quarantined", "bytes", "wcu", "throttles", "refused"):
        setattr(whole, name, sum(getattr(t, name) for t in tables))
    for name in ("rate", "wcu_rate"):
        setattr(whole, name, sum(getattr(t, name) for t in table_load))
    return whole


def validation_progress() -> Callable[[str, str, int, int], None]:
    """Shows how far and how fast each table is looked through; for `validate_tables` and its neighbours."""
    table = LiveTable("items", now=("items/s",))
    began: dict[tuple[str, str], tuple[float, int]] = {}

    def watch(source: str, state: str, done: int, expected: int) -> None:
        since, before = began.setdefault((source, state), (time.monotonic(), done))
        seconds = time.monotonic() - since
        rate = f"{(done - before) / seconds:,.0f}" if done > before and state in GOING else ""
        table.set((source, state, f"{done:,} of {expected:,}", rate))

    return watch
