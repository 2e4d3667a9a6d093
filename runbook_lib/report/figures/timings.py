"""How long tables took, by step and by size. Pure."""

from __future__ import annotations

from typing import Any

from runbook_lib.record.run_json import Record

STEPS = ("export", "import", "validate")


def seconds_of(table: Record) -> dict[str, float | None]:
    """Seconds of each step of a table and of all; None for a step that did not end."""
    steps: dict[str, Any] = table.get("seconds_by_step") or {}
    spans = table.get("spans") or {}
    known: dict[str, float | None] = {s: steps.get(s) for s in STEPS}
    if not (spans.get("export") or [None, None])[1]:
        known["export"] = None  # the record holds 0.0 for an export that did not end
    measured = [v for v in known.values() if v is not None]
    return known | {"all": sum(measured) if measured else None}


def slowest(record: Record, most: int = 10) -> list[Record]:
    """The tables that took longest, with their seconds by step."""
    timed = [(seconds, t) for t in record.get("tables") or [] if (seconds := seconds_of(t))["all"] is not None]
    timed.sort(key=lambda pair: (-(pair[0]["all"] or 0.0), str(pair[1].get("source"))))
    return [t | {"timed": seconds} for seconds, t in timed[:most]]
