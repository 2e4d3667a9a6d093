"""`reports/index.html`: the list of runs, made anew from their `run.json` files and nothing else."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from runbook_lib.atomic_files import sweep, turn, write_atomically
from runbook_lib.record.run_json import Record
from runbook_lib.report.figures.totals import how_many, total
from runbook_lib.report.render.html import environment
from runbook_lib.report.render.neighbours import Neighbour, neighbours
from runbook_lib.report.sections.history import MEASURES, before, compare_runs, difference_changes
from runbook_lib.report.sections.summary import asked_to_write, headline, place, verdict_of
from runbook_lib.report.text import when
from runbook_lib.run.unfinished import INDEX, INDEX_LOCK, INDEX_SECONDS, UNFINISHED
from runbook_lib.run.verdicts import RUNNING

SHOWN_COMPARISONS = 50
LONG_AGO = datetime.min.replace(tzinfo=UTC)


def write_index(root: Path) -> None:
    """List every run folder of `root`, newest first; a broken one has a row that says so, an unfinished one no verdict.

    Runs that end together take turns, so that none of them lists what another has changed meanwhile.
    """
    with turn(root / INDEX_LOCK, INDEX_SECONDS) as mine:
        if mine:
            sweep(root)
        rows = [_row(known) for known in neighbours(root)]
        rows.sort(key=lambda row: row["started"], reverse=True)
        page = environment().get_template("index.html.j2")
        text = page.render(rows=rows, measures=list(MEASURES), compared=_compared(rows)[:SHOWN_COMPARISONS])
        write_atomically(root / INDEX, text)


def _compared(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each sealed run that has an older one of the same plan, and what changed since that one."""
    known = [row for row in rows if row["record"] is not None and row["sealed"]]
    folders = {id(row["record"]): row["folder"] for row in known}
    found = []
    for n, row in enumerate(known, 1):
        former = before(row["record"], [older["record"] for older in known[n:]])
        if former is not None:
            found.append({"row": row, "former": folders[id(former)], "changes": compare_runs(row["record"], former)})
    return found


def _row(known: Neighbour) -> dict[str, Any]:
    if known.record is None:
        return {"folder": known.name, "record": None, "started": LONG_AGO, "broken": known.broken}
    return _facts(known, known.record.to_json())


def _facts(known: Neighbour, record: Record) -> dict[str, Any]:
    tables = record.get("tables") or []
    folder, verdict = known.folder, verdict_of(record)
    return {
        "folder": known.name,
        "record": record,
        "sealed": known.sealed,
        "started": when(record.get("started")) or LONG_AGO,
        "link": f"{quote(os.fsencode(folder.name))}/report.html" if (folder / "report.html").is_file() else None,
        "verdict": verdict if known.sealed or verdict == RUNNING else UNFINISHED,
        "headline": headline(record) if known.sealed or verdict == RUNNING else UNFINISHED,
        "source": place(record, "source"),
        "target": place(record, "target"),
        "tables": how_many(record).removesuffix(" table").removesuffix(" tables"),
        "exported": str(total(tables, "items_exported")),
        "held": str(total(tables, "items_in_target")),
        "differences": str(difference_changes(tables)),
        "seconds": (record.get("totals") or {}).get("seconds"),
        "mode": _mode(record, tables),
    }


def _mode(record: Record, tables: list[Record]) -> str:
    executed = record.get("executed")
    if executed:
        return "executed, later cleaned up" if record.get("cleaned") else "executed"
    if any(t.get("compared_only") for t in tables):
        return "compared only"
    if executed is None:
        return "not recorded"
    return "stopped before writing" if asked_to_write(record) else "dry run"
