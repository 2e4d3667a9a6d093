"""One kernel executes all notebooks of a run, and none of them sees anything of another."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from runbook_lib.errors import ConfigError
from runbook_lib.headless import warm_kernel
from runbook_lib.headless.early_kernel import early_kernel
from runbook_lib.headless.execute_notebook import execute_notebook
from runbook_lib.headless.warm_kernel import WarmKernel

PID = "import os; print(os.getpid())"


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[WarmKernel]:
    made = WarmKernel(tmp_path, tmp_path / "kernel.log")
    yield made
    made.stop()


def run(kernel: WarmKernel, folder: Path, *cells: str, begun: bool = False) -> tuple[str | None, list[Any]]:
    """Execute a notebook of these cells; why it failed, and its cells."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(book, folder / "book.ipynb")
    failure = execute_notebook(folder / "book.ipynb", folder / "result.ipynb", {}, kernel, lambda: begun)
    if not (folder / "result.ipynb").exists():
        return failure, []
    return failure, nbformat.read(folder / "result.ipynb", as_version=4).cells


@pytest.mark.chaos
def test_braces_in_a_path_are_only_that(kernel: WarmKernel, tmp_path: Path) -> None:
    (folder := tmp_path / "reports {run_id} {").mkdir()
    failure, cells = run(kernel, folder, "print(1)")
    assert (failure, said(cells)) == (None, ["1"])


def said(cells: list[Any]) -> list[str]:
    """What each cell that said something said; a kernel may send one print in two messages."""
    return ["".join(output.get("text", "") for output in cell.outputs).strip() for cell in cells if cell.outputs]


def test_the_next_notebook_has_the_same_process_and_none_of_the_names(kernel: WarmKernel, tmp_path: Path) -> None:
    _, first = run(kernel, tmp_path, PID, "left = 1\ndef helper(): pass\nimport json as tool")
    failure, second = run(
        kernel, tmp_path, PID, "print([n for n in ('left', 'helper', 'tool', '_') if n in globals()])"
    )
    assert failure is None
    assert said(first)[0] == said(second)[0]
    assert said(second)[1] == "[]"
    assert [cell.execution_count for cell in second] == [1, 2]


@pytest.mark.whole
def test_an_emptied_kernel_has_what_every_module_has_and_can_start_a_process(
    kernel: WarmKernel, tmp_path: Path
) -> None:
    module = "print([__name__, __doc__, __loader__, __package__, __spec__, __builtins__, __builtin__])"
    spawn = (
        "from multiprocessing import get_context; p = get_context('spawn').Process(target=print); p.start(); p.join()"
    )
    _, first = run(kernel, tmp_path, PID, module)
    failure, second = run(kernel, tmp_path, PID, module, spawn, "print(p.exitcode)")
    assert failure is None
    assert said(first)[:2] == said(second)[:2]
    assert said(second)[-1] == "0"


@pytest.mark.chaos
def test_what_a_notebook_held_open_is_closed_for_the_next_one(kernel: WarmKernel, tmp_path: Path) -> None:
    held = "class Held:\n    def __del__(self): open('closed', 'w').close()\nheld = Held(); held.itself = held"
    run(kernel, tmp_path, held)
    _, cells = run(kernel, tmp_path, "import os; print(os.path.exists('closed'))")
    assert said(cells) == ["True"]


@pytest.mark.chaos
def test_a_kernel_that_cannot_be_emptied_is_replaced(kernel: WarmKernel, tmp_path: Path) -> None:
    _, first = run(kernel, tmp_path, PID, "left = 1\ndef fail(**_): raise OSError('no')\nget_ipython().reset = fail")
    failure, second = run(kernel, tmp_path, PID, "print('left' in globals())")
    assert failure is None
    assert said(first)[0] != said(second)[0]
    assert said(second)[1] == "False"


@pytest.mark.whole
def test_after_a_notebook_that_failed_there_is_a_new_process(kernel: WarmKernel, tmp_path: Path) -> None:
    _, first = run(kernel, tmp_path, PID)
    failure, _ = run(kernel, tmp_path, "raise ValueError('as planned')", begun=True)
    assert failure == "as planned"
    _, third = run(kernel, tmp_path, PID)
    assert said(first) != said(third)


@pytest.mark.whole
def test_a_kernel_that_died_between_two_notebooks_is_replaced(kernel: WarmKernel, tmp_path: Path) -> None:
    _, first = run(kernel, tmp_path, PID)
    os.kill(int(said(first)[0]), signal.SIGKILL)
    failure, second = run(kernel, tmp_path, PID)
    assert failure is None
    assert said(second)[0].isdigit()
    assert said(first) != said(second)


@pytest.mark.whole
def test_a_kernel_that_dies_in_a_notebook_that_had_begun_is_a_failure(kernel: WarmKernel, tmp_path: Path) -> None:
    failure, _ = run(kernel, tmp_path, "import os; os.kill(os.getpid(), 9)", begun=True)
    assert failure is not None
    assert "died" in failure.lower()


def test_a_stopped_kernel_leaves_no_process(kernel: WarmKernel, tmp_path: Path) -> None:
    _, cells = run(kernel, tmp_path, PID)
    kernel.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(int(said(cells)[0]), 0)


LOUD = "import os; print(os.environ['RUNBOOK_RUNNER'], os.environ['RUNBOOK_HEADLESS']); _ = os.write(2, b'a word')"


def test_a_kernel_that_was_started_early_is_told_whose_it_is_before_its_first_notebook(tmp_path: Path) -> None:
    with early_kernel() as kernel:
        kernel.settle(tmp_path / "its.log", {"RUNBOOK_RUNNER": "a token"})
        before = kernel.start().provisioner
        failure, cells = run(kernel, tmp_path, LOUD)
        assert kernel.start().provisioner is before
    assert (failure, said(cells)) == (None, ["a token 1"])
    assert (tmp_path / "its.log").read_bytes() == b"a word"
    assert "RUNBOOK_HEADLESS" not in os.environ


def test_what_an_early_kernel_dies_of_is_kept_and_another_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = f"import os; os.path.exists({str(tmp_path / 'once')!r}) or (open({str(tmp_path / 'once')!r}, 'w').close(), "
    dying = once + "os.write(2, b'no memory'), os._exit(1))"
    monkeypatch.setattr(warm_kernel, "ARGUMENTS", [f"--IPKernelApp.exec_lines={dying}"])
    with early_kernel() as kernel:
        kernel.settle(tmp_path / "its.log", {})
        failure, cells = run(kernel, tmp_path, "print(1)")
    assert (failure, said(cells)) == (None, ["1"])
    assert (tmp_path / "its.log").read_bytes().startswith(b"no memory")


def test_an_early_kernel_goes_with_a_start_that_is_refused() -> None:
    with pytest.raises(ConfigError, match="refused"):
        refused_with(begun := list[int]())
    with pytest.raises(ProcessLookupError):
        os.kill(begun[0], 0)


def refused_with(begun: list[int]) -> None:
    with early_kernel() as kernel:
        process: Any = kernel.start().provisioner
        begun.append(process.pid)
        raise ConfigError("refused")
