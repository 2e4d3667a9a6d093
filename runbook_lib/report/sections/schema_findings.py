"""What a record says of definitions, indexes and canaries, folded for readers; pure.

Tables that differ in the same way share a row, and tables that do not differ share a sentence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from runbook_lib.aws.dynamodb.describe.members import GLOBAL, KEY, LOCAL, STREAM, TYPES
from runbook_lib.config.check_ids import definition_id
from runbook_lib.record.run_json import Record
from runbook_lib.report.text import count, listed, pluralize
from runbook_lib.schema.parity import BLOCKS, RATINGS, WARNS

SCHEMA = (KEY, TYPES, GLOBAL, LOCAL)
ASKED = ("keys", "expected", "found", "missing", "different", "extra", "expired")


@dataclass(frozen=True, slots=True)
class ParityRow:
    """One difference and the targets that have it."""

    rating: str
    what: str
    source: str
    target: str
    remedy: str
    tables: list[str]


def migrated(record: Record) -> list[Record]:
    """The tables of which something was to be moved."""
    return [t for t in record.get("tables") or [] if t.get("method") not in ("skipped", "not_chosen")]


def compared(table: Record) -> bool:
    """Whether the definitions of a table were compared at a moment that is known."""
    return bool((table.get("parity") or {}).get("at"))


def differences(record: Record) -> Iterator[tuple[Record, dict[str, Any]]]:
    """Every difference of every table."""
    for table in migrated(record):
        yield from ((table, d) for d in (table.get("parity") or {}).get("differences") or [])


def parity_rows(record: Record) -> list[ParityRow]:
    """The differences, the gravest first; the same one of many tables is one row."""
    rows: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for table, d in differences(record):
        same = tuple(str(d.get(part)) for part in ("rating", "what", "source", "target", "remedy"))
        rows[same].append(str(table.get("target")))
    found = [ParityRow(*same, names) for same, names in rows.items()]  # type: ignore[call-arg, arg-type]
    grave = {rating: place for place, rating in enumerate(RATINGS)}
    return sorted(found, key=lambda row: (grave.get(row.rating, 0), -len(row.tables), row.what))


def parity_summary(record: Record) -> list[str]:
    """How many tables are equal, differ, and were not compared, and what was not asked for."""
    tables = migrated(record)
    known = [t for t in tables if compared(t)]
    if not known:
        return ["No definition was compared."]
    equal = [t for t in known if not t["parity"]["differences"] and not t["parity"]["not_checked"]]
    found = [
        f"{len(equal):,} of {pluralize(len(tables), 'table')} have the definition of their source in every property."
    ]
    for rating in RATINGS:
        names = {str(t.get("target")) for t, d in differences(record) if d.get("rating") == rating}
        if names:
            found.append(f"{pluralize(len(names), 'table')} with a difference that {rating}.")
    if others := [str(t.get("target")) for t in tables if not compared(t)]:
        found.append(f"Not compared: {listed(others)}.")
    return found + parity_gaps(record)


def parity_gaps(record: Record) -> list[str]:
    """The properties that could not be asked for."""
    gaps: dict[tuple[str, str], list[str]] = defaultdict(list)
    for table in migrated(record):
        for gap in (table.get("parity") or {}).get("not_checked") or []:
            gaps[str(gap.get("property")), str(gap.get("why"))].append(str(table.get("target")))
    return [
        f"Not checked: {name} of {pluralize(len(tables), 'table')} ({listed(tables, 3)}): {why}."
        for (name, why), tables in gaps.items()
    ]


def unannounced(record: Record) -> list[Record]:
    """Differences that block or warn and that the pre-flight has not told of, as obstacles."""
    told = [*(record.get("blockers") or []), *(record.get("warnings") or [])]
    return [
        {
            "table": table.get("target"),
            "expected": f"{d.get('what')} {d.get('source')}, as the source has it",
            "found": d.get("target"),
            "remedy": d.get("remedy"),
        }
        for table, d in differences(record)
        if d.get("rating") in (BLOCKS, WARNS)
        and not (d.get("property") == KEY or (d.get("property") == STREAM and d.get("target") != "off"))
        and not any(
            (o.get("id"), o.get("table"), o.get("about"))
            == (definition_id(str(d.get("property"))), table.get("target"), d.get("what"))
            for o in told
        )
    ]


def schemas_differ(record: Record) -> tuple[int, int, int]:
    """Of how many tables the keys and indexes differ, of how many anything does, and how many have gaps."""
    schema: set[str] = set()
    other: set[str] = set()
    for table, d in differences(record):
        (schema if d.get("property") in SCHEMA else other).add(str(table.get("source")))
    gaps = sum(bool((t.get("parity") or {}).get("not_checked")) for t in migrated(record))
    return len(schema), len(other | schema), gaps


def index_rows(record: Record) -> list[Record]:
    """The indexes of all tables with their table, those that are wrong or not checked first."""
    rows = [f | {"table": t.get("target")} for t in migrated(record) for f in t.get("indexes") or [] if f.get("state")]
    return sorted(rows, key=lambda f: (not f.get("wrong_keys"), f.get("state") != "not checked"))


def notable_indexes(record: Record) -> list[Record]:
    """The indexes a reader must look at."""
    return [
        f for f in index_rows(record) if f.get("wrong_keys") or f.get("state") == "not checked" or f.get("left_out")
    ]


def index_summary(record: Record) -> str:
    """How many indexes were asked for how many keys, and what they answered."""
    rows = index_rows(record)
    states: dict[str, int] = defaultdict(int)
    for row in rows:
        states[str(row.get("state"))] += 1
    if not rows:
        measured = any(t.get("indexes") == [] for t in migrated(record))
        return "No target has an index." if measured else "No index was asked."
    checked = [r for r in rows if r.get("state") == "checked"]
    sums = {name: sum(r.get(name) or 0 for r in checked) for name in ASKED}
    answered = (
        f" {pluralize(sums['keys'], 'sampled key')} queried: items expected {count(sums['expected'])}, found "
        f"{count(sums['found'])}, missing {count(sums['missing'])}, different {count(sums['different'])}, "
        f"extra {count(sums['extra'])}, expired {count(sums['expired'])}."
    )
    told = ", ".join(f"{n:,} {state}" for state, n in sorted(states.items()))
    return f"{pluralize(len(rows), 'index', 'indexes')} of the targets: {told}.{answered if checked else ''}"


def canaries(record: Record) -> list[Record]:
    """The canaries that were asked for, with their table."""
    return [t["canary"] | {"table": t.get("target")} for t in migrated(record) if t.get("canary")]


def canary_summary(record: Record) -> str:
    """What the canaries showed and what they cannot show."""
    found = canaries(record)
    if not found:
        return "No canary was written: validate.canary is off, or nothing was to be written."
    done = sum(canary.get("state") == "done" for canary in found)
    told = (
        "With this run's credentials a reserved item was written, read back consistently, compared and deleted again "
        f"in {done:,} of {pluralize(len(migrated(record)), 'target')}. No application was connected."
    )
    return " ".join([told, *(f"{text}." for text in _other_canaries(record))])


def _other_canaries(record: Record) -> list[str]:
    reasons: dict[str, list[str]] = defaultdict(list)
    for canary in canaries(record):
        if canary.get("state") != "done":
            reasons[f"{canary.get('state')}: {canary.get('why')}"].append(str(canary.get("table")))
    return [f"Canary of {pluralize(len(names), 'target')} ({listed(names, 3)}) {why}" for why, names in reasons.items()]


def attention_to_definitions(record: Record) -> list[str]:
    """What of definitions, indexes and canaries a reader must know; warnings of the pre-flight are told elsewhere."""
    wrong: dict[str, list[str]] = defaultdict(list)
    for row in index_rows(record):
        if row.get("state") == "not checked":
            wrong[str(row.get("why"))].append(f"{row.get('index')} of {row.get('table')}")
    return [
        *(f"{pluralize(len(n), 'index', 'indexes')} not checked ({listed(n, 3)}): {why}" for why, n in wrong.items()),
        *parity_gaps(record),
        *_other_canaries(record),
    ]
