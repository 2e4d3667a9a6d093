"""What a transform did, and how far a scan could look for raw values, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from runbook_lib.record.model.table import TableRecord
from runbook_lib.record.model.transform import LeakScanRecord, SoughtRecord
from runbook_lib.record.run_json import RunRecord
from runbook_lib.report.text import count, pluralize

PSEUDONYMISED = (
    "What was masked is pseudonymised, not anonymous: whoever has the key can tell whose values they are, and who "
    "knows enough of a person may find them by what was kept."
)


def masking_sentences(record: RunRecord) -> list[str]:
    """Each table's transform, its rules, and the scan for raw values; empty for a run without a transform."""
    tables = [table for table in record.tables if table.transform is not None]
    if not tables:
        return []
    masked = any(table.transform is not None and table.transform.masks for table in tables)
    found = [PSEUDONYMISED] if masked else []
    if record.leak_scan is not None:
        found.append(_coverage(record.leak_scan))
    for table in tables:
        found += _of_table(table)
    return found


def _coverage(sought: SoughtRecord) -> str:
    return (
        f"Of {pluralize(sought.distinct, 'distinct raw value')} of masked paths {count(sought.anywhere)} were looked "
        f"for inside of every text and {count(sought.whole)} as a value or a word. Not looked for: "
        f"{count(sought.short)} shorter than 6 characters, {count(sought.kept)} that stand in what is kept, too, and "
        f"{count(sought.by_chance)} that a pseudonym looks like by chance."
    )


def _of_table(table: TableRecord) -> Iterator[str]:
    made = table.transform
    if made is None:
        return
    if made.items_derived is None:
        yield f"{table.source}: its transform did not come to an end{f': {made.failure}' if made.failure else ''}."
        return
    yield (
        f"{table.source}: {pluralize(table.items_exported, 'item')} exported = {count(made.items_kept)} kept + "
        f"{count(made.items_filtered)} filtered + {count(made.items_quarantined)} in quarantine; "
        f"{count(made.items_added)} added, {count(made.keys_rewritten)} keys rewritten, no two items with one key; "
        f"{count(made.replication_dropped)} attributes of replication left out."
    )
    for rule in made.rules:
        more = f", {count(rule.dropped)} dropped" if rule.dropped else ""
        more += f", {pluralize(rule.shrunk, 'set')} made smaller" if rule.shrunk else ""
        yield f"{table.source}: {rule.path} {rule.verb}: {pluralize(rule.values, 'value')}{more}."
    if table.leak_scan is not None:
        yield f"{table.target}: {_scanned(table.leak_scan)}"
    elif made.masks:
        yield f"{table.target} was not scanned for raw values."


def _scanned(scan: LeakScanRecord) -> str:
    said = (
        f"{pluralize(scan.items, 'item')} with {pluralize(scan.values, 'value')} looked through, "
        f"{count(scan.decoded)} decoded, {count(scan.not_decoded)} not to be decoded and so not scanned: "
        f"{'no raw value' if not scan.hits else pluralize(scan.hits, 'raw value')} found"
    )
    places = sorted({f"{hit.path} ({hit.rule}; {hit.encoding})" for hit in scan.first})
    return f"{said}, at {', '.join(places)}." if places else f"{said}."
