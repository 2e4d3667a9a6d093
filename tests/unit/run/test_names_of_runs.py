"""A run is never called as what the folder of the reports needs itself: it would stand in the place of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from runbook_lib.cli import run_cli
from runbook_lib.errors import ConfigError
from runbook_lib.notebook.lab import COPIES
from runbook_lib.run.admission.admit import folder_of
from runbook_lib.run.unfinished import INDEX

NEEDED = [INDEX, COPIES, "index.md", "README.md", "campaign-spring.html"]
NAMES = [*NEEDED, *(name.upper() for name in NEEDED), "Index.Html", "NoteBooks"]


@pytest.fixture(autouse=True)
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RUNBOOK_REPORTS", str(made := tmp_path / "reports"))
    return made


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_the_folder_needs_is_refused_with_the_reason(name: str) -> None:
    with pytest.raises(ConfigError, match="of the reports itself needs"):
        folder_of(name)


@pytest.mark.parametrize(
    "words", [["demo"], ["rollback", "m.yaml"], ["drift", "m.yaml"], ["run", "m.yaml"], ["cleanup", "m.yaml"]]
)
def test_wherever_a_run_is_named(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (file := tmp_path / "m.yaml").write_text(
        "name: x\nsource: {region: us-east-1, endpoint_url: http://127.0.0.1:9}\ntarget: {region: us-east-2}\n"
        "staging: {bucket: some-bucket, region: us-east-2}\ntables: {include: ['*']}\n"
    )
    spelled = [str(file) if word == "m.yaml" else word for word in words]
    assert run_cli([*spelled, "--run-id", "index.html"]) == 2
    assert "of the reports itself needs" in capsys.readouterr().err
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize("name", ["index", "notebooks-2", "my-notebooks", "campaign-spring", "x.html", "indexes.html"])
def test_any_other_name_is_taken(name: str, reports: Path) -> None:
    assert folder_of(name) == reports / name


def test_a_run_that_has_such_a_name_already_can_be_asked_for_and_cleaned_up(reports: Path) -> None:
    (reports / "notebooks").mkdir(parents=True)
    (reports / "notebooks" / "ledger.sqlite").touch()
    assert folder_of("notebooks") == reports / "notebooks"
