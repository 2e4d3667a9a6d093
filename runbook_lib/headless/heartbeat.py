"""A sign of life of a long step, now and then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from runbook_lib.headless.console import Pace, seconds_running, so_far
from runbook_lib.run.admission.admit import LEDGER
from runbook_lib.run.ledger import Ledger

HEARTBEAT_SECONDS = 10.0


@contextmanager
def heartbeat(folder: Path, step: str, say: Callable[[str], None], every: float = HEARTBEAT_SECONDS) -> Iterator[None]:
    """Say how far a long step is, now and then, so that a log shows life."""
    over, began, pace = threading.Event(), time.monotonic(), Pace()

    def beat() -> None:
        began_itself = False
        while not over.wait(every):
            ledger = Ledger(folder / LEDGER)
            far, waited = so_far(ledger, step, pace, time.monotonic()), time.monotonic() - began
            seconds = seconds_running(ledger, step, datetime.now(UTC), waited)
            ledger.close()
            began_itself = began_itself or seconds is not None
            if seconds is None and began_itself:  # its own clock has stopped: the notebook only shows what came of it
                say(f"{step:<9} ... finishing")
                continue
            if seconds is None:  # a time of the notebook is none of the step, whose end tells another
                say(f"{step:<9} ... the notebook is starting")
                continue
            say(f"{step:<9} ... {seconds:.0f} s{f', {far}' if far else ''}")

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
