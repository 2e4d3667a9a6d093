"""Who still names the old tables when the new ones are about to take their place: that would go on using the old."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fnmatch import fnmatchcase

from runbook_lib.cutover.gates import GateWatch, passing, stay_shut
from runbook_lib.plan.writing import Method
from runbook_lib.references.find import find_references
from runbook_lib.references.listing import summary
from runbook_lib.run.facts.around.references import REFERENCES, Reference
from runbook_lib.run.facts.cut_over.gates import GATES, CutOverFault, Gate
from runbook_lib.run.run import Run
from runbook_lib.timestamps import format_timestamp

NAMED = 10  # places, in the message; the report has all


def look_who_still_names(run: Run, watch: GateWatch) -> None:
    """Look for references once more, in place of those the pre-flight found; a call that is refused is told, as there.

    Stays shut where a place names a table that was moved and `accept.still_named` does not name the place.
    """
    settings = run.config.references
    if not settings.in_preflight:
        return
    with passing(run, Gate.REFERENCES, watch):
        planned = {pair.source: pair.target for pair in run.pairs()}
        found = find_references(run.clients, planned, roles=settings.roles)
        REFERENCES.record(run.ledger, replace(found, at=format_timestamp(run.now())))
        skipped = {pair.source for pair in run.pairs() if pair.method == Method.SKIP}
        named = [each for each in found.found if each.source not in skipped]
        left = [each for each in named if not is_accepted(each, run.config.accept.still_named)]
        if left:
            raise stay_shut(
                run, Gate.REFERENCES, CutOverFault.STILL_NAMED,
                f"nothing should name the old tables any more, and this does: {_listed(left)}. Set each to the new "
                "table and run this command again; what may stay or is switched later goes into accept.still_named",
            )  # fmt: skip
        accepted = f" accept.still_named lets {len(named):,} of them be." if named else ""
        GATES.record(
            run.ledger, Gate.REFERENCES,
            replace(GATES.needed(run.ledger, Gate.REFERENCES), why=f"{summary(found)}{accepted}"),
        )  # fmt: skip


def is_accepted(each: Reference, globs: Iterable[str]) -> bool:
    """Whether a place may go on naming an old table."""
    return any(fnmatchcase(f"{each.service} {each.resource}", glob) for glob in globs)


def _listed(left: list[Reference]) -> str:
    told = [f"{each.service} {each.resource} ({each.where}: {each.source})" for each in left[:NAMED]]
    return ", ".join(told) + (f", and {len(left) - NAMED:,} more" if len(left) > NAMED else "")
