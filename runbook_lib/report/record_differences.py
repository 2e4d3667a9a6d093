"""Where a record, or a line of a page, says something else than what the ledger gives."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from runbook_lib.record.build import SUMMED
from runbook_lib.record.model.base import Section
from runbook_lib.record.run_json import RunRecord
from runbook_lib.report.text import shortened

COUNTS = (*SUMMED, "lines_read", "missing", "extra", "different", "expired", "items_compared", "verdict")
# What every version's run.json says of its tables, and in their sums.
ALWAYS = frozenset({
    "items_exported", "items_written", "items_filtered", "items_quarantined", "items_in_target", "missing", "extra",
    "different", "expired", "verdict",
})  # fmt: skip
SIDES = ("source", "target", "staging")
EXCERPT = 60


def where_they_part(said: str, gives: str) -> str:
    """Where two lines part."""
    start = next((n for n, (a, b) in enumerate(zip(said, gives, strict=False)) if a != b), 0)
    start = max(0, start - EXCERPT // 3)
    return f"it says {said[start : start + EXCERPT]!r}, the ledger gives {gives[start : start + EXCERPT]!r}"


def value_differences(said: Any, gives: Any, where: str) -> Iterator[str]:
    """The places of two JSON values that differ, with both."""
    if isinstance(said, dict) and isinstance(gives, dict):
        for name in [*gives, *(n for n in said if n not in gives)]:
            yield from value_differences(said.get(name, "nothing"), gives.get(name, "nothing"), f"{where}: {name}")
    elif isinstance(said, list) and isinstance(gives, list) and len(said) == len(gives):
        for place, (one, other) in enumerate(zip(said, gives, strict=True)):
            yield from value_differences(one, other, f"{where}[{place}]")
    elif json.loads(json.dumps(said)) != json.loads(json.dumps(gives)):
        yield f"{where}: it says {_short(said)}, the ledger gives {_short(gives)}"


def _short(value: Any) -> str:
    return shortened(json.dumps(value, ensure_ascii=False), EXCERPT, "in the file")


def number_differences(record: RunRecord, again: RunRecord) -> Iterator[str]:
    """Where the numbers that every version has are others than the ledger gives."""
    yield from value_differences(record.verdict, again.verdict, "run.json: verdict")
    yield from _common(record, again, "complete", "run.json")
    for name in SUMMED:
        yield from _common(record.totals, again.totals, name, "run.json: totals")
    for side in SIDES:
        yield from value_differences(dict(record.calls(side)), dict(again.calls(side)), f"run.json: {side}_calls")
    said, gives = ({table.source: table for table in r.tables} for r in (record, again))
    yield from value_differences(sorted(said), sorted(gives), "run.json: tables")
    for source in said.keys() & gives.keys():
        for name in COUNTS:
            yield from _common(said[source], gives[source], name, f"run.json: tables: {source}")


def _common(said: Section, gives: Section, name: str, where: str) -> Iterator[str]:
    """A member that both versions have; one that every version has may not be left out."""
    if name in said.model_fields_set:
        yield from value_differences(getattr(said, name), getattr(gives, name), f"{where}: {name}")
    elif name in ALWAYS:
        yield from value_differences("nothing", getattr(gives, name), f"{where}: {name}")
