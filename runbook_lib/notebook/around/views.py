"""Tables about what stands around the tables in both regions."""

from __future__ import annotations

from collections import Counter

from runbook_lib.estate.compare import Likeness
from runbook_lib.estate.resource import ResourceKind
from runbook_lib.notebook.tables import Column, ShownTable, number, outcome
from runbook_lib.run.facts.around.surroundings import SURROUNDINGS_FOUND
from runbook_lib.run.run import Run

STACK_OF = {kind.noun: kind.stack for kind in ResourceKind}
NOBODY = "Nothing was compared yet."


def kinds_table(run: Run) -> ShownTable:
    """How many of each kind there are, and in which template."""
    fact = SURROUNDINGS_FOUND.of(run.ledger)
    columns = [Column("kind"), Column("template"), number("in the source"), number("equal in the target")]
    found = Counter(row.kind for row in fact.compared) if fact else Counter[str]()
    equal = Counter(row.kind for row in fact.compared if row.likeness is Likeness.EQUAL) if fact else Counter[str]()
    rows = [(kind, f"surroundings/{stack}.yaml", found[kind], equal[kind]) for kind, stack in STACK_OF.items()]
    empty = (
        "Nothing in the source is chosen; name queues, topics, buses and others in surroundings." if fact else NOBODY
    )
    return ShownTable.of("Around the tables in the source.", columns, [row for row in rows if row[2]], empty)


def not_carried_table(run: Run) -> ShownTable:
    """What no template has, with the reasons, and what nobody could read."""
    fact = SURROUNDINGS_FOUND.of(run.ledger)
    columns = [outcome("state"), Column("what"), Column("why")]
    rows = [("not carried over", each.what, each.why) for each in fact.unexpressed] if fact else []
    rows += [("not checked", call, "the call was refused or not answered") for call in fact.not_read] if fact else []
    empty = "Everything that was chosen is in a template, and no call was refused." if fact else NOBODY
    return ShownTable.of("Not carried over, or not checked.", columns, rows, empty)


def compared_table(run: Run) -> ShownTable:
    """Each resource with what the target has of it."""
    fact = SURROUNDINGS_FOUND.of(run.ledger)
    columns = [
        Column("kind"), Column("source"), Column("target"), outcome("state"), Column("acts"), Column("differs in"),
    ]  # fmt: skip
    rows = [
        (row.kind, row.source, row.target, row.likeness.value, row.acting.value, ", ".join(row.differences))
        for row in (fact.compared if fact else ())
    ]
    empty = "Nothing was compared: nothing in the source is chosen, or it could not be read." if fact else NOBODY
    return ShownTable.of("Both regions, resource by resource.", columns, rows, empty)
