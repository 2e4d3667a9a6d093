"""Tables about a transform and the scan for raw values."""

from __future__ import annotations

from runbook_lib.notebook.tables import Column, ShownTable, number, outcome
from runbook_lib.run.facts.masking.leak_scan import LEAKS, SOUGHT
from runbook_lib.run.facts.masking.transform import TRANSFORMS
from runbook_lib.run.run import Run

TABLE = Column("table")
NOTHING = "The migration file has no transform."


def transform_table(run: Run) -> ShownTable:
    """What became of each export's items."""
    columns = [
        TABLE, outcome("state"), number("exported"), number("kept"), number("filtered"), number("added"),
        number("in quarantine"), number("keys rewritten"), Column("why"),
    ]  # fmt: skip
    rows = []
    for source, fact in TRANSFORMS.all(run.ledger).items():
        c = fact.counts
        counts = (c.exported, c.kept, c.filtered, c.added, c.quarantined, c.keys_rewritten) if c else (None,) * 6
        rows.append((source, fact.status.value, *counts, fact.failure))
    return ShownTable.of("Exported = kept + filtered + in quarantine.", columns, rows, NOTHING)


def mask_table(run: Run) -> ShownTable:
    """What each rule did."""
    columns = [TABLE, Column("path"), Column("verb"), number("values"), number("dropped"), number("sets shrunk")]
    rows = [
        (source, rule.path, rule.verb, rule.values, rule.dropped, rule.shrunk)
        for source, fact in TRANSFORMS.all(run.ledger).items()
        for rule in fact.rules or ()
    ]
    return ShownTable.of("What each rule did.", columns, rows, "No rule has masked anything.")


def unnamed_table(run: Run) -> ShownTable:
    """Values without a rule."""
    columns = [TABLE, Column("path"), Column("type"), number("values")]
    rows = [
        (source, path.path, path.type, path.values)
        for source, fact in TRANSFORMS.all(run.ledger).items()
        for path in fact.unnamed or ()
    ]
    none = NOTHING if run.config.transform is None else "Every value has a rule."
    return ShownTable.of("Values that no rule names.", columns, rows, none)


def leak_table(run: Run) -> ShownTable:
    """What was looked through in each target, and what was found."""
    columns = [
        TABLE, number("items"), number("values"), number("decoded"), number("not decoded"), number("in part"),
        number("raw values found"),
        Column("where"),
    ]  # fmt: skip
    rows = [
        (
            source, fact.items, fact.values, fact.decoded, fact.not_decoded, fact.cut_short, fact.hits,
            "; ".join(sorted({f"{hit.path} ({hit.encoding}): {hit.rule}" for hit in fact.first})),
        )
        for source, fact in LEAKS.all(run.ledger).items()
    ]  # fmt: skip
    return ShownTable.of("Targets, looked through for raw values.", columns, rows, "No target was looked through.")


def coverage_table(run: Run) -> ShownTable:
    """What was looked for, and what could not be."""
    columns, fact = [Column("raw values of masked paths"), number("distinct")], SOUGHT.of(run.ledger)
    rows = [] if fact is None else [
        ("all", fact.distinct),
        ("looked for, inside of other texts too", fact.anywhere),
        ("looked for as a value or a word", fact.whole),
        ("not looked for: shorter than 6 characters", fact.short),
        ("not looked for: they stand in what is kept, too", fact.kept),
        ("not looked for: a pseudonym may look like that", fact.by_chance),
    ]  # fmt: skip
    return ShownTable.of("What was looked for.", columns, rows, "Nothing was looked for.")
