"""What a record shows, worked out for readers: sums, order, proof, and what needs attention.

Pure, and sceptical: it believes `run.json` only as far as its numbers support each other, and a
value that is None stays unknown in every sum.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from runbook_lib.record.run_json import Record
from runbook_lib.report.figures.totals import chosen, total
from runbook_lib.report.sections.not_checked import unknowns
from runbook_lib.report.sections.notable import NOTABLE
from runbook_lib.report.sections.schema_findings import attention_to_definitions, unannounced
from runbook_lib.report.sections.throttling import diagnose
from runbook_lib.report.text import count, listed, pluralize, where_refused
from runbook_lib.run.verdicts import FAIL, NOT_MIGRATED, PASS, UNKNOWN
from runbook_lib.validate.indexes.check import wrong_indexes

WORST_FIRST = {FAIL: 0, UNKNOWN: 1, NOT_MIGRATED: 2}


def tables_of(record: Record) -> list[Record]:
    """The tables, worst verdict first, then by exported items, the most first."""
    return sorted(
        record.get("tables") or [],
        key=lambda t: (
            WORST_FIRST.get(t.get("verdict"), 3),
            -1 if t.get("items_exported") is None else 0,
            -(t.get("items_exported") or 0),
            str(t.get("source")),
        ),
    )


def unproved(table: Record) -> list[str]:
    """Why a table's numbers do not prove it; empty if they do. Ignores the table's own verdict."""
    exported = table.get("items_exported")
    if exported is None:
        return ["it was not exported"]
    found: list[str] = []
    if table.get("compared_only"):
        found += _unlike(exported, table.get("items_compared"), "items were compared")
    elif not (exported == 0 and table.get("files") == 0):  # no data file: there was no line to read or write
        found += _unlike(exported, table.get("lines_read"), "lines were read")
        written, present = table.get("items_written"), table.get("items_present") or 0
        what = "writes were acknowledged or found present" if present else "writes were acknowledged"
        found += _unlike(exported, written if written is None else written + present, what)
    expected = expected_in_target(table)
    held = table.get("items_in_target")
    if held is None:
        found.append("the target was not scanned")
    elif expected is not None and held != expected:
        found.append(f"{pluralize(expected, 'item')} should be in the target, a scan finds {count(held)}")
    for kind in ("missing", "different"):
        if table.get(kind) is None:
            found.append(f"{kind} items were not looked for")
        elif table[kind]:
            found.append(f"{pluralize(table[kind], 'item')} {kind}")
    if (table.get("extra") or 0) > (known := table.get("there_before") or 0):
        found.append(f"{pluralize(table['extra'], 'extra item')}, {count(known)} there before the import")
    found += wrong_indexes(f for f in table.get("indexes") or [])
    if not (table.get("export_digest") and table.get("target_digest")):
        found.append("no digests of both sides were kept")
    return found


def _unlike(exported: int, value: int | None, what: str) -> list[str]:
    if value is None:
        return [f"nobody counted how many {what}"]
    return [] if value == exported else [f"{pluralize(exported, 'item')} in the manifest, {count(value)} {what}"]


def expected_in_target(table: Record) -> int | None:
    """How many items a scan of the target should find: the written ones and those present, less expired, plus extra.

    Where something else than this run filled the target, the compared ones stand for the written.
    """
    written = table.get("items_compared" if table.get("compared_only") else "items_written")
    if written is None and table.get("files") == 0:
        written = table.get("items_exported")
    if written is None:
        return None
    present = 0 if table.get("compared_only") else table.get("items_present") or 0
    return int(written) + present - (table.get("expired") or 0) + (table.get("extra") or 0)


def contradictions(record: Record) -> list[str]:
    """Where the record says more than its own numbers do; empty in every record that can be trusted."""
    tables = chosen(record)
    found = [
        f"{t.get('source')} is called PASS, but {'; '.join(gaps)}"
        for t in tables
        if t.get("verdict") == PASS and (gaps := unproved(t))
    ]
    if record.get("verdict") == PASS:
        found += [
            f"{t.get('source')} is {t.get('verdict')} in a run called PASS" for t in tables if t.get("verdict") != PASS
        ]
        found += [f"the run is called PASS, but {u.place} was not checked" for u in unknowns(record) if u.is_open]
        if not tables or not total(tables, "items_exported").value:
            found.append("the run is called PASS, but no item was read")
    for name, claimed in (record.get("totals") or {}).items():
        if name.startswith("tables") or name in ("seconds", "items_written_at_least") or claimed is None:
            continue
        added = total(tables, name)
        if claimed != added.value:
            found.append(f"totals.{name} is {count(claimed)}, the tables add up to {count(added.value)}")
    return found


def not_migrated(record: Record) -> list[tuple[str, str]]:
    """The tables that were left out, and why."""
    return [
        (str(t.get("source")), "; ".join(t.get("reasons") or []) or "no reason was recorded")
        for t in tables_of(record)
        if t.get("verdict") == NOT_MIGRATED or t.get("method") == "skipped"
    ]


def attention(record: Record) -> list[str]:
    """What a reader must know beyond the verdict, the gravest first."""
    tables = tables_of(record)
    found = [f"Contradiction in the record: {c}" for c in contradictions(record)]
    if not record.get("checks") and any(
        s.get("name") == "preflight" and not _ended(s) for s in record.get("steps") or []
    ):
        found.append("The pre-flight did not come to its end: what stands in the way is not known")
    found += [f"Blocker: {text}" for text in grouped(record.get("blockers") or [])]
    found += [
        f"{pluralize(t['items_quarantined'], 'item')} of {t['source']} could not be written: {where_refused(t)}"
        for t in tables
        if t.get("items_quarantined")
    ]
    found += _throttled(tables)
    for test, text in NOTABLE:
        names = [str(t.get("source")) for t in tables if test(t)]
        if names:
            found.append(f"{pluralize(len(names), 'table')} {text}: {listed(names)}")
    found += [f"Warning: {text}" for text in grouped(record.get("warnings") or [])]
    found += [f"Warning, found at validation: {text}" for text in grouped(unannounced(record))]
    found += attention_to_definitions(record)
    found += _changes(record)
    return found + _about_the_run(record)


def _ended(step: Record) -> bool:
    return step.get("status") in ("completed", "failed")


def _throttled(tables: list[Record]) -> list[str]:
    """What held the writes back, by what DynamoDB said, the most held back first."""
    items: dict[tuple[str, str], int] = defaultdict(int)
    names: dict[tuple[str, str], list[str]] = defaultdict(list)
    for table in tables:
        for t in table.get("throttled") or []:
            items[t["reason"], t["resource"]] += t["items"]
            names[t["reason"], t["resource"]].append(str(table.get("target")))
    found = []
    for reason, resource in sorted(items, key=lambda key: -items[key]):
        meant = diagnose(reason, resource)
        found.append(
            f"Writes were held back by {meant.what}: {pluralize(items[reason, resource], 'item')} of "
            f"{listed(names[reason, resource])} had to be sent again. To go faster: {meant.remedy}"
        )
    return found


def _changes(record: Record) -> list[str]:
    """What the run changed besides items, each because the migration file asked for it by name; and what is unknown."""
    recovered, warmed = sorted(record.get("recovery_turned_on") or {}), record.get("warmed") or {}
    found = []
    if recovered:
        found.append(
            f"Point-in-time recovery of {pluralize(len(recovered), 'source table')} was turned on by this run, as "
            f"export.enable_pitr asks ({listed(recovered)}); it stays on and is paid for until you turn it off"
        )
    found += [
        f"The warm throughput of {target} was raised to {count(fact.get('units'))} write units per second, as "
        "import.warm_throughput asks; it was charged and cannot be lowered again"
        for target, fact in sorted(warmed.items())
    ]
    missed = [c for c in record.get("checks") or [] if c.get("status") == "not checked"]
    if missed:
        kinds = sorted({str(c.get("name")) for c in missed})
        found.append(f"{pluralize(len(missed), 'look')} of the pre-flight could not be made: {listed(kinds)}")
    return found


def _about_the_run(record: Record) -> list[str]:
    found, code = [], record.get("code") or {}
    if (starts := len([a for a in record.get("attempts") or [] if a.get("steps") != ["report"]])) > 1:
        found.append(f"The run was started {starts:,} times; it was resumed where it had stopped")
    if code.get("git") is None:
        found.append("The commit of the code that ran is not known")
    elif str(code["git"]).endswith("-dirty"):
        found.append("The code that ran had changes that are in no commit")
    for side in ("source", "target"):
        if not ((record.get("identity") or {}).get(side) or {}).get("arn"):
            found.append(f"Who acted on the {side} side is not known: no STS identity was recorded")
    return found


def grouped(obstacles: Iterable[Record]) -> list[str]:
    """Obstacles as sentences; the same one for many tables is said once."""
    tables: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for o in obstacles:
        tables[str(o.get("expected")), str(o.get("found")), str(o.get("remedy"))].append(str(o.get("table")))
    return [
        f"{names[0] if len(names) == 1 else f'{len(names):,} tables ({listed(names, 3)})'}: "
        f"expected {expected}; found {found}; {remedy}"
        for (expected, found, remedy), names in tables.items()
    ]
