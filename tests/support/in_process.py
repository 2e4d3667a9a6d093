"""The `runbook` command in this process: what a user gets, without the seconds that each kernel takes to start.

The cells of the notebooks are executed here, one notebook after the other, as papermill would have a kernel do it.
What is about processes, kernels and signals starts `World.runbook` instead.
"""

from __future__ import annotations

import gc
import io
import os
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any
from unittest.mock import patch

import nbformat

from runbook_lib.cli import run_cli
from runbook_lib.headless import early_kernel, runner


class NoKernel:
    """In place of a WarmKernel."""

    def __init__(self, folder: Path, log: Path | None = None) -> None:
        self._log = log

    def start(self) -> None:
        if self._log is not None:
            self._log.touch()

    def settle(self, log: Path, names: Mapping[str, str]) -> None:
        self._log = log

    def stop(self) -> None:
        """Nothing runs."""


def execute_here(
    book: Path, result: Path, parameters: Mapping[str, Any], kernel: NoKernel, has_begun: Callable[[], bool]
) -> str | None:
    """Like `execute_notebook`: why a notebook failed, or None; outputs are not kept."""
    notebook = nbformat.read(book, as_version=4)
    nbformat.write(notebook, result)
    names: dict[str, Any] = {"__name__": "__main__"}
    try:
        for cell in notebook.cells:
            tags = cell.metadata.get("tags", [])
            if cell.cell_type == "code" and "skip-execution" not in tags:
                exec(compile(cell.source, book.name, "exec"), names)
                names |= parameters if "parameters" in tags else {}
    except Exception as error:
        return str(error)
    finally:
        if "run" in names:
            names["run"].ledger.close()
        names.clear()
    return None


def runbook_here(*arguments: str | Path, **environment: str) -> CompletedProcess[str]:
    """Run the command and its notebooks in this process."""
    said, complained = io.StringIO(), io.StringIO()
    with (
        patch.object(runner, "execute_notebook", execute_here),
        patch.object(runner, "WarmKernel", NoKernel),
        patch.object(early_kernel, "WarmKernel", NoKernel),
        patch.dict(os.environ, environment),
        redirect_stdout(said),
        redirect_stderr(complained),
    ):
        code = run_cli([str(argument) for argument in arguments])
    gc.collect()  # processes that end let go of what they hold
    return CompletedProcess(list(map(str, arguments)), code, said.getvalue(), complained.getvalue())
