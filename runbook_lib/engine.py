"""Which engine does the work: this process, or a cluster whose library is loaded only then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from runbook_lib.config import Migration
from runbook_lib.units import Engine


@contextmanager
def open_engine(config: Migration, name: str) -> Iterator[Engine | None]:
    """The engine that the configuration asks for, under a name of its own; None where it is this process.

    Raises ConfigError if the cluster cannot be reached or used.
    """
    if config.engine.kind == "local":
        yield None
        return
    from runbook_lib.cluster import open_cluster

    with open_cluster(config.engine, name) as engine:
        yield engine


def check_engine(config: Migration) -> None:
    """Raise ConfigError if the engine is not installed, or no scheduler answers where one should."""
    if config.engine.kind == "dask":
        from runbook_lib.cluster import reach

        reach(config.engine)
