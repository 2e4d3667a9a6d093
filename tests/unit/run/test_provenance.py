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
    provenance.library_as_it_began.cache_clear()
    before = provenance.library_digest()
    assert before == provenance.library_digest()
    with open(tmp_path / "lib" / name, "a") as file:
        file.write("#")
    provenance.library_as_it_began.cache_clear()  # as another process has it
    assert provenance.library_digest() not in ("", before)
    assert " " not in provenance.library_digest()
    provenance.library_as_it_began.cache_clear()


def test_code_that_was_edited_while_a_process_ran_is_recorded_as_neither(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kernel of the lab lives for days, and holds what it has loaded."""
    shutil.copytree(PACKAGE, tmp_path / "lib", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(provenance, "LIBRARY", tmp_path / "lib")
    provenance.library_as_it_began.cache_clear()
    file = tmp_path / "lib" / "record" / "verdict.py"
    began, text = provenance.code_facts(), file.read_text(encoding="utf-8")
    file.write_text(text + "#", encoding="utf-8")
    edited = provenance.code_facts()
    assert edited.library.endswith(f", edited while a process ran that began with {began.library}")
    assert not edited.library.startswith(began.library)
    assert not provenance.makes_the_same(began.library, began.packages)
    file.write_text(text, encoding="utf-8")
    assert provenance.code_facts() == began
    provenance.library_as_it_began.cache_clear()
