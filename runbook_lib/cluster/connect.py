"""Which engine does the work: this process, or a cluster whose library is loaded only then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from runbook_lib.cluster.roster import WorkerRoster
from runbook_lib.config.model import Migration
from runbook_lib.run.facts.load import ENGINES, ClusterEngine, LocalEngine
from runbook_lib.run.run import Run


@contextmanager
def open_roster(run: Run, step: str) -> Iterator[WorkerRoster | None]:
    """The workers that the configuration asks for; None where this process does the work.

    Records which it is. Raises ConfigError if the cluster cannot be reached or used.
    """
    kind = run.config.engine.kind
    if kind == "local":
        ENGINES.record(run.ledger, step, LocalEngine(kind))
        yield None
        return
    from runbook_lib.cluster.dask import open_cluster

    with open_cluster(run.config.engine, f"runbook-{run.id}") as engine:
        ENGINES.record(run.ledger, step, ClusterEngine(kind, **engine.facts()))
        yield WorkerRoster(engine, run.ledger, step, run.now)


def check_engine(config: Migration) -> None:
    """Raise ConfigError if the engine is not installed, or no scheduler answers where one should."""
    if config.engine.kind == "dask":
        from runbook_lib.cluster.dask import reach

        reach(config.engine)
