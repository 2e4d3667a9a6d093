"""Whether a table's own numbers prove it, and whether the record says more than they do.

Pure, and sceptical: it believes `run.json` only as far as its numbers support each other. This is a second witness to
the verdict and shares nothing with the rules that made it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from runbook_lib.record.model.base import members
from runbook_lib.record.model.run import Totals
from runbook_lib.record.model.table import TableRecord
from runbook_lib.record.not_checked import Unchecked
from runbook_lib.record.run_json import RunRecord
from runbook_lib.report.figures.cut_over import unproved_cut_over
from runbook_lib.report.figures.totals import Sum, total
from runbook_lib.report.figures.windows import unproved_record, unproved_windows
from runbook_lib.report.text import count, pluralize
from runbook_lib.run.verdicts import PASS

NO_SUMS = frozenset({"tables", "tables_not_chosen", "seconds", "items_written_at_least"})


def unproved(table: TableRecord) -> list[str]:
    """Why a table's numbers do not prove it; empty if they do. Ignores the table's own verdict."""
    exported = table.items_exported
    if exported is None:
        return ["it was not exported"]
    found = unproved_transform(table)
    due = table.items_due or 0
    if table.compared_only and table.changes is None:
        found += _unlike(due, table.items_compared, "items were compared")
    elif not table.compared_only and not (
        exported == 0 and table.files == 0
    ):  # no data file: there was no line to read or write
        found += _unlike(due, table.lines_read, "lines were read")
        present = table.items_present or 0
        what = "writes were acknowledged or found present" if present else "writes were acknowledged"
        found += _unlike(due, arrived(table), what)
    found += unproved_windows(table)
    expected, held = expected_in_target(table), table.items_in_target
    if held is None:
        found.append("the target was not scanned")
    elif expected is not None and held != expected:
        extra = table.extra or 0
        more = f", {count(extra)} of them extra" if extra else ""
        found.append(f"{pluralize(expected - extra, 'item')} should be in the target, a scan finds {count(held)}{more}")
    for kind, value in (("missing", table.missing), ("different", table.different)):
        if value is None:
            found.append(f"{kind} items were not looked for")
        elif value:
            found.append(f"{pluralize(value, 'item')} {kind}")
    if (table.extra or 0) > (known := table.there_before or 0):
        found.append(f"{pluralize(table.extra, 'extra item')}, {count(known)} there before the import")
    found += wrong_answers(table)
    if not (table.export_digest and table.target_digest):
        found.append("no digests of both sides were kept")
    return found


def unproved_transform(table: TableRecord) -> list[str]:
    """Why the numbers of a transform do not add up, or why raw values may be in the target."""
    made = table.transform
    if made is None:
        return []
    parts = (made.items_kept, made.items_filtered, made.items_quarantined, made.items_added, made.items_derived)
    if None in parts:
        return ["its transform did not come to an end"]
    kept, filtered, refused, added, derived = (part or 0 for part in parts)
    found = []
    if kept + filtered + refused != table.items_exported:
        found.append(
            f"{pluralize(table.items_exported, 'item')} exported, {count(kept)} kept, {count(filtered)} filtered and "
            f"{count(refused)} refused by the transform"
        )
    if kept + added != derived:
        found.append(f"{count(kept)} kept and {count(added)} added, the derived export has {count(derived)}")
    if refused:
        found.append(f"a transform could not be made of {pluralize(refused, 'item')}")
    if made.masks and table.leak_scan is None:
        found.append("the target was not scanned for raw values")
    if table.leak_scan is not None and table.leak_scan.hits:
        found.append(f"{pluralize(table.leak_scan.hits, 'raw value')} found in the target")
    return found


def arrived(table: TableRecord) -> int | None:
    """How many items the target acknowledged, or held already as they were exported."""
    return None if table.items_written is None else table.items_written + (table.items_present or 0)


def wrong_answers(table: TableRecord) -> list[str]:
    """Why the indexes of a table contradict its export; empty if none that was asked does."""
    return [
        f"index {i.index} answers differently from the export for {count(i.wrong_keys)} of {count(i.keys)} sampled "
        f"keys: missing {count(i.missing)}, different {count(i.different)}, extra {count(i.extra)}"
        for i in table.indexes or []
        if i.wrong_keys
    ]


def _unlike(exported: int, value: int | None, what: str) -> list[str]:
    if value is None:
        return [f"nobody counted how many {what}"]
    return [] if value == exported else [f"{pluralize(exported, 'item')} in the manifest, {count(value)} {what}"]


def expected_in_target(table: TableRecord) -> int | None:
    """How many items a scan of the target should find: the written ones and those present, less expired, plus extra.

    Where something else than this run filled the target, or windows came after the import, the compared ones stand for
    the written.
    """
    by_comparison = table.compared_only or table.changes is not None
    written = table.items_compared if by_comparison else table.items_written
    if written is None and table.files == 0:
        written = table.items_exported
    if written is None:
        return None
    present = 0 if by_comparison else table.items_present or 0
    return written + present - (table.expired or 0) + (table.extra or 0)


def contradictions_of(
    record: RunRecord, tables: Sequence[TableRecord], unknown: Sequence[Unchecked], sums: Mapping[str, Sum]
) -> list[str]:
    """Where the record says more than its own numbers do; empty in every record that can be trusted.

    `tables` are the chosen ones, `unknown` is what the record's own checks leave unknown.
    """
    found = [
        f"{t.source} is called PASS, but {'; '.join(gaps)}"
        for t in tables
        if t.verdict == PASS and (gaps := unproved(t))
    ]
    if record.verdict == PASS:
        found += [f"{t.source} is {t.verdict} in a run called PASS" for t in tables if t.verdict != PASS]
        found += [f"the run is called PASS, but {u.place} was not checked" for u in unknown if u.is_open]
        if not tables or not sums["items_exported"].value:
            found.append("the run is called PASS, but no item was read")
        found += [*unproved_record(record), *unproved_cut_over(record)]
    for name in members(Totals):
        claimed = getattr(record.totals, name)
        if name in NO_SUMS or claimed is None:
            continue
        added = sums.get(name) or total(tables, name)
        if claimed != added.value:
            found.append(f"totals.{name} is {count(claimed)}, the tables add up to {count(added.value)}")
    return found
