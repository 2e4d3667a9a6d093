"""The folder of a run that passed, published and sealed."""

from __future__ import annotations

from pathlib import Path

from runbook_lib.errors import EvidenceError
from runbook_lib.record.seal import verify
from runbook_lib.report.publish import publish
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.unfinished import SUMS


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
    began, ended = "2026-11-01T10:00:00.000Z", "2026-11-01T10:00:09.000Z"
    pair = {"source": "a", "target": "b", "method": "export", "source_facts": None, "target_facts": None}
    span = {"started": began, "finished": ended}
    proved = {"verdict": "PASS", "reasons": [], "items_compared": 3, "items_in_target": 3, "seconds": 1.0, **span}
    proved |= {"missing": 0, "extra": 0, "different": 0, "expired": 0, "export_digest": "d", "target_digest": "d"}
    with ledger.batch():
        ledger.put("run", "started", began)
        ledger.put("run", "executed", True)
        ledger.put("pair", "a", {"place": 0, "pair": pair})
        ledger.put("export", "a", {"status": "COMPLETED", "items": 3, "files": 1, "method": "export", **span})
        ledger.put(
            "import", "a", {"status": "completed", "binding": {"x": 1}, "seconds": 1.0, "items_before": 0, **span}
        )
        ledger.put("validation", "a", proved)
        ledger.write(
            "INSERT INTO file (source, key, ordinal, md5, items, lines, written) VALUES (?, ?, ?, ?, ?, ?, ?)",
            [("a", "k", 0, "m", 3, 3, 3)],
        )
        for step in ("preflight", "export", "import", "validate", "report"):
            ledger.put("step", step, {"status": "completed", "seconds": 1.0, "message": None, **span})
    publish(folder, ledger, folder.name, "test")
    ledger.close()
