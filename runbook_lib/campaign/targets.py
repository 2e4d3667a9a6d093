"""Which targets the runs of a campaign write to: each belongs to one of them, unless it is added to.

A proof is of the moment of its run. Where a later run replaces what an earlier one has loaded, that one's PASS is of
nothing any more, and the campaign would end with proofs that do not hold together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from runbook_lib.aws.dynamodb.describe.tables import list_tables
from runbook_lib.aws.session.clients import Clients
from runbook_lib.config.campaign import CampaignRun
from runbook_lib.config.model import Migration
from runbook_lib.errors import ConfigError
from runbook_lib.plan.naming import choose_tables


def targets_of(config: Migration, clients: Clients, run: CampaignRun) -> frozenset[str]:
    """The targets of a run as ACCOUNT/REGION/TABLE, as far as its sources are there now; the run itself asks again."""
    try:
        chosen, _ = choose_tables(config, list_tables(clients.source), run.tables)
    except ConfigError:  # none of its tables is there, as with an export whose table is gone
        return frozenset()
    place = clients.target_identity.spelled
    return frozenset(f"{place}/{target}" for target in chosen.values())


def shared_targets(targets: Mapping[str, frozenset[str]], adding: Iterable[str]) -> list[str]:
    """What is wrong with runs that share a target, by their ids in their order; `adding` are those that only add."""
    first: dict[str, str] = {}
    wrong, may = [], frozenset(adding)
    for run, places in targets.items():
        for place in sorted(places):
            other = first.setdefault(place, run)
            if other != run and run not in may:
                wrong.append(
                    f"{run}: {place} is a target of {other}, too: what that one has proved would not be there any "
                    "more. Give each run targets of its own, or add to them with import.on_non_empty: append"
                )
    return wrong
