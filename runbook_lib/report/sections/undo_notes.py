"""What a run created, and how to undo it, in sentences. Pure."""

from __future__ import annotations

from collections import defaultdict

from runbook_lib.record.run_json import Record
from runbook_lib.report.sections.findings import tables_of
from runbook_lib.report.text import count, listed, moment, pluralize


def undo_notes(record: Record) -> list[str]:
    """Tables that were created, moments to restore to, and what a cleanup has removed."""
    return [*_created(record), *_restorable(record), *_removed(record)]


def _created(record: Record) -> list[str]:
    by_status: dict[str, list[str]] = defaultdict(list)
    found = []
    for table in tables_of(record):
        if fact := table.get("created"):
            by_status[str(fact.get("status"))].append(str(table.get("target")))
            if left_out := fact.get("left_out"):
                found.append(f"{table.get('target')} was created without {'; without '.join(map(str, left_out))}.")
    words = {
        "created": "did not exist and were created by this run, each as its source is",
        "would be created": "do not exist; with --execute this run creates them, each as its source is",
    }
    return [
        f"{pluralize(len(names), 'target')} {words.get(status, f'are not created to the end ({status})')}: "
        f"{listed(sorted(names))}."
        for status, names in sorted(by_status.items())
    ] + found


def _restorable(record: Record) -> list[str]:
    return [
        f"{table.get('target')} held {count(table.get('items_before'))} items before. To undo the import, restore it "
        f"to {table['restore_to']} or earlier: that is before the first write, and point-in-time recovery was on."
        for table in tables_of(record)
        if table.get("restore_to")
    ]


def _removed(record: Record) -> list[str]:
    if not record.get("cleaned"):
        return []
    removals = record.get("cleanup") or []
    sums = {
        name: sum(r.get(name) or 0 for r in removals)
        for name in ("table_deleted", "items_deleted", "items_changed", "objects")
    }
    done = [
        f"Cleaned up at {moment(record['cleaned'])}, after the numbers of this report were measured: "
        f"{pluralize(sums['table_deleted'], 'table')} deleted, {pluralize(sums['items_deleted'], 'item')} deleted, "
        f"{pluralize(sums['objects'], 'staging object')} deleted, {pluralize(sums['items_changed'], 'item')} left "
        "because they were changed since."
    ]
    return done + [f"Left: {r['kept']}." for r in removals if r.get("kept")]
