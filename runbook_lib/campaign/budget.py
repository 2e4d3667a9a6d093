"""One budget over the runs of a campaign: before each begins, what all have cost and it is estimated to cost.

A run that has begun counts with the most that is known of it: its latest estimates, or what it used if that is more. So
the sum never falls because a run was dearer than it was thought to be. A cost that nobody knows keeps to no budget, and
that of a folder that is not as it was sealed is one.
"""

from __future__ import annotations

from collections.abc import Iterable

from runbook_lib.aws.session.clients import connect
from runbook_lib.campaign.standing import RunStanding
from runbook_lib.config.campaign import Campaign, CampaignRun
from runbook_lib.config.model import load_config
from runbook_lib.errors import GateFailed
from runbook_lib.preflight.step import make_plan
from runbook_lib.record.run_json import RunRecord


def cost_of(record: RunRecord) -> float | None:
    """The most that a run costs as far as it is known; None where nobody knows."""
    known = [e.usd.high for e in record.estimates.values() if e.usd is not None]
    used = record.spent.usd
    return max([*known, *([used] if used is not None else [])], default=None)


def refuse_beyond_budget(campaign: Campaign, run: CampaignRun, found: Iterable[RunStanding]) -> None:
    """Raise GateFailed where a run that is about to begin would take the campaign past its budget."""
    most = campaign.limits.max_cost_usd
    if most is None:
        return
    begun = {each.run.id: each.record for each in found if each.folder.exists()}
    costs = {name: cost_of(record) if record is not None else None for name, record in begun.items()}
    own = begun.get(run.id)
    if own is None or not own.executed:  # a dry run may be long ago, and its tables and prices have changed since
        now = estimated_cost_of(campaign, run)
        costs[run.id] = None if now is None else max(now, costs.get(run.id) or 0.0)
    if unknown := [name for name, cost in costs.items() if cost is None]:
        raise GateFailed(
            f"limits.max_cost_usd: expected at most {most:g} USD for the campaign, found no cost that is known of "
            f"{', '.join(unknown)}; set `prices` in its migration file, put right what is wrong with its folder, or "
            "take the limit out"
        )
    total = sum(cost for cost in costs.values() if cost is not None)
    if total > most:
        before = total - (costs[run.id] or 0.0)
        raise GateFailed(
            f"limits.max_cost_usd: expected at most {most:g} USD for the campaign, found {total:.3g}: {before:.3g} for "
            f"the runs so far and up to {costs[run.id]:.3g} for this one; raise it, or make the campaign smaller"
        )


def estimated_cost_of(campaign: Campaign, run: CampaignRun) -> float | None:
    """What a run that has not begun would cost at most; None where that is not known."""
    config = load_config(campaign.place(run.config))
    plan = make_plan(config, connect(config).asked_once(), run.tables, execute=True, around=False)
    return plan.estimate.usd.high if plan.estimate is not None and plan.estimate.usd is not None else None
