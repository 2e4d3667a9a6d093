"""Lives of a run: its steps in processes of their own, killed whenever one likes.

They are forked from a server that has the modules loaded, so that a life begins after a third of a
second and hundreds of them are affordable.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from runbook_lib.catchup.step import catch_up
from runbook_lib.errors import RunbookError
from runbook_lib.preflight.step import preflight
from runbook_lib.repair.choice import RepairChoice
from runbook_lib.repair.step import repair_tables
from runbook_lib.run.run import Run, open_run
from tests.support.recorded import export_tables, import_tables, validate_tables

WHOLE_REPAIR = RepairChoice(write_missing=True, write_different=True, delete_extra=True)
STEPS: dict[str, Callable[[Run], Any]] = {
    "preflight": preflight,
    "export": export_tables,
    "import": import_tables,
    "catch_up": catch_up,
    "validate": validate_tables,
    "repair": lambda run: repair_tables(run, WHOLE_REPAIR, run.id),
}
_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload([__name__])


def live(config: Path, run_id: str, steps: Sequence[str], seconds: float | None) -> bool:
    """Do the steps in a new process, killed so many seconds after it has begun; whether it came to its end.

    A step that fails by itself is an AssertionError.
    """
    ours, theirs = _forks.Pipe()
    process = _forks.Process(target=_do, args=(theirs, dict(os.environ), str(config), run_id, list(steps)))
    process.start()
    theirs.close()
    try:
        assert ours.recv() == "begun"
        if seconds is not None:
            time.sleep(seconds)
            process.kill()
        said = ours.recv()
        assert said == "ended", said
    except EOFError:  # nobody has the other end any more
        assert seconds is not None, "the process died by itself"
        return False
    finally:
        ours.close()
        process.join()
        process.close()
    return True


def _do(said: Connection, environment: dict[str, str], config: str, run_id: str, steps: list[str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    run = open_run(config, run_id, execute=True)
    said.send("begun")
    try:
        for step in steps:
            STEPS[step](run)
    except RunbookError as error:
        said.send(f"{step}: {error}")
    else:
        said.send("ended")
