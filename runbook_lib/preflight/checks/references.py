"""Who still names the source tables: what would go on reading and writing the old ones after the switch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from runbook_lib.config.check_ids import CheckId
from runbook_lib.plan.check import NOT_CHECKED, WARNING, Check, ok
from runbook_lib.preflight.checks.context import CheckContext
from runbook_lib.references.find import find_references
from runbook_lib.run.facts.around.references import References
from runbook_lib.timestamps import format_timestamp

SHOWN = 3


def look_for_references(context: CheckContext) -> References | None:
    """Every place that names a table of the plan; None where the migration file does not want it looked for."""
    settings = context.config.references
    if not settings.in_preflight:
        return None
    targets = {pair.source: pair.target for pair in context.pairs}
    found = find_references(context.clients, targets, roles=settings.roles)
    return replace(found, at=format_timestamp(context.now()))


def of_references(found: References | None) -> Iterator[Check]:
    """One look at all places, and one for each call that was refused or not answered."""
    if found is None:
        return
    check = Check(
        CheckId.REFERENCES, "both sides", WARNING, "to know who names the old tables", "",
        "set these to the new names at the switch; the report lists each, and runbook references looks again",
    )  # fmt: skip
    if found.found:
        tables = len({each.source for each in found.found})
        yield replace(check, found=f"{len(found.found):,} places name {tables:,} of them")
    else:
        looked = sum(count for _, _, count in found.looked)
        yield ok(check, f"none of the {looked:,} that were looked at")
    if found.not_read:
        calls = sorted({f"{each.call} ({each.code})" for each in found.not_read})
        more = f" and {len(calls) - SHOWN} more" if len(calls) > SHOWN else ""
        yield replace(
            check, about="calls", status=NOT_CHECKED, found=f"not answered: {', '.join(calls[:SHOWN])}{more}",
            remedy="allow them, runbook policy has them as ReadReferences; or go on without them and look by hand",
        )  # fmt: skip
