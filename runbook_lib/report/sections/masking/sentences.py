"""What a transform did, and how far a scan could look for raw values, in sentences and as rows of rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from runbook_lib.record.model.table import TableRecord
from runbook_lib.record.model.transform import LeakScanRecord, MaskRuleRecord, SoughtRecord, TransformRecord
from runbook_lib.record.run_json import RunRecord
from runbook_lib.report.text import count, listed, pluralize
from runbook_lib.run.facts.masking.transform import TransformStatus
from runbook_lib.run.steps import TRANSFORM

PSEUDONYMISED = (
    "What was masked is pseudonymised, not anonymous: whoever has the key can tell whose values they are, and who "
    "knows enough of a person may find them by what was kept."
)
RULE_COLUMNS = ("Rule", "Tables", "Values", "Dropped", "Sets made smaller")
MASKED_COLUMNS = (
    "Table", "Exported", "Kept", "Filtered", "In quarantine", "Added by the hook", "Keys rewritten", "Values scanned",
    "Decoded", "Not decoded", "Raw values found",
)  # fmt: skip
KEEP = "keep"


@dataclass(slots=True)
class _Sum:
    """What a rule did in all tables together."""

    tables: int = 0
    values: int = 0
    dropped: int = 0
    shrunk: int = 0

    def add(self, rule: MaskRuleRecord) -> None:
        self.tables += 1
        self.values += rule.values
        self.dropped += rule.dropped
        self.shrunk += rule.shrunk


def masking_sentences(record: RunRecord) -> list[str]:
    """The scan's coverage, and what is worth a sentence of single tables; empty for a run without a transform."""
    tables = [table for table in record.tables if table.transform is not None]
    if not tables:
        return []
    found = [PSEUDONYMISED] if any(table.transform and table.transform.masks for table in tables) else []
    if record.leak_scan is not None:
        found.append(_coverage(record.leak_scan))
    empty = [table.source for table in tables if _is_empty(table)]
    unscanned = sorted(
        table.target
        for table in tables
        if table.transform and table.transform.masks and table.leak_scan is None
        and table.transform.items_derived is not None and table.source not in empty
    )  # fmt: skip
    if unscanned:
        found.append(f"{_targets(len(unscanned))} not scanned for raw values: {listed(unscanned, 3)}.")
    for table in tables:
        found += _of_table(table) if table.source not in empty else ()
    if empty:
        found.append(
            f"Without items there was nothing to transform in {pluralize(len(empty), 'table')}: {listed(empty, 3)}."
        )
    return found + _of_windows(record)


def _targets(number: int) -> str:
    return f"{pluralize(number, 'target')} {'was' if number == 1 else 'were'}"


def _of_windows(record: RunRecord) -> list[str]:
    made = [window.transform for window in record.windows if window.transform is not None]
    if not made:
        return []
    exported, out = sum(each.exported for each in made), sum(each.left_out for each in made)
    refused = sum(each.quarantined for each in made)
    return [
        f"{pluralize(len(made), 'window')} with {pluralize(exported, 'change')}, transformed as their exports were: "
        f"{count(out)} left out, {count(refused)} in quarantine."
    ]


def rule_rows(record: RunRecord) -> list[list[str]]:
    """What each rule of the mask did over all tables; those that keep stand together in the last row."""
    masking, keeping = dict[str, _Sum](), dict[str, _Sum]()
    for rule in (rule for table in record.tables if table.transform for rule in table.transform.rules if rule.values):
        (keeping if rule.verb == KEEP else masking).setdefault(rule.rule, _Sum()).add(rule)
    rows = [
        [name, count(done.tables), count(done.values), count(done.dropped), count(done.shrunk)]
        for name, done in sorted(masking.items(), key=lambda each: -each[1].values)
    ]
    if keeping:
        kept = sum(done.values for done in keeping.values())
        rows.append([f"{pluralize(len(keeping), 'rule')} that keep", "", count(kept), count(0), count(0)])
    return rows


def idle_rules(record: RunRecord) -> list[str]:
    """The rules that mask, and met no value in any table: the path may be spelled otherwise than the attribute."""
    made = [table.transform for table in record.tables if table.transform is not None]
    if any(each.status in (TransformStatus.BEGUN, TransformStatus.FAILED) for each in made):
        return []  # what was not transformed may hold what they are for
    met = dict[str, bool]()
    for table in record.tables:
        for rule in table.transform.rules if table.transform and table.items_exported else ():
            if rule.verb != KEEP:
                met[rule.rule] = met.get(rule.rule, False) or bool(rule.values)
    return sorted(rule for rule, any_value in met.items() if not any_value)


def _idle_in_short(record: RunRecord) -> list[str]:
    idle = idle_rules(record)
    if not idle:
        return []
    return [
        f"Masked nothing: {pluralize(len(idle), 'rule')} met no value in any table ({listed(idle, 3)}); names count "
        "with their case, and a rule for every name may have kept what was meant."
    ]


def masking_outcome(record: RunRecord, step: str) -> str:
    """What a transform or a leak scan came to, for a line of a log."""
    if step == TRANSFORM:
        made = [table.transform for table in record.tables if table.transform is not None]
        kept, filtered = sum(t.items_kept or 0 for t in made), sum(t.items_filtered or 0 for t in made)
        refused = sum(t.items_quarantined or 0 for t in made)
        return f"{pluralize(kept, 'item')} kept, {count(filtered)} filtered, {count(refused)} in quarantine" * bool(
            made
        )
    scans = [table.leak_scan for table in record.tables if table.leak_scan is not None]
    hits, values = sum(scan.hits for scan in scans), sum(scan.values for scan in scans)
    found = pluralize(hits, "raw value") if hits else "no raw value"
    return f"{found} found in {pluralize(values, 'value')} of {pluralize(len(scans), 'target')}"


def leaks_in_short(record: RunRecord) -> list[str]:
    """What the first screen says of the scan for raw values: what was found, and how much could be looked for."""
    scanned, sought = [table.leak_scan for table in record.tables if table.leak_scan is not None], record.leak_scan
    if sought is None or not scanned:
        return _idle_in_short(record)
    hits, opaque = sum(scan.hits for scan in scanned), sum(scan.not_decoded for scan in scanned)
    found = "no raw value of a masked path was found" if not hits else f"{pluralize(hits, 'raw value')} were found"
    looked = sought.anywhere + sought.whole
    why_not, in_part = _left_out(sought), sum(scan.cut_short for scan in scanned)
    return [
        f"Masked on the way: {found} in {pluralize(len(scanned), 'target')}, looking for {count(looked)} of "
        f"{pluralize(sought.distinct, 'distinct raw value')}{f' ({why_not})' if why_not else ''}; "
        f"{pluralize(opaque, 'binary value')} could not be decoded and {'was' if opaque == 1 else 'were'} not scanned"
        f"{f'; {_in_part(in_part)}' if in_part else ''}.",
        *_idle_in_short(record),
    ]


def _in_part(items: int) -> str:
    """What is said of items that come to more than is unpacked of one, or nest deeper."""
    were, them = ("was", "it") if items == 1 else ("were", "one")
    why = f"all that is packed in {them} comes to more than 32 MB, or nests too deep"
    return f"{pluralize(items, 'item')} {were} scanned in part: {why}"


def _is_empty(table: TableRecord) -> bool:
    made = table.transform
    return made is not None and made.failure is None and not table.items_exported and not made.items_derived


def _coverage(sought: SoughtRecord) -> str:
    why_not = _left_out(sought)
    return (
        f"Of {pluralize(sought.distinct, 'distinct raw value')} of masked paths {count(sought.anywhere)} were looked "
        f"for inside of every text and {count(sought.whole)} as a value or a word"
        f"{f'. Not looked for: {why_not}' if why_not else '; none was left out'}."
    )


def _left_out(sought: SoughtRecord) -> str:
    left = (
        (sought.short, "shorter than 6 characters"),
        (sought.kept, "that also stand in values which are kept, where finding one shows nothing"),
        (sought.by_chance, "that are like a pseudonym by chance"),
    )
    return ", ".join(f"{count(number)} {why}" for number, why in left if number)


def _of_table(table: TableRecord) -> Iterator[str]:
    """What a row of numbers does not say of a table."""
    made, scan = table.transform, table.leak_scan
    if made is None:
        return
    if made.items_derived is None:
        yield f"{table.source}: its transform did not come to an end{f': {made.failure}' if made.failure else ''}."
        return
    if made.replication_dropped:
        left = pluralize(made.replication_dropped, "attribute")
        yield f"{table.source}: {left} of replication left out."
    if scan is not None and scan.cut_short:
        yield f"{table.target}: {_in_part(scan.cut_short)}."
    if scan is not None and scan.hits:
        places = sorted({f"{hit.path} ({hit.rule}; {hit.encoding})" for hit in scan.first})
        yield f"{table.target}: {pluralize(scan.hits, 'raw value')} found{f', at {listed(places)}' if places else ''}."


def masked_rows(record: RunRecord) -> list[list[str]]:
    """What became of each table's items, and how far its target was looked through; the worst and largest first."""
    done = [
        (table, made)
        for table in record.tables
        if (made := table.transform) is not None and made.items_derived is not None and not _is_empty(table)
    ]
    done.sort(key=lambda each: (-(each[0].leak_scan.hits if each[0].leak_scan else 0), -(each[0].items_exported or 0)))
    return [[table.source, *_items_of(table, made), *_scanned(table.leak_scan)] for table, made in done]


def _items_of(table: TableRecord, made: TransformRecord) -> list[str]:
    parts = (made.items_kept, made.items_filtered, made.items_quarantined, made.items_added, made.keys_rewritten)
    return [count(table.items_exported), *(count(part or 0) for part in parts)]


def _scanned(scan: LeakScanRecord | None) -> list[str]:
    if scan is None:
        return ["not scanned", "", "", ""]
    return [count(number) for number in (scan.values, scan.decoded, scan.not_decoded, scan.hits)]
