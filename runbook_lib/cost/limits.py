"""The limits a person sets on cost and time, and how they are spelled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from runbook_lib.config.check_ids import CheckId
from runbook_lib.plan.check import BLOCKER, Check, ok, unknown
from runbook_lib.run.facts.estimate import Estimate, Range
from runbook_lib.timestamps import spell_seconds


def within_limits(max_usd: float | None, max_hours: float | None, planned: Estimate) -> Iterator[Check]:
    """The budget, and of how many items that are in targets already it is; a limit on what nobody knows is not kept."""
    held = sum(work.held_items or 0 for work in planned.tables)
    beside = (
        f", with {held:,} items that are there already, as DescribeTable counted in the last six hours" if held else ""
    )
    for what, key, limit, known, said in (
        (CheckId.COST, "limits.max_cost_usd", max_usd, planned.usd, spell(planned.usd, in_usd) + beside),
        (
            CheckId.TIME,
            "limits.max_hours",
            max_hours,
            planned.hours,
            spell(planned.hours, in_hours_and_minutes) + beside,
        ),
    ):
        most = "" if limit is None else in_usd(limit) if what is CheckId.COST else in_hours_and_minutes(limit)
        check = Check(
            what, "the run", BLOCKER, f"at most {most}, as {key} says" if limit else "no limit was set", said,
            f"raise {key}, or make the run smaller with --tables",
        )  # fmt: skip
        if known is None and limit is None:
            yield unknown(check, f"{said}: {planned.prices}" if what is CheckId.COST else said)
        elif known is None:
            yield replace(check, found="not known", remedy=f"take {key} out, or set `prices` where no price is known; "
                          "after the export more is known of the sizes")  # fmt: skip
        else:
            yield check if limit is not None and known.high > limit else ok(check, said)


def spell(known: Range | None, one: Callable[[float], str]) -> str:
    """A range for people, each end as `one` spells it."""
    if known is None:
        return "not known"
    low, high = one(known.low), one(known.high)
    return low if low == high else f"{low} to {high}"


def in_usd(value: float) -> str:
    """An amount to three digits: a limit may be far below a cent."""
    return f"{value:.3g} USD" if value < 1000 else f"{value:,.0f} USD"


def in_hours_and_minutes(hours: float) -> str:
    """Hours in the unit that suits them."""
    return spell_seconds(hours * 3600)
