"""`reports/index.html`: the list of runs, made anew from their `run.json` files and nothing else."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from runbook_lib.atomic_files import sweep, turn, write_atomically
from runbook_lib.record.model.base import as_moment
from runbook_lib.record.run_json import RunRecord
from runbook_lib.report.figures.run_figures import RunFigures, figures_of
from runbook_lib.report.figures.totals import tables_known, wanted_to_write
from runbook_lib.report.render.html import environment
from runbook_lib.report.render.neighbours import Neighbour, begun_runs, neighbours
from runbook_lib.report.render.written_since import WriteByRun, recorded_writes, writes_since
from runbook_lib.report.sections.first_screen.standing import not_aws
from runbook_lib.report.sections.first_screen.summary import headline, place
from runbook_lib.report.sections.history import MEASURES, before, compare_runs, plan_in_words
from runbook_lib.report.text import NOT_MEASURED
from runbook_lib.run.unfinished import CHANGED, INDEX, INDEX_LOCK, INDEX_SECONDS, SUMS, UNFINISHED
from runbook_lib.run.verdicts import RUNNING

SHOWN_COMPARISONS = 50
SHOWN_RUNS = 10  # of each plan
LONG_AGO = datetime.min.replace(tzinfo=UTC)


def write_index(root: Path) -> None:
    """List every run folder of `root`, newest first; a broken one has a row that says so, an unfinished one no verdict.

    Runs that end together take turns, so that none of them lists what another has changed meanwhile.
    """
    with turn(root / INDEX_LOCK, INDEX_SECONDS) as mine:
        if mine:
            sweep(root)
        rows = listed_runs(root)
        page = environment().get_template("index.html.j2")
        compared = _compared(rows)[:SHOWN_COMPARISONS]
        text = page.render(
            rows=rows, measures=list(MEASURES), compared=compared, plans=plans_of(rows), begun=begun_runs(root)
        )
        write_atomically(root / INDEX, text)


def listed_runs(root: Path) -> list[ListedRun]:
    """Every run of a reports folder, the newest first."""
    found = neighbours(root)
    writes = recorded_writes(root, {known.folder: known.record for known in found if known.record is not None})
    return sorted((_row(known, writes) for known in found), key=lambda row: row.started, reverse=True)


@dataclass(frozen=True, slots=True)
class ListedRun:
    """One run's folder in the list; without `figures` it is a broken one."""

    folder: str
    started: datetime
    figures: RunFigures | None = None
    broken: str = ""
    sealed: bool = False
    link: str | None = None
    verdict: str = UNFINISHED
    headline: str = UNFINISHED
    source: str = ""
    target: str = ""
    tables: str = ""
    mode: str = ""
    since: str = ""
    elsewhere: str | None = None

    def facts(self) -> dict[str, Any]:
        """The row as JSON; of a broken run, that it is."""
        record = self.figures.record if self.figures is not None else None
        if record is None:
            return {"run_id": self.folder, "verdict": None, "broken": self.broken}
        return {
            "run_id": self.folder, "name": record.name, "verdict": self.verdict, "complete": record.complete,
            "started": record.started, "finished": record.finished, "mode": self.mode, "source": self.source,
            "target": self.target, "not_aws": self.elsewhere, "tables": len(record.tables), "sealed": self.sealed,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """A run, the folder of the one before it of the same plan, and what changed."""

    row: ListedRun
    former: str
    changes: list[str]


def plans_of(rows: list[ListedRun]) -> list[tuple[str, list[ListedRun]]]:
    """The last sealed runs of each plan that has more than one, the newest first, under the plan in words."""
    found: dict[tuple[str, str, str], list[ListedRun]] = {}
    for row in rows:
        if row.figures is not None and row.sealed:
            found.setdefault(plan_in_words(row.figures), []).append(row)
    return [
        (f"{name}, {source} to {target}", runs[:SHOWN_RUNS])
        for (name, source, target), runs in found.items()
        if len(runs) > 1
    ]


def _compared(rows: list[ListedRun]) -> list[ComparedRun]:
    """Each sealed run that has an older one of the same plan, and what changed since that one."""
    known = [(row, row.figures) for row in rows if row.figures is not None and row.sealed]
    folders = {id(figures): row.folder for row, figures in known}
    found = []
    for n, (row, figures) in enumerate(known, 1):
        former = before(figures, [older for _, older in known[n:]])
        if former is not None:
            found.append(ComparedRun(row, folders[id(former)], compare_runs(figures, former)))
    return found


def _row(known: Neighbour, writes: list[WriteByRun]) -> ListedRun:
    if known.record is None:
        return ListedRun(known.name, LONG_AGO, broken=known.broken)
    figures, folder = figures_of(known.record), known.folder
    record, believed = figures.record, known.sealed or known.record.verdict == RUNNING
    since = _since(record) or _written_over(record, writes)
    otherwise = CHANGED if (folder / SUMS).is_file() else UNFINISHED  # whatever starts a step takes the seal off first
    return ListedRun(
        folder=known.name,
        started=as_moment(record.started) or LONG_AGO,
        figures=figures,
        sealed=known.sealed,
        link=f"{quote(os.fsencode(folder.name))}/report.html" if (folder / "report.html").is_file() else None,
        verdict=record.verdict if believed else otherwise,
        headline=headline(figures) if believed else otherwise,
        source=place(record, "source"),
        target=place(record, "target"),
        tables=_how_many(figures),
        mode=f"{_mode(figures)}, later {since}" if since else _mode(figures),
        since=since if believed else "",
        elsewhere=not_aws(record),
    )


def _how_many(figures: RunFigures) -> str:
    known = tables_known(figures.record)
    return figures.how_many.removesuffix(" table").removesuffix(" tables") if known else NOT_MEASURED


def _since(record: RunRecord) -> str:
    """What took back what a run had done; empty if nothing did."""
    return "cleaned up" if record.cleaned else "rolled back" if record.rolled_back else ""


def _written_over(record: RunRecord, writes: list[WriteByRun]) -> str:
    """Which other run has written to targets of a run that proved them; empty if none has, or nothing was proved."""
    found = writes_since(record, writes)
    return f"written to by {found[0].run_id}{', which has not ended' if found[0].goes_on else ''}" if found else ""


def _mode(figures: RunFigures) -> str:
    record = figures.record
    if record.verdict == RUNNING and not record.executed and wanted_to_write(record):
        return "executing"  # the record is older than what is written meanwhile
    if record.executed:
        return "executed"
    if any(t.compared_only for t in record.tables):
        return "compared only"
    if record.executed is None:
        return "not recorded"
    return "stopped before writing" if wanted_to_write(record) else "dry run"
