"""The digest of the library is one over all of it: a page that another version made is never called the same code's."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import runbook_lib
from runbook_lib.run import provenance

PACKAGE = Path(runbook_lib.__file__).parent


def test_it_reads_the_whole_package() -> None:
    assert provenance.LIBRARY == PACKAGE


@pytest.mark.parametrize(
    "name", ["report/text.py", "record/verdict.py", "run/ledger.py", "report/render/templates/report.html.j2", "cli.py"]
)
def test_a_change_anywhere_changes_the_digest(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(PACKAGE, tmp_path / "lib", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(provenance, "LIBRARY", tmp_path / "lib")
    before = provenance.library_digest.__wrapped__()
    assert before == provenance.library_digest.__wrapped__()
    with open(tmp_path / "lib" / name, "a") as file:
        file.write("#")
    assert provenance.library_digest.__wrapped__() != before
