"""Import data files into a sink with the workers of a Dask cluster, and print what it took.

`python -m tests.bench.spread` with a JSON object; this process is the coordinator and has the scheduler in it.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from runbook_lib.aws.guard.call_counter import Calls
from runbook_lib.aws.guard.offline import SWITCH
from runbook_lib.cluster.dask import Cluster, open_cluster
from runbook_lib.cluster.protocol import Message, UnitContext, WorkerContext
from runbook_lib.cluster.roster import WorkerRoster
from runbook_lib.config.model import Migration
from runbook_lib.items.keyed import RunSecret
from runbook_lib.load.distributed.coordinator import load_spread
from runbook_lib.load.distributed.shared_budget import SharedWriteBudget
from runbook_lib.load.distributed.worker import FileUnit
from runbook_lib.load.engine.checkpoint import FileCheckpoint
from runbook_lib.load.table_load import TableLoad, TableProgress, files_of
from runbook_lib.run.ledger import Ledger
from tests.bench import ID, engine_run
from tests.bench.memory import TABLE, peak_mb
from tests.bench.sink import ACCOUNT

NOTHING = 2_000  # units that do nothing


def config(endpoint: str, workers: int) -> Migration:
    side = {"region": "us-east-2", "endpoint_url": endpoint}
    return Migration.model_validate(
        {
            "name": "bench", "source": side, "target": side, "staging": {"bucket": "bench"} | side,
            "tables": {"include": ["*"]}, "engine": {"kind": "dask", "workers": workers},
        }
    )  # fmt: skip


def resident_mb() -> float:
    """The memory this process has resident just now, in MB."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def worker_cpu(desk: WorkerContext) -> Message:
    """What a worker process has used of a processor."""
    return {"process": desk.process, "cpu": time.process_time()}


def nothing(desk: WorkerContext) -> Message:
    return {}


def empty_units(engine: Cluster) -> dict[str, float]:
    """What units cost that do nothing: seconds, and of these processor time of the scheduler and the coordinator."""
    began, cpu = time.monotonic(), time.process_time()
    for future in [engine.submit(nothing) for _ in range(NOTHING)]:
        future.result()
    return {"seconds": time.monotonic() - began, "cpu": time.process_time() - cpu}


def workers_cpu(engine: Cluster) -> float:
    """Seconds of all workers; asked for often enough that each answers."""
    told = [engine.submit(worker_cpu) for _ in range(20 * engine.slots())]
    return sum({answer["process"]: answer["cpu"] for answer in (future.result() for future in told)}.values())


def import_all(endpoint: str, md5: str, items: int, files: int, workers: int) -> dict[str, float]:
    """Import the one stored file under so many keys."""
    settings = config(endpoint, workers)
    keys = [f"data/{n:05}.json.gz" for n in range(files)]
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(Ledger(Path(folder) / "ledger.sqlite")) as ledger,
        open_cluster(settings.engine, "bench") as engine,
    ):
        took = {f"empty_{name}": value / NOTHING for name, value in empty_units(engine).items()}
        run = engine_run(ledger, Calls(), {})
        rows = [("bench", key, n, md5, items) for n, key in enumerate(keys)]
        ledger.write("INSERT INTO file (source, key, ordinal, md5, items) VALUES (?, ?, ?, ?, ?)", rows)
        table_load = TableLoad(
            run, "bench", files_of(run, "bench"), TableProgress("bench", TABLE, items * files), lambda _: None
        )
        site, secret = UnitContext(settings, ["us-east-2", ACCOUNT]), RunSecret.new()

        def unit(name: str, file: FileCheckpoint) -> FileUnit:
            return FileUnit(name, site, "bench", file.file, TABLE, ID, secret)

        before, began, cpu = workers_cpu(engine), time.monotonic(), time.process_time()
        start_mb = resident_mb()
        load_spread(table_load, WorkerRoster(engine, ledger, "import"), SharedWriteBudget(1e9, None, known=True), unit)
        took |= {"seconds": time.monotonic() - began, "coordinator_cpu": time.process_time() - cpu}
        assert table_load.progress.done == items * files
        assert not table_load.failures
        return took | {
            "workers_cpu": workers_cpu(engine) - before, "start_mb": start_mb, "peak_mb": peak_mb(),
        }  # fmt: skip


def main() -> None:
    os.environ |= {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", SWITCH: "1"}
    case: dict[str, Any] = json.loads(sys.argv[1])
    print(json.dumps(import_all(**case)))


if __name__ == "__main__":
    main()
