"""The runner's process: it can be ended, tells the kernels whose they are, and imports ahead while it waits."""

from __future__ import annotations

import importlib
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from runbook_lib.paths import reports_root
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
def kernel_environment(run: Run) -> Iterator[None]:
    """Tell the kernels that nobody watches, where the run folders are, and whose they are."""
    assert run.seat is not None
    ours = {
        "RUNBOOK_HEADLESS": "1",
        "RUNBOOK_REPORTS": str(reports_root()),
        RUNNER: run.seat.token,
    }
    former = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name, value in former.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def import_ahead() -> None:
    """Import what publishing draws with while this process waits for its kernel; it takes half a second."""
    name = "runbook_lib.report.render.charts.draw"
    threading.Thread(target=importlib.import_module, args=(name,), daemon=True).start()
