"""The limits a person sets on cost and time, and how they are spelled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from runbook_lib.config.check_ids import CheckId
from runbook_lib.plan.check import BLOCKER, Check, ok, unknown
from runbook_lib.run.facts.estimate import Estimate, Range


def within_limits(max_usd: float | None, max_hours: float | None, planned: Estimate) -> Iterator[Check]:
    """The budget; a limit on what nobody can tell is not kept."""
    for what, key, limit, known, unit in (
        (CheckId.COST, "limits.max_cost_usd", max_usd, planned.usd, "USD"),
        (CheckId.TIME, "limits.max_hours", max_hours, planned.hours, "hours"),
    ):
        check = Check(
            what, "the run", BLOCKER, f"at most {limit:g} {unit}, as {key} says" if limit else "no limit was set",
            spell(known, unit), f"raise {key}, or make the run smaller with --tables",
        )  # fmt: skip
        if known is None and limit is None:
            yield unknown(
                check, f"{spell(known, unit)}: {planned.prices}" if what is CheckId.COST else spell(known, unit)
            )
        elif known is None:
            yield replace(check, found="not known", remedy=f"take {key} out, or set `prices` where no price is known; "
                          "after the export more is known of the sizes")  # fmt: skip
        else:
            yield check if limit is not None and known.high > limit else ok(check, spell(known, unit))


def spell(known: Range | None, unit: str) -> str:
    """A range for people, to three digits."""
    if known is None:
        return "not known"
    low, high = f"{known.low:.3g}", f"{known.high:.3g}"
    return f"{low} {unit}" if low == high else f"{low} to {high} {unit}"
