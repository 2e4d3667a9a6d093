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
from runbook_lib.record.run_json import RunRecord
from runbook_lib.report.render.written_since import NOT_LOADED, target_place
from runbook_lib.run.sealed.other_run import earlier_exports


def targets_of(config: Migration, clients: Clients, run: CampaignRun) -> frozenset[str]:
    """The targets of a run as ACCOUNT/REGION/TABLE, as far as its sources, or exports of them, are there now."""
    try:
        chosen, _ = choose_tables(config, {*list_tables(clients.source), *_exported(config, clients)}, run.tables)
    except ConfigError:  # nothing of it is there yet
        return frozenset()
    place = clients.target_identity.spelled
    return frozenset(f"{place}/{target}" for target in chosen.values())


def _exported(config: Migration, clients: Clients) -> Iterable[str]:
    """The tables of which there are earlier exports to use; they themselves may be gone."""
    try:
        return earlier_exports(config, clients)
    except ConfigError:  # of a run of this campaign, perhaps, that has not exported yet
        return ()


def recorded_targets(record: RunRecord) -> frozenset[str]:
    """The targets of a run as its record has them."""
    return frozenset(target_place(record, table) for table in record.tables if table.method not in NOT_LOADED)


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
