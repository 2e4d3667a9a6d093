"""What an executed notebook must not hold."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat

from runbook_lib.notebook.live import GOING


def nothing_is_left_half(folder: Path) -> None:
    """No widget, no bar, no row that says something goes on, in any executed notebook."""
    books = [nbformat.read(file, as_version=4) for file in folder.glob("*.ipynb")]
    shown = [o.data for b in books for c in b.cells for o in c.get("outputs", []) if "data" in o]
    assert books
    assert shown
    assert not [b for b in books if "widgets" in b.metadata]
    assert {kind for data in shown for kind in data} <= {"text/html", "text/plain"}
    assert not [d for d in shown if re.search(rf"<td[^>]*>({'|'.join((*GOING, 'waiting'))})<", d.get("text/html", ""))]
