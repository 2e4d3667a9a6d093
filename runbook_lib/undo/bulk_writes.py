"""Whether a run may still write to a table of which something is about to be taken back, as its bulk put may.

Or still have one made, by an import or a CreateTable whose answer nobody heard.
"""

from __future__ import annotations

from runbook_lib.load.targets.asked_for import learn_creation, unheard_creation
from runbook_lib.load.targets.bulk_put import look_after_bulk_put
from runbook_lib.load.targets.import_table import learn_import
from runbook_lib.plan.pair import Pair
from runbook_lib.run.facts.doubt.late_writes import still_in_doubt
from runbook_lib.run.facts.export import EXPORTS
from runbook_lib.run.facts.load import IMPORTS, ImportFact
from runbook_lib.run.facts.targets import CREATED, CreationStatus
from runbook_lib.run.run import Run
from runbook_lib.run.witnesses.writers.writing_marks import marked_end


def still_put_in_bulk(run: Run, pair: Pair, loaded: ImportFact, *, look: bool) -> bool:
    """Whether a bulk put of this run may still write; with `look` one that nobody followed to its end is asked for."""
    if loaded.bulk_put is None or loaded.bulk_put.is_over:
        return False
    export = EXPORTS.needed(run.ledger, pair.source).completed
    if not look or export is None or loaded.bulk_put.asked is None:
        return True
    now = look_after_bulk_put(run, pair, export).bulk_put
    if now is None or not now.is_over:
        return True
    with marked_end(run, pair):  # whoever was killed has not said so
        return False


def made_tables(run: Run) -> frozenset[str]:
    """The tables that the run has made, and those that it may have made without hearing of it."""
    made = CREATED.all(run.ledger).values()
    return frozenset(fact.target for fact in made if fact.table_id or fact.status == CreationStatus.ASKED_FOR)


def why_still_made(run: Run, pair: Pair, *, look: bool) -> str:
    """Why something that this run asked for without hearing an answer may still make the target; empty otherwise.

    With `look` DynamoDB is asked about an import, and a table that was made is recorded as the run's own.
    """
    if unheard_creation(run, pair) is not None:
        if learn_creation(run, pair, record=look):
            return ""
        place = run.clients.target_identity
        return (
            f"{pair.target} may still appear, or its tags may, for nobody heard what DynamoDB said to its CreateTable: "
            f"look for it with aws dynamodb describe-table --table-name {pair.target} --region {place.region}, and run "
            "the same command again once it shows with its tags, or an hour after it was asked for last"
        )
    loaded, export = IMPORTS.of(run.ledger, pair.source), EXPORTS.of(run.ledger, pair.source)
    if loaded is None or loaded.import_table is None or loaded.import_table.arn is not None:
        return ""
    completed = export.completed if export is not None else None
    if look and (completed is None or learn_import(run, pair, completed)):
        return ""
    return (
        f"its import may still make {pair.target}, for nobody heard what DynamoDB said to it; a cleanup or a "
        "rollback with --execute looks for it, run it again once it shows, or an hour after it was asked for last"
    )


def why_still_written(run: Run, pair: Pair, loaded: ImportFact, *, look: bool) -> str:
    """Why something of this run may still be written to a target; empty where nothing can be. `look` as above."""
    if still_put_in_bulk(run, pair, loaded, look=look):
        return (
            "its bulk put may still be writing, as far as is known; a cleanup with --execute asks DynamoDB, run it "
            "again once the bulk put has ended, or an hour after it was asked for if DynamoDB lists none"
        )
    return still_in_doubt(run.ledger, pair.target, run.now()) if loaded.binding is not None else ""
