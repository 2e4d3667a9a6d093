"""Import items into a sink and then apply windows of changes, in this process alone; print seconds and memory.

`python -m tests.bench.memory_window` with a JSON object of ENDPOINT, the file to import under many keys, and the files
of each window; with `{}` it only imports the modules.
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
from runbook_lib.export_format.manifest import DataFile
from runbook_lib.load.engine.rate_control import WriteRateController
from runbook_lib.load.engine.scheduler import lanes_for
from runbook_lib.run.ledger import Ledger
from tests.bench import engine_run
from tests.bench.engine import TABLE, engine_target
from tests.bench.memory import StoredFile, import_all, peak_mb
from tests.bench.windows import read_files, send


def apply_all(endpoint: str, windows: list[list[list[Any]]]) -> list[dict[str, float]]:
    """Apply windows, each of files of path, MD5 and changes, one after another as a run does."""
    session = boto3.Session(aws_access_key_id="bench", aws_secret_access_key="bench", region_name="us-east-2")
    calls, told = Calls(), []
    stored: Any = {path: StoredFile(Path(path)) for files in windows for path, _, _ in files}
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(session.client("dynamodb", endpoint_url=endpoint, config=CONFIG)) as client,
        closing(Ledger(Path(folder) / "ledger.sqlite")) as ledger,
    ):
        calls.report_to(ledger.count_call)
        run = engine_run(ledger, calls, stored)
        for number, files in enumerate(windows, 1):
            began = time.monotonic()
            rows = [DataFile(n, path, md5, changes) for n, (path, md5, changes) in enumerate(files)]
            fact = read_files(run, rows, number)
            read = time.monotonic()
            width = run.config.import_.concurrency
            capacity = WriteRateController(lanes_for(len(files), 4_000.0), width, 4_000.0)
            send(run, fact, engine_target(client, session, calls, capacity), TABLE)
            told.append({"read": read - began, "sent": time.monotonic() - read, "peak": peak_mb()})
    return told


def main() -> None:
    case = json.loads(sys.argv[1])
    took, imported, windows = 0.0, 0.0, []
    if case:
        began = time.monotonic()
        import_all(case["endpoint"], **case["imported"])
        took, imported = time.monotonic() - began, peak_mb()
        windows = apply_all(case["endpoint"], case["windows"])
    print(json.dumps({"import_seconds": took, "import_peak": imported, "windows": windows, "peak": peak_mb()}))


if __name__ == "__main__":
    main()
