"""A run's record as a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from runbook_lib.atomic_files import write_atomically
from runbook_lib.run.unfinished import as_unfinished
from runbook_lib.run.verdicts import RUNNING

Record = dict[str, Any]


def write_record(folder: Path, record: Record) -> None:
    """Put the `run.json` of a run that goes on in place in one step; of what is not sealed it says no verdict."""
    known = as_unfinished(record) if record["verdict"] == RUNNING else record
    write_atomically(folder / "run.json", as_json(known))


def as_json(record: Record) -> str:
    """A record as the text of `run.json`."""
    return json.dumps(record, indent=2, ensure_ascii=False) + "\n"


def read_record(folder: Path) -> Record | None:
    """The run.json of a folder, or None if there is none that can be read."""
    try:
        data = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None
