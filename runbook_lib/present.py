"""Facts as pandas tables, for people stepping through the notebooks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import pandas as pd

from runbook_lib.cleanup import Removal
from runbook_lib.plan import Obstacle, Pair, Plan, spell_key
from runbook_lib.record import Record
from runbook_lib.run import Run


def who_and_where(run: Run) -> pd.DataFrame:
    """The run, both sides, and whether anything may be written."""
    source, target = run.clients.source_identity, run.clients.target_identity
    rows = {
        "run": run.id,
        "folder": str(run.folder),
        "source": f"{source.account}/{source.region} at {source.endpoint}",
        "target": f"{target.account}/{target.region} at {target.endpoint}",
        "staging": f"s3://{run.config.staging.bucket}/{run.config.staging.prefix}",
        "mode": "EXECUTE: items will be written" if run.execute else "DRY RUN: nothing will be written",
    }
    return pd.DataFrame({"": rows})


def plan_table(plan: Plan) -> pd.DataFrame:
    """Source and target names, methods, keys side by side, and sizes as DescribeTable remembers them."""
    return pd.DataFrame([_plan_row(pair) for pair in plan.pairs])


def _plan_row(pair: Pair) -> dict[str, Any]:
    source, target = pair.source_facts, pair.target_facts
    return {
        "source": pair.source,
        "target": pair.target,
        "method": pair.method,
        "source key": spell_key(source) if source else "",
        "target key": spell_key(target) if target else "no such table",
        "same key": bool(source and target and source.key == target.key),
        "indexes": f"{len(source.indexes) if source else 0} / {len(target.indexes) if target else 0}",
        "items (hint, hours old)": source.items_hint if source else None,
        "bytes (hint)": source.bytes_hint if source else None,
    }


def obstacles(found: tuple[Obstacle, ...]) -> pd.DataFrame:
    """Blockers or warnings, with what to do."""
    columns = ["table", "expected", "found", "remedy"]
    return pd.DataFrame([[getattr(o, c) for c in columns] for o in found], columns=columns)


def export_table(run: Run) -> pd.DataFrame:
    """What the manifests say was exported."""
    return pd.DataFrame(
        [
            {
                "source": source,
                "method": fact["method"],
                "state": fact["status"],
                "items": fact.get("items"),
                "files": fact.get("files"),
                "export": fact.get("arn"),
            }
            for source, fact in run.ledger.all("export").items()
        ]
    )


def created_tables(run: Run) -> pd.DataFrame:
    """The targets that did not exist, what became of them, and what their sources have beyond them."""
    columns = ["target", "status", "left_out", "at"]
    rows = [[fact.get(name) for name in columns] for fact in run.ledger.all("created").values()]
    return pd.DataFrame(rows, columns=columns)


def removals(found: Iterable[Removal]) -> pd.DataFrame:
    """What a cleanup removed, or would remove, and what stays."""
    return pd.DataFrame([asdict(removal) for removal in found])


def import_table(run: Run) -> pd.DataFrame:
    """What was acknowledged, table by table."""
    rows = run.ledger.rows(
        "SELECT f.source, COUNT(*) AS files, SUM(items) AS exported, SUM(lines) AS lines, SUM(written) AS written, "
        "(SELECT COUNT(*) FROM quarantine q WHERE q.source = f.source) AS quarantined FROM file f GROUP BY f.source"
    )
    return pd.DataFrame([dict(row) for row in rows])


def reconciliation(record: Record) -> pd.DataFrame:
    """The independent counts of every table, side by side, and its verdict."""
    columns = [
        "source", "target", "method", "items_exported", "lines_read", "items_written", "items_quarantined",
        "items_in_target", "missing", "extra", "different", "expired", "seconds", "verdict",
    ]  # fmt: skip
    return pd.DataFrame([[t[c] for c in columns] for t in record["tables"]], columns=columns)
