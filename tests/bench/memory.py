"""Import data files into a sink with the real engine, in this process alone, and print its peak of memory.

`python -m tests.bench.memory` with a JSON object of ENDPOINT and the file to import under many keys; with
`{}` it only imports the modules.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3

from runbook_lib.aws.endpoints import CONFIG
from runbook_lib.aws.guard.call_counter import Calls
from runbook_lib.load.engine.rate_control import WriteRateController
from runbook_lib.load.engine.scheduler import lanes_for
from runbook_lib.load.table_load import TableLoad, TableProgress, files_of, load
from runbook_lib.run.ledger import Ledger
from tests.bench import engine_run
from tests.bench.engine import TABLE, engine_target


class StoredFile:
    """An S3 object on this disk, streamed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get_object(self) -> dict[str, Any]:
        # The engine reads it to the end, which lets go of it.
        return {"ContentLength": self._path.stat().st_size, "ETag": '"bench"', "Body": self._path.open("rb")}


def peak_mb() -> float:
    """The most memory this process has had resident, in MB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def import_all(endpoint: str, path: str, md5: str, items: int, files: int) -> None:
    """Import one stored file under so many keys."""
    session = boto3.Session(aws_access_key_id="bench", aws_secret_access_key="bench", region_name="us-east-2")
    calls = Calls()
    keys = [f"data/{n:05}.json.gz" for n in range(files)]
    stored: Any = dict.fromkeys(keys, StoredFile(Path(path)))
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(session.client("dynamodb", endpoint_url=endpoint, config=CONFIG)) as client,
        closing(Ledger(Path(folder) / "ledger.sqlite")) as ledger,
    ):
        calls.report_to(ledger.count_call)
        run = engine_run(ledger, calls, stored)
        rows = [("bench", key, n, md5, items) for n, key in enumerate(keys)]
        ledger.write("INSERT INTO file (source, key, ordinal, md5, items) VALUES (?, ?, ?, ?, ?)", rows)
        known = files_of(run, "bench")
        width = run.config.import_.concurrency
        capacity = WriteRateController(lanes_for(len(known), 4_000.0), width, 4_000.0)
        target = engine_target(client, session, calls, capacity)
        table_load = TableLoad(run, "bucket", known, TableProgress("bench", TABLE, items * files), lambda _: None)
        load(table_load, target)
        assert table_load.progress.done == items * files
        assert not table_load.failures


def main() -> None:
    case = json.loads(sys.argv[1])
    began = time.monotonic()
    if case:
        import_all(**case)
    print(json.dumps({"peak": peak_mb(), "seconds": time.monotonic() - began}))


if __name__ == "__main__":
    main()
