"""What is left in a notebook of a live table, however its cell ends: in a real kernel."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError

from runbook_lib.headless.warm_kernel import QUIET

BEGIN = """
import os, tempfile
from pathlib import Path
from types import SimpleNamespace
from runbook_lib.errors import GateFailed, Interrupted
from runbook_lib.load.table_load import TableProgress
from runbook_lib.notebook.live import export_progress, import_progress, validation_progress
from runbook_lib.plan.writing import Method
from runbook_lib.run.facts.export import ExportFact, ExportStatus
from runbook_lib.run.ledger import Ledger
RUN = SimpleNamespace(ledger=Ledger(Path(tempfile.mkdtemp()) / "ledger"))
def importing(**now):
    watch = import_progress(RUN)
    watch(TableProgress("later", "later", 7))
    watch(TableProgress("s", "t", 10, rate=5.0, **now))
def exporting():
    export_progress()({"s": ExportFact(Method.EXPORT, ExportStatus.IN_PROGRESS, "now")})
"""
CELLS = {
    "interrupted": "importing(done=4, state='loading'); raise Interrupted('run it again')",
    "failed": "importing(done=4, state='loading'); raise GateFailed('no room')",
    "completed": "importing(done=10, state='done')",
    "validating": "validation_progress()('s', 'scanning the target', 3, 10); raise Interrupted('run it again')",
    "exporting": "exporting(); raise Interrupted('run it again')",
    "headless": "os.environ['RUNBOOK_HEADLESS'] = '1'; importing(done=4, state='loading'); raise GateFailed('no room')",
    "killed": "importing(done=4, state='loading'); os.kill(os.getpid(), 9)",
}


@pytest.fixture(scope="module")
def left() -> dict[str, list[Any]]:
    """The outputs of each cell, run one after another in one kernel."""
    cells = [nbformat.v4.new_code_cell(source) for source in (BEGIN, *CELLS.values())]
    book = nbformat.v4.new_notebook(cells=cells)
    with pytest.raises(DeadKernelError):
        NotebookClient(book, kernel_name="python3", allow_errors=True, timeout=120, config=QUIET).execute(
            cwd=str(Path(__file__).parent)
        )
    assert not cells[0].outputs
    return {name: cell.outputs for name, cell in zip(CELLS, cells[1:], strict=True)}


def table_in(outputs: list[Any]) -> Any:
    """The one table among them; headless it comes after the error."""
    [shown] = [output for output in outputs if output.output_type == "display_data"]
    return shown


def rows(output: Any) -> list[list[str]]:
    return [
        re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", output.data["text/html"])[1:]
    ]


@pytest.mark.parametrize("how", ["interrupted", "failed", "headless"])
@pytest.mark.few(1)
@pytest.mark.whole
def test_no_row_says_that_something_goes_on_after_its_cell_has_ended(how: str, left: dict[str, list[Any]]) -> None:
    shown = table_in(left[how])
    assert rows(shown) == [
        ["all tables", "stopped while loading", "4 of 17", "0.0", "0", "", "", "", ""],
        ["later", "not begun", "0 of 7", "0.0", "0", "", "", "", ""],
        ["t", "stopped while loading", "4 of 10", "0.0", "0", "", "", "", ""],
    ]
    assert set(shown.data) == {"text/html", "text/plain"}


@pytest.mark.chaos
def test_the_error_below_is_one_line(left: dict[str, list[Any]]) -> None:
    assert left["interrupted"][1].traceback == ["Interrupted: run it again"]
    assert left["failed"][1].traceback == ["GateFailed: no room"]


def test_a_completed_table_shows_no_rate_of_the_moment(left: dict[str, list[Any]]) -> None:
    assert rows(left["completed"][0])[-1] == ["t", "done", "10 of 10", "0.0", "0", "", "", "", ""]


def test_a_stopped_validation_and_export_say_where_they_were(left: dict[str, list[Any]]) -> None:
    assert rows(left["validating"][0]) == [["s", "stopped while scanning the target", "3 of 10", ""]]
    assert rows(left["exporting"][0]) == [["s", "IN_PROGRESS", "", ""]]


def test_headless_a_killed_kernel_leaves_no_half_table(left: dict[str, list[Any]]) -> None:
    assert left["killed"] == []
