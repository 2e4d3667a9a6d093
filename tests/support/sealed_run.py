"""The folder of a run that passed, published and sealed."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from runbook_lib.errors import EvidenceError
from runbook_lib.report.publish import publish
from runbook_lib.run.facts.load import EXECUTED
from runbook_lib.run.facts.starts import STARTED
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.sealed.seal import verify
from runbook_lib.run.unfinished import SUMS
from tests.support.facts import BEGAN, ENDED, end_step, export_table, load_table, plan_pair, prove_table


def is_sealed(folder: Path) -> bool:
    try:
        return (folder / SUMS).exists() and verify(folder) > 0
    except EvidenceError:
        return False


def publish_passed_run(folder: Path) -> None:
    """A folder of a run that passed, as it is published: the ledger holds what a PASS needs."""
    (folder / "charts").mkdir(parents=True, exist_ok=True)
    (folder / "quarantine").mkdir(exist_ok=True)
    ledger = Ledger(folder / "ledger.sqlite")
    proved = {"items_compared": 3, "items_in_target": 3, "started": BEGAN, "finished": ENDED, "seconds": 1.0}
    none = dict.fromkeys(("missing", "extra", "different", "expired"), 0)
    with ledger.batch():
        STARTED.record(ledger, BEGAN)
        EXECUTED.record(ledger, True)
        plan_pair(ledger, "a", target="b")
        export_table(ledger, "a", items=3, files=1, finished=ENDED)
        load_table(ledger, "a", seconds=1.0)
        prove_table(ledger, "a", **proved, **none, export_digest="d", target_digest="d")
        ledger.write(
            "INSERT INTO file (source, key, ordinal, md5, items, lines, written) VALUES (?, ?, ?, ?, ?, ?, ?)",
            [("a", "k", 0, "m", 3, 3, 3)],
        )
        for step in ("preflight", "export", "import", "validate", "report"):
            end_step(ledger, step)
    publish(folder, ledger, folder.name, "test")
    ledger.close()


@cache
def passed_run() -> Path:
    """The folder of a run that passed, made once."""
    folder = Path(tempfile.mkdtemp(prefix="runbook-test-")) / "r"
    atexit.register(shutil.rmtree, folder.parent)
    publish_passed_run(folder)
    return folder
