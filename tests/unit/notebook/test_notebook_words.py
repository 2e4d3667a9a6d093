"""What the notebooks say is what there is: who sets their parameters, and how a number looks that nobody measured."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from runbook_lib.paths import notebooks
from runbook_lib.report.text import NOT_MEASURED

BOOKS = sorted(notebooks().glob("*.ipynb"))


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.stem)
def test_the_parameters_name_both_that_set_the_migration_file(book: Path) -> None:
    (cell,) = [c for c in nbformat.read(book, 4).cells if "parameters" in c.metadata.get("tags", [])]
    assert "empty means RUNBOOK_CONFIG, which runbook lab CONFIG and make lab set" in cell.source


def test_the_reconciliation_says_of_a_number_that_was_not_measured_what_its_cells_say() -> None:
    cells = nbformat.read(notebooks() / "30_validate.ipynb", 4).cells
    (told,) = [c.source for c in cells if c.source.startswith("## Reconciliation")]
    assert f"says `{NOT_MEASURED}`, never 0" in told
