"""Tables that a run asked for with CreateTable, and of which it never heard what DynamoDB said.

Such a table may show later, and its tags later still. Whether it is the run's own is told by its mark.
"""

from __future__ import annotations

from datetime import datetime

from runbook_lib.aws.dynamodb.create import tags_of
from runbook_lib.aws.dynamodb.describe.tables import describe_table
from runbook_lib.load.targets.bulk_put import HIDDEN
from runbook_lib.load.targets.create_tables import MARK, note
from runbook_lib.plan.pair import Pair
from runbook_lib.run.facts.load import IMPORTS
from runbook_lib.run.facts.targets import CREATED, CreatedFact, CreationStatus
from runbook_lib.run.run import Run, table_identity


def unheard_creation(run: Run, pair: Pair) -> CreatedFact | None:
    """The table of a pair, if it is one that was asked for without an answer; what ImportTable makes is none."""
    loaded, made = IMPORTS.of(run.ledger, pair.source), CREATED.of(run.ledger, pair.source)
    if loaded is not None and loaded.import_table is not None:
        return None
    return made if made is not None and made.status == CreationStatus.ASKED_FOR else None


def learn_creation(run: Run, pair: Pair, *, record: bool) -> bool:
    """Look for a table that was asked for unheard; whether nothing can come of it any more that is not known.

    One that carries the run's mark is its own and, with `record`, recorded as such. Where no table shows, or one
    without a mark, there is none of the run's once what was sent last can neither be taken any more nor be hidden.
    """
    fact = unheard_creation(run, pair)
    if fact is None:
        return True
    table = describe_table(run.clients.target, pair.target)
    tags = tags_of(run.clients.target, table.arn) if table is not None else {}
    if table is not None and tags.get(MARK) == run.id:
        if record:
            note(run, pair, CreationStatus.CREATING, table_id=table_identity(table), arn=table.arn)
        return True
    if MARK in tags:
        return True  # another run has made it, so this one has none of that name
    return fact.at is not None and run.now() - datetime.fromisoformat(fact.at) >= HIDDEN
