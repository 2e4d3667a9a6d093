"""Which tables a pre-flight looks at, what is wrong with the choice, and what it leaves aside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from runbook_lib.aws.dynamodb.describe import tables
from runbook_lib.aws.session.clients import Clients
from runbook_lib.config.model import Migration
from runbook_lib.errors import ConfigError
from runbook_lib.plan.naming import choose_tables, is_included, rules_without_table
from runbook_lib.plan.pair import NotChosen, Pair
from runbook_lib.plan.reuse import Reuse
from runbook_lib.run.sealed.other_run import earlier_exports, look_at_export

LEFT_OUT = "--tables {!r} leaves it out of this run"
LATER = "it was not there when this run's plan was made; a new run moves it"


@dataclass(frozen=True, slots=True)
class ChosenTables:
    """The chosen tables with their targets, and those that the migration file is for.

    `idle` are filters and rules that mask and are for tables that were not chosen alone.
    """

    targets: Mapping[str, str]
    sources: Mapping[str, str]
    existing: frozenset[str]
    reuses: Mapping[str, Reuse]
    mistakes: list[str]
    idle: list[str]
    not_chosen: list[NotChosen]


def chosen_tables(config: Migration, clients: Clients, only: str, earlier: Mapping[str, Pair]) -> ChosenTables:
    """The tables of a new run, or those of an earlier start; raises ConfigError where none is left to look at."""
    reuses, wrong = _reuses(config, clients, earlier)
    existing = frozenset(tables.list_tables(clients.source))
    there = existing | set(reuses)
    if earlier:
        targets, why = {pair.source: pair.target for pair in earlier.values()}, LATER
        sources, unmet = targets, []  # its rules were held to the tables that there were at its first start
    else:
        try:
            targets, mistakes = choose_tables(config, there, only, at=clients.source_identity.spelled)
        except ConfigError as error:
            raise ConfigError("\n".join([*wrong, str(error)])) from None
        wrong += mistakes
        sources, why = choose_tables(config, there)[0], LEFT_OUT.format(only)
        unmet = rules_without_table(config, _included(config, there))
    idle = [] if unmet else rules_without_table(config, sorted(targets))
    return ChosenTables(targets, sources, existing, reuses, wrong, idle, _left(config, there, targets, why))


def _included(config: Migration, names: frozenset[str]) -> list[str]:
    return sorted(name for name in names if is_included(config, name))


def _left(config: Migration, existing: frozenset[str], targets: Mapping[str, str], why: str) -> list[NotChosen]:
    """The tables that the migration file includes now and that are not among the chosen ones."""
    try:
        whole = choose_tables(config, existing)[0]
    except ConfigError:  # none is left of those that were there
        return []
    return [NotChosen(source, whole[source], why) for source in sorted(whole.keys() - targets.keys())]


def _reuses(config: Migration, clients: Clients, earlier: Mapping[str, Pair]) -> tuple[dict[str, Reuse], list[str]]:
    """The exports made earlier, or what is wrong with them; another run is asked once, then the own plan holds them."""
    held = {source: pair.reuse for source, pair in earlier.items() if pair.reuse is not None and pair.reuse.run}
    try:
        if held and len(held) == len(earlier):
            return {source: look_at_export(source, reuse, clients) for source, reuse in held.items()}, []
        return earlier_exports(config, clients), []
    except ConfigError as error:
        return {}, [str(error)]
