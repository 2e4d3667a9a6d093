"""Remove the objects of a run's own exports, and of what was made of them; what another run uses stays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from runbook_lib.aws.dynamodb import delete as aws
from runbook_lib.plan.pair import Pair
from runbook_lib.run.facts.targets import CLEANED, REMOVALS, Removal
from runbook_lib.run.run import Run
from runbook_lib.run.witnesses.closed_exports import closed_exports, refuse_while_used
from runbook_lib.run.witnesses.export_register import ExportPlace
from runbook_lib.run.witnesses.export_users import is_used, leave_uses
from runbook_lib.timestamps import format_timestamp
from runbook_lib.undo.own_objects import OwnObjects, own_objects
from runbook_lib.undo.unread_exports import learn_unread_exports


@dataclass(frozen=True, slots=True)
class Hands:
    """The clients that may remove: the tables that the run created, and staging objects by their keys."""

    tables: Any
    scaling: Any
    objects: Any
    raw: Any

    def remove(self, where: OwnObjects | ExportPlace, keys: list[str]) -> None:
        """Delete objects as whoever may reach them."""
        aws.delete_objects(self.raw if where.raw else self.objects, where.bucket, keys)


def mark_cleaned(run: Run) -> None:
    """From now on the run cannot be resumed."""
    if CLEANED.of(run.ledger) is None:
        CLEANED.record(run.ledger, format_timestamp(run.now()))


def remove_objects(run: Run, pair: Pair, removal: Removal, hands: Hands | None) -> None:
    """The files of exports that this run started or wrote, and of what it made of them; never of one it only used.

    What another run uses stays, and the table can be cleaned up again when that run is. Without hands it only looks.
    """
    learn_unread_exports(run, pair)
    own = list(own_objects(run, pair))
    exports = [objects.export for objects in own if objects.export is not None]
    if hands is None:
        for export in exports:
            refuse_while_used(run, export)
        removal.objects += sum(len(objects.keys) for objects in own)
        return
    removal.target_kept = removal.kept  # they say which items are the run's: once one is gone, nobody looks there again
    REMOVALS.record(run.ledger, pair.source, removal.unfinished())
    if is_used(run, pair.source):
        mark_cleaned(run)
        leave_uses(run, pair.source, partial(aws.delete_objects, hands.raw))
    with closed_exports(run, exports, hands.remove) as taking:  # all before any goes, for they hang together
        for objects in own:
            mark_cleaned(run)
            taking.begun = True
            hands.remove(objects, list(objects.keys))
            removal.objects += len(objects.keys)
