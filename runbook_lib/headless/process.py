"""The runner's process: it can be ended, tells the kernels whose they are, and imports ahead while it waits."""

from __future__ import annotations

import importlib
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from runbook_lib.headless.early_kernel import nobodys_names, with_names
from runbook_lib.headless.warm_kernel import WarmKernel
from runbook_lib.paths import notebooks
from runbook_lib.report.render.markdown import load_templates
from runbook_lib.run.admission.admit import RUNNER
from runbook_lib.run.run import Run


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM end a run as Ctrl-C does; the former handlers come back afterwards."""

    def interrupt(signum: int, frame: object) -> None:
        raise KeyboardInterrupt

    former = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


@contextmanager
def kernel_of(run: Run, early: WarmKernel | None, make: Callable[[Path, Path], WarmKernel]) -> Iterator[WarmKernel]:
    """The kernel of a run's notebooks, which does not outlive the run: the one that is on its way, or a new one.

    Kernels are told that nobody watches, where the run folders are, and whose they are.
    """
    assert run.seat is not None
    names, log = nobodys_names() | {RUNNER: run.seat.token}, run.folder / "kernel.log"
    with with_names(names):
        kernel = early or make(notebooks(), log)
        kernel.settle(log, names)
        try:
            yield kernel
        finally:
            kernel.stop()


def execute_late(
    book: Path, result: Path, parameters: Mapping[str, object], kernel: WarmKernel, has_begun: Callable[[], bool]
) -> str | None:
    """Execute a notebook; papermill is imported here, while the kernel gets ready, and not by who is refused."""
    from runbook_lib.headless.execute_notebook import execute_notebook

    return execute_notebook(book, result, parameters, kernel, has_begun)


def import_ahead() -> None:
    """Load what publishing needs while this process waits for its kernel; it takes most of a second."""
    threading.Thread(target=_import_ahead, daemon=True).start()


def _import_ahead() -> None:
    importlib.import_module("runbook_lib.report.render.charts.draw")
    load_templates()
