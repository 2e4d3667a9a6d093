"""The notebooks keep the conventions, run alone and again, and can fail."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
import yaml

import runbook_lib
from runbook_lib.headless.books import FILES
from runbook_lib.headless.warm_kernel import QUIET
from runbook_lib.paths import notebooks
from tests.support.executed_notebooks import nothing_is_left_half
from tests.support.in_process import NoKernel, execute_here
from tests.support.world import World, things

BOOKS = sorted(notebooks().glob("*.ipynb"))
CLEANUP = "95_cleanup.ipynb"  # no part of a run
CUT_OVER = "50_cut_over.ipynb"  # goes on where a table was caught up with
# Parameters beside the four of each notebook.
OWN = {
    CLEANUP: {"confirm_cleanup": ("str", '""')},
    "35_repair.ipynb": {
        "write_missing": ("bool", "True"), "write_different": ("bool", "True"), "delete_extra": ("bool", "False"),
        "even_after_cut_over": ("bool", "False"), "confirm_repair": ("str", '""'),
    },
}  # fmt: skip
TAGS = {"parameters", "gate", "writes", "interactive", "skip-execution", "nbval-skip"}


def cells(book: Path, kind: str) -> list[Any]:
    return [c for c in nbformat.read(book, as_version=4).cells if c.cell_type == kind]


def tags(cell: Any) -> set[str]:
    return set(cell.metadata.get("tags", []))


def test_the_runner_knows_every_notebook_and_no_other() -> None:
    assert [b.name for b in BOOKS] == sorted([*FILES.values(), CLEANUP])


@pytest.mark.parametrize("book", BOOKS, ids=lambda b: b.stem)
def test_a_notebook_tells_and_the_library_does(book: Path) -> None:
    for cell in cells(book, "code"):
        tree = ast.parse(cell.source)
        banned = (ast.FunctionDef, ast.ClassDef, ast.For, ast.While, ast.Try, ast.With, ast.Lambda)
        assert not [n for n in ast.walk(tree) if isinstance(n, banned)]
        assert "boto3" not in cell.source
        assert "input(" not in cell.source
        assert len(cell.source.splitlines()) <= 10


@pytest.mark.parametrize("book", BOOKS, ids=lambda b: b.stem)
def test_a_notebook_imports_nothing_but_the_face(book: Path) -> None:
    for cell in cells(book, "code"):
        for node in ast.walk(ast.parse(cell.source)):
            assert not isinstance(node, ast.Import), cell.source
            if isinstance(node, ast.ImportFrom):
                assert node.module == "runbook_lib"
                assert {alias.name for alias in node.names} <= set(runbook_lib.__all__)


@pytest.mark.parametrize("book", BOOKS, ids=lambda b: b.stem)
def test_a_notebook_is_stored_without_outputs_and_explains_every_cell(book: Path) -> None:
    content = nbformat.read(book, as_version=4).cells
    assert content[0].cell_type == "markdown"
    assert content[0].source.startswith("# ")
    assert "**Side effects:**" in content[0].source
    explained = False
    for cell in content:
        if cell.cell_type == "markdown":
            explained = True
        else:
            assert explained
            assert not cell.outputs
            assert cell.execution_count is None
    text = "\n".join(c.source for c in content)
    for heading in ("## Before you start", "## Parameters", "**Good:**", "**Otherwise:**", "## Next, and undo"):
        assert heading in text


@pytest.mark.parametrize("book", BOOKS, ids=lambda b: b.stem)
def test_parameters_are_the_same_everywhere_and_papermill_sees_them(book: Path) -> None:
    import papermill

    seen = papermill.inspect_notebook(str(book))
    assert {n: (p["inferred_type_name"], p["default"]) for n, p in seen.items()} == {
        "config": ("str", '""'), "run_id": ("str", '""'), "execute": ("bool", "False"), "tables": ("str", '""'),
    } | OWN.get(book.name, {})  # fmt: skip
    assert all(p["help"] for p in seen.values())


@pytest.mark.parametrize("book", BOOKS, ids=lambda b: b.stem)
def test_tags_are_known_and_every_write_stands_behind_a_gate(book: Path) -> None:
    gated = False
    for cell in cells(book, "code"):
        assert tags(cell) <= TAGS
        gated = gated or "gate" in tags(cell)
        assert gated or "writes" not in tags(cell)
        assert ("interactive" in tags(cell)) == ("run.form_" in cell.source)
        if "interactive" in tags(cell):
            assert {"skip-execution", "nbval-skip"} <= tags(cell)
    side_effects = nbformat.read(book, as_version=4).metadata["runbook"]["side_effects"]
    assert side_effects == any("writes" in tags(c) for c in cells(book, "code"))


@pytest.mark.chaos
def test_each_notebook_runs_by_itself_with_plain_papermill_and_twice_with_the_same_result(world: World) -> None:
    """The cleanup too: without its confirmation it removes nothing, whatever `execute` says."""
    import papermill

    world.pair("a", things(30))
    settings = {"config": str(world.config()), "run_id": "by-hand", "execute": True}
    parameters = world.folder / "params.yaml"
    parameters.write_text(yaml.safe_dump(settings))
    _papermill_by_hand(world, BOOKS[0], parameters)
    (again := world.folder / "again").mkdir()
    counts = []
    for time in ("first", "second"):
        for book in (each for each in BOOKS if each.name != CUT_OVER):
            if time == "first":
                papermill.execute_notebook(
                    book, world.folder / book.name, settings, cwd=world.folder, progress_bar=False, config=QUIET
                )
            else:  # the same cells, without the seconds that each kernel takes to start
                failed = execute_here(book, again / book.name, settings, NoKernel(again, again / "log"), lambda: True)
                assert failed is None, (book.name, failed)
        record = world.record("by-hand")
        counts.append((record["verdict"], record["totals"]["items_written"], record["totals"]["items_in_target"]))
    assert counts == [("PASS", 30, 30)] * 2
    assert record["target_calls"]["BatchWriteItem"] <= 8
    nothing_is_left_half(world.folder)


def _papermill_by_hand(world: World, book: Path, parameters: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "papermill", str(book), str(world.folder / book.name), "-f", str(parameters)],
        capture_output=True, text=True, cwd=world.folder, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-2000:]


@pytest.mark.parametrize(("name", "value"), [("execute", "false"), ("config", 5), ("run_id", None), ("tables", 1)])
def test_a_mistyped_parameter_is_refused(world: World, name: str, value: object) -> None:
    from runbook_lib.errors import ConfigError
    from runbook_lib.run.run import open_run

    with pytest.raises(ConfigError, match=f"parameter {name}"):
        open_run(**({"config": str(world.config())} | {name: value}))  # type: ignore[arg-type]


@pytest.mark.chaos
def test_nbval_is_red_when_a_count_is_broken() -> None:
    """The same command that make test uses, with one item taken from a target before validation."""
    ran = subprocess.run(
        [
            sys.executable, "-m", "pytest", "-p", "tests.support.notebook_sandbox", "-p", "nbval.plugin",
            "--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=120", "notebooks", "-q", "-x",
        ],
        capture_output=True, text=True, cwd=notebooks().parent, check=False,
        env=os.environ | {"RUNBOOK_TEST_BREAK": "count"},
    )  # fmt: skip
    assert ran.returncode == 1, ran.stdout[-3000:] + ran.stderr[-2000:]
    assert "30_validate" in ran.stdout
    assert "1 item is missing" in ran.stdout
