"""What a record says of definitions, indexes and canaries, folded for readers; pure.

Tables that differ in the same way share a row, and tables that do not differ share a sentence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from runbook_lib.aws.dynamodb.describe.members import GLOBAL, KEY, LOCAL, STREAM, TYPES
from runbook_lib.config.check_ids import definition_id
from runbook_lib.plan.check import NOT_CHECKED
from runbook_lib.record.model.comparison import CanaryFacts, Difference, IndexFacts
from runbook_lib.record.model.run import ObstacleRecord
from runbook_lib.record.model.table import TableRecord
from runbook_lib.report.figures.run_figures import RunFigures
from runbook_lib.report.text import count, listed, pluralize
from runbook_lib.run.facts.validation import IndexState
from runbook_lib.schema.difference import BLOCKS, RATINGS, WARNS

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


@dataclass(frozen=True, slots=True)
class IndexRow:
    """An index and the target that has it."""

    table: str
    facts: IndexFacts

    @property
    def said(self) -> str:
        """What came of it: a state alone says that it was looked at, not what was found."""
        if self.facts.wrong_keys:
            return "contradicts the export"
        return "checked in part" if self.facts.state == IndexState.CHECKED and self.facts.left_out else self.facts.state


@dataclass(frozen=True, slots=True)
class CanaryRow:
    """A canary and the target that it was tried on."""

    table: str
    facts: CanaryFacts


def migrated(figures: RunFigures) -> list[TableRecord]:
    """The tables of which something was to be moved."""
    return [t for t in figures.record.tables if t.method not in ("skipped", "not_chosen")]


def compared(table: TableRecord) -> bool:
    """Whether the definitions of a table were compared at a moment that is known."""
    return bool(table.parity and table.parity.at)


def property_differences(figures: RunFigures) -> Iterator[tuple[TableRecord, Difference]]:
    """Every difference of every table's definition."""
    for table in migrated(figures):
        yield from ((table, d) for d in (table.parity.differences if table.parity else ()))


def parity_rows(figures: RunFigures) -> list[ParityRow]:
    """The differences, the gravest first; the same one of many tables is one row."""
    rows: dict[tuple[str, str, str, str, str], list[str]] = defaultdict(list)
    for table, d in property_differences(figures):
        rows[d.rating, d.what, d.source, d.target, d.remedy].append(table.target)
    found = [ParityRow(*same, names) for same, names in rows.items()]
    grave: dict[str, int] = {rating: place for place, rating in enumerate(RATINGS)}
    return sorted(found, key=lambda row: (grave.get(row.rating, 0), -len(row.tables), row.what))


def parity_summary(figures: RunFigures) -> list[str]:
    """How many tables are equal, differ, and were not compared, and what was not asked for."""
    tables = migrated(figures)
    known = [t for t in tables if compared(t)]
    if not known:
        return ["No definition was compared."]
    equal = [t for t in known if t.parity and not t.parity.differences and not t.parity.not_checked]
    found = [
        f"{len(equal):,} of {pluralize(len(tables), 'table')} {'has' if len(equal) == 1 else 'have'} exactly the "
        "definition of the source."
    ]
    for rating in RATINGS:
        names = {str(t.target) for t, d in property_differences(figures) if d.rating == rating}
        if names:
            have = "has" if len(names) == 1 else "have"
            found.append(f"{pluralize(len(names), 'table')} {have} a difference that {rating}.")
    if others := [str(t.target) for t in tables if not compared(t)]:
        found.append(f"Not compared: {listed(others)}.")
    return found + parity_gaps(figures)


def parity_gaps(figures: RunFigures) -> list[str]:
    """The properties that could not be asked for."""
    gaps: dict[tuple[str, str], list[str]] = defaultdict(list)
    for table in migrated(figures):
        for gap in table.parity.not_checked if table.parity else ():
            gaps[gap.property, gap.why].append(table.target)
    return [
        f"Not checked: {name} of {pluralize(len(tables), 'table')} ({listed(tables, 3)}): {why}."
        for (name, why), tables in gaps.items()
    ]


def unannounced(figures: RunFigures) -> list[ObstacleRecord]:
    """Differences that block or warn and that the pre-flight has not told of, as obstacles."""
    told = [*figures.record.blockers, *figures.record.warnings]
    return [
        ObstacleRecord(
            table=table.target, expected=f"{d.what} {d.source}, as the source has it", found=d.target, remedy=d.remedy
        )
        for table, d in property_differences(figures)
        if d.rating in (BLOCKS, WARNS)
        and not (d.property == KEY or (d.property == STREAM and d.target != "off"))
        and not any((o.id, o.table, o.about) == (definition_id(d.property), table.target, d.what) for o in told)
    ]


def schemas_differ(figures: RunFigures) -> tuple[int, int, int]:
    """Of how many tables the keys and indexes differ, of how many anything does, and how many have gaps."""
    schema: set[str] = set()
    other: set[str] = set()
    for table, d in property_differences(figures):
        (schema if d.property in SCHEMA else other).add(table.source)
    gaps = sum(bool(t.parity and t.parity.not_checked) for t in migrated(figures))
    return len(schema), len(other | schema), gaps


def index_rows(figures: RunFigures) -> list[IndexRow]:
    """The indexes of all tables with their table, those that are wrong or not checked first."""
    rows = [IndexRow(t.target, facts) for t in migrated(figures) for facts in t.indexes or [] if facts.state]
    return sorted(rows, key=lambda row: (not row.facts.wrong_keys, row.facts.state != NOT_CHECKED))


def notable_indexes(rows: Iterable[IndexRow]) -> list[IndexRow]:
    """The indexes a reader must look at."""
    return [r for r in rows if r.facts.wrong_keys or r.facts.state == NOT_CHECKED or r.facts.left_out]


def index_summary(figures: RunFigures) -> str:
    """How many indexes were asked for how many keys, and what they answered."""
    rows = index_rows(figures)
    states: dict[str, int] = defaultdict(int)
    for row in rows:
        states[row.facts.state] += 1
    if not rows:
        measured = any(t.indexes == [] for t in migrated(figures))
        return "No target has an index." if measured else "No index was queried."
    checked = [r for r in rows if r.facts.state == IndexState.CHECKED]
    sums = {name: sum(getattr(r.facts, name) or 0 for r in checked) for name in ASKED}
    answered = (
        f" {pluralize(sums['keys'], 'sampled key')} queried: items expected {count(sums['expected'])}, found "
        f"{count(sums['found'])}, missing {count(sums['missing'])}, different {count(sums['different'])}, "
        f"extra {count(sums['extra'])}, expired {count(sums['expired'])}."
    )
    told = ", ".join(f"{n:,} {state}" for state, n in sorted(states.items()))
    return f"{pluralize(len(rows), 'index', 'indexes')} of the targets: {told}.{answered if checked else ''}"


def canaries(figures: RunFigures) -> list[CanaryRow]:
    """The canaries that were asked for, with their table."""
    return [CanaryRow(t.target, t.canary) for t in migrated(figures) if t.canary]


def _why_no_canary(figures: RunFigures) -> str:
    if not figures.record.executed:
        return "this run writes nothing to the targets"
    validated = any(s.name == "validate" and s.status in ("completed", "failed") for s in figures.record.steps)
    return "validate.canary is off" if validated else "the run has not come to its validation"


def canary_summary(figures: RunFigures) -> str:
    """What the canaries showed and what they cannot show."""
    found = canaries(figures)
    if not found:
        return f"No canary was written: {_why_no_canary(figures)}."
    done = sum(canary.facts.state == "done" for canary in found)
    told = (
        "With this run's credentials, a reserved item was written, read back consistently, compared and deleted "
        f"in {done:,} of {pluralize(len(migrated(figures)), 'target')}. No application was connected."
    )
    return " ".join([told, *(f"{text}." for text in _other_canaries(figures))])


def _other_canaries(figures: RunFigures) -> list[str]:
    reasons: dict[str, list[str]] = defaultdict(list)
    for canary in canaries(figures):
        if canary.facts.state != "done":
            reasons[f"{canary.facts.state}: {canary.facts.why}"].append(canary.table)
    return [f"Canary of {pluralize(len(names), 'target')} ({listed(names, 3)}) {why}" for why, names in reasons.items()]


def attention_to_definitions(figures: RunFigures) -> list[str]:
    """What of definitions, indexes and canaries a reader must know; warnings of the pre-flight are told elsewhere."""
    wrong: dict[str, list[str]] = defaultdict(list)
    for row in index_rows(figures):
        if row.facts.state == NOT_CHECKED:
            wrong[str(row.facts.why)].append(f"{row.facts.index} of {row.table}")
    return [
        *(f"{pluralize(len(n), 'index', 'indexes')} not checked ({listed(n, 3)}): {why}" for why, n in wrong.items()),
        *parity_gaps(figures),
        *_other_canaries(figures),
    ]
