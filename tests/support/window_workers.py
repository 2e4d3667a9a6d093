"""Have the windows of a table applied by workers that are threads of this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from runbook_lib.catchup import table as caught_up
from runbook_lib.cluster.roster import WorkerRoster
from runbook_lib.run.run import Run
from tests.support.moving import Moving
from tests.support.threads_engine import ThreadsEngine


def spread_over(monkeypatch: pytest.MonkeyPatch, moving: Moving, engine: ThreadsEngine) -> list[str]:
    """Have the table's windows applied by an engine; returns the steps that have asked for it."""
    asked: list[str] = []

    @contextmanager
    def opened(run: Run, step: str) -> Iterator[WorkerRoster]:
        asked.append(step)
        yield WorkerRoster(engine, run.ledger, step)

    config = moving.run.config
    dask = config.engine.model_copy(update={"kind": "dask"})
    moving.run.config = config.model_copy(update={"engine": dask})
    monkeypatch.setattr(caught_up, "open_roster", opened)
    return asked
