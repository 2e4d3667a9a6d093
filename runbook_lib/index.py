"""`reports/index.html`: the list of runs, made anew from their `run.json` files and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from runbook_lib.findings import total
from runbook_lib.record import Record, read_record, write_atomically
from runbook_lib.report import environment
from runbook_lib.since import MEASURES, before, differences, since
from runbook_lib.story import asked_to_write, place, verdict_of
from runbook_lib.wording import when

SHOWN_COMPARISONS = 50
LONG_AGO = datetime.min.replace(tzinfo=UTC)


def write_index(root: Path) -> None:
    """List every run folder of `root`, newest first; one that cannot be read has a row that says so."""
    rows = [_row(file.parent) for file in sorted(root.glob("*/run.json"))]
    rows.sort(key=lambda row: row["started"], reverse=True)
    page = environment().get_template("index.html.j2")
    text = page.render(rows=rows, measures=list(MEASURES), compared=_compared(rows)[:SHOWN_COMPARISONS])
    write_atomically(root / "index.html", text)


def _compared(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each run that has an older one of the same plan, and what changed since that one."""
    known = [row for row in rows if row["record"] is not None]
    folders = {id(row["record"]): row["folder"] for row in known}
    found = []
    for n, row in enumerate(known, 1):
        former = before(row["record"], [older["record"] for older in known[n:]])
        if former is None:
            continue
        try:
            changes = since(row["record"], former)
        except (AttributeError, TypeError, ValueError, KeyError):
            continue  # JSON, but not the record of a run
        found.append({"row": row, "former": folders[id(former)], "changes": changes})
    return found


def _row(folder: Path) -> dict[str, Any]:
    record = read_record(folder)
    try:
        return _facts(folder, record) if record else _unreadable(folder)
    except (AttributeError, TypeError, ValueError, KeyError):
        return _unreadable(folder)  # JSON, but not the record of a run


def _unreadable(folder: Path) -> dict[str, Any]:
    return {"folder": folder.name, "record": None, "started": LONG_AGO}


def _facts(folder: Path, record: Record) -> dict[str, Any]:
    tables = record.get("tables") or []
    return {
        "folder": folder.name,
        "record": record,
        "started": when(record.get("started")) or LONG_AGO,
        "link": f"{quote(folder.name)}/report.html" if (folder / "report.html").is_file() else None,
        "verdict": verdict_of(record),
        "source": place(record, "source"),
        "target": place(record, "target"),
        "tables": len(tables),
        "exported": str(total(tables, "items_exported")),
        "held": str(total(tables, "items_in_target")),
        "differences": str(differences(tables)),
        "seconds": (record.get("totals") or {}).get("seconds"),
        "mode": _mode(record, tables),
    }


def _mode(record: Record, tables: list[Record]) -> str:
    executed = record.get("executed")
    if executed:
        return "executed"
    if any(t.get("compared_only") for t in tables):
        return "compared only"
    if executed is None:
        return "not recorded"
    return "stopped before writing" if asked_to_write(record) else "dry run"
