"""What a run's folder says from the first moment of a further step until the folder is sealed again.

What is published is of one moment. Before a step changes anything, the seal goes and every page is replaced by one
that says that it is unfinished: whoever opens a folder of which the process was killed reads no verdict of before.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from runbook_lib.atomic_files import turn, write_atomically
from runbook_lib.run.atomic_folder import change_at_once
from runbook_lib.run.verdicts import PASS, RUNNING, UNKNOWN

SUMS = "SHA256SUMS"
INDEX, INDEX_LOCK, INDEX_SECONDS = "index.html", ".index.lock", 20.0
# The executed report shows a verdict and nothing else that is not in the pages; it is executed again.
VERDICT_NOTEBOOK = "90_report.ipynb"
NOT_AGAIN = "a further step of the run was started, and the table has not been proved again"
UNFINISHED = "UNFINISHED"
WHY = (
    "A further step of this run was started and the run's folder has not been sealed since: the step is running, it "
    "has ended and no report was written after it, or its process was killed. Nothing is concluded yet, and what an "
    "earlier report of this run said does not hold."
)
WHY_ENDED = (
    "A further step of this run has ended, and no report was written after it. Nothing is concluded yet, and what an "
    "earlier report of this run said does not hold."
)
CHANGED = "CHANGED"
WHY_CHANGED = (
    "Something in this run's folder is not as it was sealed: what its pages say is not to be relied on. No step was "
    "started since."
)
SEE_WHICH = "See which files; put them back from a copy, or let the report be written again."
GO_ON = (
    "If no process of it is left, let the report be written: by 90_report in JupyterLab, or start the run again with "
    "the same run id; a report is written at its end."
)
WRITE_REPORT = "Let the report be written, by 90_report in JupyterLab or by this command:"
HTML = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title></head>
<body><main><h1>{title}</h1><p>{why}</p><p>{go_on}</p></main></body>
</html>
"""


def mark_unfinished(folder: Path, move: Callable[[Path], None] | None = None) -> None:
    """Take the seal off a run's folder and let each of its pages say that the run is unfinished.

    To be called when a step has been accepted and before it writes its first byte; changes nothing where there is
    nothing published. All pages change at one instant; `move` hears of the folder that is about to take its place.
    """
    sealed = (folder / SUMS).exists()
    if not sealed and not _says_more(folder):
        return
    pages = {name: text for name, text in _pages(folder).items() if (folder / name).exists()}
    with turn(folder.parent / INDEX_LOCK, INDEX_SECONDS):
        for text in _index(folder):  # a list that says less than is proved does not lie
            write_atomically(folder.parent / INDEX, text)
        gone = {SUMS, *([VERDICT_NOTEBOOK] if sealed else []), *(beside.name for beside in folder.glob(f"{SUMS}.*"))}
        change_at_once(folder, pages, gone, seal=SUMS, move=move, swap=sealed)


def as_unfinished(record: dict[str, Any]) -> dict[str, Any]:
    """A record without a verdict of before: the run is RUNNING, and no table is proved until the run is."""
    tables = record.get("tables")
    rows = [_unproved(t) for t in tables] if isinstance(tables, list) else tables
    return record | {"verdict": RUNNING, "reasons": [], "grounds": [], "finished": None, "tables": rows}


def _unproved(table: Any) -> Any:
    if not isinstance(table, dict) or table.get("verdict") != PASS:
        return table
    return table | {"verdict": UNKNOWN, "reasons": [NOT_AGAIN]}


def _says_more(folder: Path) -> bool:
    """Whether a page without a seal says more than that the run is unfinished, as after a kill inside `begin`."""
    pages = _pages(folder)
    if any((folder / name).exists() and _text(folder / name) != pages[name] for name in ("report.html", "report.md")):
        return True
    told = (folder / "run.json").exists() and _json(folder).get("verdict") != RUNNING
    return told or bool(_index(folder))


def _pages(folder: Path) -> dict[str, str]:
    title = f"{UNFINISHED}: run {folder.name}"
    return {
        "run.json": _record(folder),
        "report.html": HTML.format(title=html.escape(title), why=html.escape(WHY), go_on=html.escape(GO_ON)),
        "report.md": f"## {UNFINISHED}: run `{folder.name}`\n\n{WHY}\n\n{GO_ON}\n",
    }


def _record(folder: Path) -> str:
    """The former record without its verdicts; where it cannot be read, no more than what is known now."""
    former = _json(folder) or {"run_id": folder.name}
    return json.dumps(as_unfinished(former), indent=2, ensure_ascii=False) + "\n"


def _json(folder: Path) -> dict[str, Any]:
    try:
        data = json.loads(_text(folder / "run.json"))
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""


def _index(folder: Path) -> list[str]:
    """The list of runs without what its rows say of this run; none where they say nothing of it."""
    text, name = _text(folder.parent / INDEX), re.escape(html.escape(folder.name))
    own = re.compile(rf'<tr data-run="{name}" data-state="sealed">.*?</tr>', re.DOTALL)
    others = rf'last="{name}"|later="{name}" data-former="[^"]*"|later="[^"]*" data-former="{name}"'
    beside = re.compile(rf"<tr data-(?:{others})>.*?</tr>", re.DOTALL)
    changed = beside.sub("", own.sub(lambda _: index_row(folder.name), text))
    return [changed] if changed != text else []


def index_row(name: str) -> str:
    """The row of an unfinished run in the list of runs."""
    shown = html.escape(name)
    return (
        f'<tr data-run="{shown}" data-state="unfinished"><td>not sealed</td><th scope="row">{shown}</th>'
        f'<td colspan="9">{UNFINISHED}. {html.escape(WHY)}</td></tr>'
    )
