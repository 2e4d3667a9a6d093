"""What people do with notebooks besides `runbook run`: papermill, nbclient, nbconvert, jupytext, other kernels."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import jupytext
import nbformat
import pytest
import yaml
from click.testing import CliRunner, Result
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from papermill.cli import papermill as papermill_cli

from tests.support.in_process import NoKernel, execute_here
from tests.support.world import World, things

pytestmark = pytest.mark.whole

ROOT = Path(__file__).resolve().parents[3]
BOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
FIRST = ROOT / "notebooks" / "00_preflight.ipynb"


def papermill(*arguments: str | Path, at: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "papermill", "--no-progress-bar", *map(str, arguments)]
    return subprocess.run(
        command, cwd=at, env=os.environ | {"RUNBOOK_HEADLESS": "1"}, capture_output=True, text=True, check=False,
        timeout=300,
    )  # fmt: skip


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder that knows nothing of the library, the notebooks or the reports."""
    (there := tmp_path / "elsewhere").mkdir()
    return there


def papermill_here(*arguments: str | Path) -> Result:
    """The same command in this process, for what it does without a kernel."""
    with patch("logging.basicConfig"):
        return CliRunner().invoke(papermill_cli, ["--no-progress-bar", *map(str, arguments)])


def given(world: World, run_id: str) -> dict[str, Any]:
    world.pair("a", things(3))
    return {"config": str(world.config()), "run_id": run_id}


@pytest.mark.few(1)
@pytest.mark.parametrize("way", ["-p", "-y", "-f", "-b"])
def test_papermill_hands_parameters_over_in_each_of_its_ways(
    way: str, world: World, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first in a kernel; what papermill makes of the others is executed here."""
    wanted = given(world, "r1")
    text = yaml.safe_dump(wanted | {"execute": False, "tables": "*"})
    (file := elsewhere / "params.yaml").write_text(text)
    arguments: dict[str, list[str | Path]] = {
        "-p": [word for name, value in wanted.items() for word in ("-p", name, value)],
        "-y": ["-y", text],
        "-f": ["-f", file],
        "-b": ["-b", base64.b64encode(text.encode()).decode()],
    }
    made = elsewhere / "out.ipynb"
    if way == "-p":
        ran = papermill(FIRST, made, *arguments[way], at=elsewhere)
        assert ran.returncode == 0, ran.stderr
        assert "No requirement was violated" not in ran.stderr
    else:
        prepared = papermill_here("--prepare-only", FIRST, made, *arguments[way])
        assert prepared.exit_code == 0, prepared.output
        monkeypatch.chdir(elsewhere)
        failed = execute_here(made, elsewhere / "executed.ipynb", {}, NoKernel(elsewhere, elsewhere / "log"), bool)
        assert failed is None, failed
    assert (world.folder / "reports" / "r1" / "ledger.sqlite").exists()
    assert not (elsewhere / "reports").exists()


@pytest.mark.chaos
def test_a_false_that_became_text_on_the_way_is_refused(world: World, elsewhere: Path) -> None:
    wanted = given(world, "r1")
    words = [word for name, value in wanted.items() for word in ("-p", name, value)]
    ran = papermill(FIRST, elsewhere / "out.ipynb", *words, "-p", "execute", "false", at=elsewhere)
    assert ran.returncode == 1
    assert "execute" in ran.stderr
    assert not (world.folder / "reports" / "r1").exists()


@pytest.mark.chaos
def test_papermill_lists_the_four_parameters_and_what_they_are(caplog: pytest.LogCaptureFixture) -> None:
    for book in BOOKS:
        listed = papermill_here("--help-notebook", book)
        assert listed.exit_code == 0, listed.output
        for name in ("config: str", "run_id: str", "execute: bool", "tables: str"):
            assert f"  {name} (default" in listed.output, (book.name, listed.output)
        assert "Can't infer" not in listed.output + caplog.text


@pytest.mark.chaos
def test_the_executed_copy_may_lie_in_a_bucket(world: World, elsewhere: Path) -> None:
    wanted = given(world, "r1")
    place = f"s3://{world.bucket}/executed/00_preflight.ipynb"
    ran = papermill(FIRST, place, "-y", yaml.safe_dump(wanted), at=elsewhere)
    assert ran.returncode == 0, ran.stderr
    body = world.s3.get_object(Bucket=world.bucket, Key="executed/00_preflight.ipynb")["Body"].read()
    book = nbformat.reads(body.decode(), as_version=4)
    nbformat.validate(book)
    assert any(cell.get("outputs") for cell in book.cells)


def test_a_kernel_of_another_name_and_folder_runs_it_and_html_is_made_of_it(
    world: World, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As VS Code and SageMaker do it: the kernel has a name of theirs, and the working folder is not the notebook's."""
    spec = elsewhere / "jupyter" / "kernels" / "conda-env-migration-py"
    spec.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": command, "display_name": "mine", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(elsewhere / "jupyter"))
    monkeypatch.setenv("RUNBOOK_HEADLESS", "1")
    book = nbformat.read(FIRST, as_version=4)
    (cell,) = [c for c in book.cells if "parameters" in c.metadata.get("tags", [])]
    cell.source += "".join(f"\n{name} = {value!r}" for name, value in given(world, "r1").items())
    book.metadata.kernelspec = {"name": "conda-env-migration-py", "display_name": "mine", "language": "python"}
    NotebookClient(book, timeout=120, resources={"metadata": {"path": str(elsewhere)}}).execute()
    assert (world.folder / "reports" / "r1" / "ledger.sqlite").exists()
    assert sorted(p.name for p in elsewhere.iterdir()) == ["jupyter"]
    page, _ = HTMLExporter().from_notebook_node(book)
    assert "NOT AWS" in page
    assert world.src("a") in page
    assert "Traceback" not in page


@pytest.mark.few(1)
@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.stem)
def test_jupytext_brings_a_notebook_there_and_back(book: Path) -> None:
    known = nbformat.read(book, as_version=4)
    text = jupytext.writes(known, fmt="py:percent")
    again = jupytext.reads(text, fmt="py:percent")
    assert [(c.cell_type, c.source) for c in again.cells] == [(c.cell_type, c.source) for c in known.cells]
    assert [c.metadata.get("tags") for c in again.cells] == [c.metadata.get("tags") for c in known.cells]
    compile(text, book.name, "exec")
