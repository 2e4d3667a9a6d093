"""Which engine does the work: this process, or a cluster whose library is loaded only then."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import wait
from contextlib import contextmanager

from runbook_lib.cluster.processes import worker_processes
from runbook_lib.cluster.protocol import Message, UnitContext, WorkerContext
from runbook_lib.cluster.roster import WorkerRoster
from runbook_lib.config.model import Migration
from runbook_lib.errors import RunbookError
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


@contextmanager
def open_processes(run: Run, step: str, many: int, *, both: bool = False) -> Iterator[WorkerRoster | None]:
    """The same of so many worker processes on this machine; None where they are of no use here.

    Each has to reach the target, or `both` sides, by itself: what it knows of credentials is what this process was
    started with.
    """
    with worker_processes(many) as engine:
        site = site_of(run) if both else UnitContext(run.config, run.clients.target_identity.place)
        waiting = answers = [engine.submit(greet, site) for _ in range(many)]
        while waiting := [answer for answer in waiting if not answer.done()]:
            wait(waiting, timeout=1.0)
            engine.look()
        if not all(answer.exception() is None and answer.result()["ready"] for answer in answers):
            yield None
            return
        ENGINES.record(run.ledger, step, LocalEngine(run.config.engine.kind, many))
        yield WorkerRoster(engine, run.ledger, step, run.now)


def greet(desk: WorkerContext, site: UnitContext) -> Message:
    """What a worker does first: find its credentials, and see where they lead."""
    try:
        _ = desk.both_sides(site) if site.source else desk.clients(site)
    except RunbookError:
        return {"ready": False}
    return {"ready": True}


def site_of(run: Run) -> UnitContext:
    """What the units of a run's worker processes on this machine need to know."""
    return UnitContext(run.config, run.clients.target_identity.place, run.clients.source_identity.place)


def check_engine(config: Migration) -> None:
    """Raise ConfigError if the engine is not installed, or no scheduler answers where one should."""
    if config.engine.kind == "dask":
        from runbook_lib.cluster.dask import reach

        reach(config.engine)
