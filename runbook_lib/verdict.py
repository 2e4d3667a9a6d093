"""What the facts of a run amount to: one word, and every reason for it.

Pure. Whatever is not known counts against a PASS: a step that did not run, a table that was
skipped, a run that read nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

PASS, FAIL, DRY_RUN, RUNNING, INTERRUPTED = "PASS", "FAIL", "DRY-RUN", "RUNNING", "INTERRUPTED"
NOT_MIGRATED, UNKNOWN = "NOT MIGRATED", "UNKNOWN"
UNPROVED = (FAIL, UNKNOWN, NOT_MIGRATED)
NEEDED = ("preflight", "export", "import", "validate")
COMPARING = ("preflight", "export", "validate")


def table_verdict(
    executed: bool, imported: Mapping[str, Any] | None, validated: Mapping[str, Any] | None
) -> tuple[str, list[str]]:
    """A table's verdict and the reasons for it."""
    failure = (imported or {}).get("failure")
    if validated is not None and validated["verdict"] != DRY_RUN:
        return validated["verdict"], list(validated["reasons"])
    if failure:
        return FAIL, [failure]
    if not executed:
        return DRY_RUN, []
    return UNKNOWN, ["the table was not validated"]


def run_verdict(
    executed: bool, interrupted: bool, steps: Iterable[Mapping[str, Any]], tables: Iterable[Mapping[str, Any]]
) -> tuple[str, list[str]]:
    """The run's verdict and the reasons for it; a PASS has none.

    A run that wrote nothing but proved a table that something else had filled is judged as a
    comparison: all tables have to be proved, and the import is not needed.
    """
    states = {step["name"]: step for step in steps}
    tables = list(tables)
    unproved = [t["source"] for t in tables if t["verdict"] in UNPROVED]
    reasons = [
        f"step {name} {step['status']}: {step.get('message') or 'no message'}"
        for name, step in states.items()
        if step["status"] in ("failed", "running", "interrupted")
        # The gate after validation only repeats what the tables' own reasons say.
        and not (name == "validate" and any(f"{source}: " in (step.get("message") or "") for source in unproved))
    ]
    reasons += [
        f"{t['source']}: {t['verdict']}: {'; '.join(t['reasons']) or 'no reason given'}"
        for t in tables
        if t["verdict"] in UNPROVED
    ]
    if interrupted:
        return INTERRUPTED, reasons or ["the run was interrupted; run it again with the same run id"]
    compared = not executed and any(t["verdict"] == PASS for t in tables)
    if executed or compared:
        reasons += [f"{t['source']}: it was not compared" for t in tables if t["verdict"] == DRY_RUN]
        reasons += [
            f"step {name} did not run, so nothing is proved"
            for name in (NEEDED if executed else COMPARING)
            if states.get(name, {}).get("status", "not run") == "not run"
        ]
        if not any(t["items_exported"] for t in tables):
            reasons.append("no item was read from any table, so nothing is proved")
        return (FAIL, reasons) if reasons else (PASS, [])
    if not tables:
        reasons.append("no table was planned, so nothing was checked")
    quarantined = sum(t["items_quarantined"] or 0 for t in tables)
    if quarantined:
        reasons.append(f"{quarantined:,} items could not be written")
    return (FAIL, reasons) if reasons else (DRY_RUN, [])
