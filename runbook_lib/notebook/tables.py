"""Facts as pandas tables, for people stepping through the notebooks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from itertools import islice
from typing import Any, TypeAlias

import pandas as pd

from runbook_lib.plan.pair import Pair, spell_key
from runbook_lib.record.build import SHOWN_DIFFERENCES
from runbook_lib.record.listings import difference_rows
from runbook_lib.record.run_json import RunRecord
from runbook_lib.report.model import ReportModel
from runbook_lib.report.text import moment, spell_difference
from runbook_lib.run.admission.admit import is_begun
from runbook_lib.run.admission.sitting import Sitting
from runbook_lib.run.facts.counts import table_counts
from runbook_lib.run.run import Run
from runbook_lib.run.verdicts import NOT_CHOSEN
from runbook_lib.undo.cleanup import Removal

Table: TypeAlias = pd.DataFrame
NEXT = Sitting.NEXT


def who_and_where(run: Run) -> pd.DataFrame:
    """The run, both sides, and whether anything may be written."""
    source, target = run.clients.source_identity, run.clients.target_identity
    rows = {
        "run": run.id,
        "state": _state(run),
        "tables": run.only,
        "folder": str(run.folder),
        "source": f"{source.account}/{source.region} at {source.endpoint}",
        "target": f"{target.account}/{target.region} at {target.endpoint}",
        "staging": f"s3://{run.config.staging.bucket}/{run.config.staging.prefix}",
        "mode": "EXECUTE: items will be written" if run.execute else "DRY RUN: nothing will be written",
    }
    return pd.DataFrame({"": rows})


def _state(run: Run) -> str:
    """Whether the run is new or gone on with, and why another one is not."""
    if not is_begun(run.folder):
        why = "the one before it is finished; to go on with that one, spell its run_id" if run.sitting == NEXT else ""
        return f"NEW: nothing of it is there yet{f'; {why}' if why else ''}"
    exported = run.ledger.get("run", "export_time")
    of = f"its exports are of {moment(exported)}" if exported else "nothing is exported yet"
    return f"RESUMED: begun {moment(run.ledger.get('run', 'started'))}; {of}"


def plan_table(run: Run) -> pd.DataFrame:
    """Source and target names, methods, keys side by side, and sizes as DescribeTable remembers them."""
    left = [
        {"source": t["source"], "target": t["target"], "method": NOT_CHOSEN, "same key": None}
        for t in run.ledger.all("not_chosen").values()
    ]
    return pd.DataFrame([*(_plan_row(pair) for pair in run.pairs()), *left])


def _plan_row(pair: Pair) -> dict[str, Any]:
    source, target = pair.source_facts, pair.target_facts
    return {
        "source": pair.source,
        "target": pair.target,
        "method": pair.method,
        "writing": pair.writing,
        "source key": spell_key(source) if source else "",
        "target key": spell_key(target) if target else "no such table",
        "same key": bool(source and target and source.key == target.key),
        "indexes": f"{len(source.indexes) if source else 0} / {len(target.indexes) if target else 0}",
        "items (hint, hours old)": source.items_hint if source else None,
        "bytes (hint)": source.bytes_hint if source else None,
    }


def checks_table(record: RunRecord) -> pd.DataFrame:
    """Everything that was checked, what stands in the way first; the same outcome for many tables is one row."""
    columns = ["name", "status", "subjects", "expected", "found", "remedy"]
    return pd.DataFrame([[getattr(row, c) for c in columns] for row in ReportModel(record).checks], columns=columns)


def estimate_table(record: RunRecord) -> pd.DataFrame:
    """What it will cost and how long it will take, as far as that is known now."""
    report = ReportModel(record)
    return pd.DataFrame([[row.name, *row.estimates] for row in report.bill], columns=["measure", *report.stages])


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
    return pd.DataFrame(list(table_counts(run.ledger).values()))


def canary_table(record: RunRecord) -> pd.DataFrame:
    """Which targets took a reserved item, gave it back and let go of it."""
    columns = ["table", "state", "why", "seconds"]
    return pd.DataFrame(
        [[c.table, c.facts.state, c.facts.why, c.facts.seconds] for c in ReportModel(record).canaries], columns=columns
    )


def definitions_table(record: RunRecord) -> pd.DataFrame:
    """Where the definitions of source and target differ, the gravest first; the same of many tables is one row."""
    columns = ["rating", "what", "source", "target", "remedy"]
    rows = [[", ".join(row.tables), *(getattr(row, c) for c in columns)] for row in ReportModel(record).parity_rows]
    return pd.DataFrame(rows, columns=["tables", *columns])


def difference_table(run: Run) -> pd.DataFrame:
    """The first of the listed differences; keys only where the run keeps them (`report.show_keys`)."""
    rows = islice(difference_rows(run.ledger), SHOWN_DIFFERENCES)
    columns = ["table", "kind", "key", "where"]
    return pd.DataFrame([spell_difference(row) for row in rows], columns=columns)


def reconciliation(record: RunRecord) -> pd.DataFrame:
    """The independent counts of every table, side by side, and its verdict."""
    columns = [
        "source", "target", "method", "items_exported", "lines_read", "items_written", "items_quarantined",
        "items_in_target", "missing", "extra", "different", "expired", "seconds", "verdict",
    ]  # fmt: skip
    return pd.DataFrame([[getattr(t, c) for c in columns] for t in record.tables], columns=columns)
