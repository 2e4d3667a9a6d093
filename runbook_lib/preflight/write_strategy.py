"""How a table is written: by batches of writes, or by one of DynamoDB's own loaders; pure.

ImportTable fills a table that it makes, a bulk put one that is there.
"""

from __future__ import annotations

from dataclasses import dataclass

from runbook_lib.aws.dynamodb.bulk_put import LEAST_RATE
from runbook_lib.aws.dynamodb.describe.capacity import TableCapacity
from runbook_lib.aws.dynamodb.describe.tables import TableDescription
from runbook_lib.config.model import Migration
from runbook_lib.cost.estimate import GB, bulk_put_bytes
from runbook_lib.cost.prices import prices_of
from runbook_lib.plan.pair import Pair
from runbook_lib.plan.writing import Writing
from runbook_lib.run.facts.estimate import TableEstimate
from runbook_lib.run.facts.plan import TableCapacities

NAMES = {Writing.IMPORT_TABLE: "ImportTable", Writing.BULK_PUT: "a bulk put"}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the ways, and why it is this one."""

    writing: Writing
    why: str


def choose(
    config: Migration, pair: Pair, work: TableEstimate | None, capacities: TableCapacities | None = None
) -> Choice:
    """The way of writing for a table; `auto` takes one of DynamoDB's loaders only where it is known to be cheaper."""
    wanted, stand = config.import_.strategy, capacities or TableCapacities(None, None)
    if wanted != "auto":
        return Choice(Writing(wanted), f"import.strategy is '{wanted}'")
    hindrances = {
        Writing.IMPORT_TABLE: _hindrance(config, pair),
        Writing.BULK_PUT: _bulk_put_hindrance(config, pair, stand.target),
    }
    possible = [writing for writing, why in hindrances.items() if not why]
    if not possible:
        told = Writing.BULK_PUT if _is_priced(config) and pair.target_facts is not None else Writing.IMPORT_TABLE
        return Choice(Writing.BATCH_WRITE, hindrances[told])
    return _cheaper(config, work, stand, possible)


def local_indexes(facts: TableDescription) -> list[str]:
    """The local indexes of a table: ImportTable makes none, and none can be added to a table."""
    return [index.name for index in facts.indexes if index.kind == "LSI"]


def _hindrance(config: Migration, pair: Pair) -> str:
    if pair.target_facts is not None:
        return "the target exists, and ImportTable only fills tables that it makes"
    if not config.tables.create_missing:
        return "tables.create_missing is off, so the target may not be made"
    if pair.source_facts is None:
        return "there is no source table whose definition the target could have"
    if local_indexes(pair.source_facts):
        return "the table has local indexes, which ImportTable cannot make"
    if config.import_.on_non_empty in ("append", "sync"):
        return f"import.on_non_empty is '{config.import_.on_non_empty}', which only writes of this tool's own can do"
    return _not_exported(pair)


def _bulk_put_hindrance(config: Migration, pair: Pair, target: TableCapacity | None) -> str:
    if not _is_priced(config):
        return "there is no price for a bulk put (prices.bulk_put_gb)"
    if pair.target_facts is None and not config.tables.create_missing:
        return "a bulk put needs a table that is there, and tables.create_missing is off"
    if config.import_.on_non_empty in ("append", "sync"):
        return f"import.on_non_empty is '{config.import_.on_non_empty}', which only writes of this tool's own can do"
    if config.import_.max_wcu is not None and config.import_.max_wcu < LEAST_RATE:
        return f"import.max_wcu is below {LEAST_RATE:,}, the least that a bulk put takes"
    if target is not None and (target.replicas or target.indexes_in_making):
        return "the target has replicas or an index that is being made, which a bulk put does not take"
    return _not_exported(pair)


def _not_exported(pair: Pair) -> str:
    return "" if pair.method in ("export", "reuse") else "the table is not exported by AWS"


def _is_priced(config: Migration) -> bool:
    return prices_of(config.target.region, config.prices).bulk_put_gb is not None


def _cheaper(
    config: Migration, work: TableEstimate | None, capacities: TableCapacities, possible: list[Writing]
) -> Choice:
    """Compares what DynamoDB's loaders cost with the least that the writes can cost."""
    prices = prices_of(config.target.region, config.prices)
    stand = capacities.target or capacities.source
    if stand is not None and not stand.on_demand:
        return Choice(
            Writing.BATCH_WRITE, "the table has provisioned capacity, which is paid for whether it is used or not"
        )
    if work is None or work.bytes is None or work.write_units is None or work.index_units is None:
        return Choice(Writing.BATCH_WRITE, "what either way costs is not known, for the table's size is not")
    gigabyte = {Writing.IMPORT_TABLE: prices.import_gb, Writing.BULK_PUT: prices.bulk_put_gb}
    size = {Writing.IMPORT_TABLE: work.bytes, Writing.BULK_PUT: bulk_put_bytes(work).high}
    costs = {way: size[way] / GB * price for way in possible if (price := gigabyte[way]) is not None}
    if not costs or prices.million_writes is None:
        return Choice(
            Writing.BATCH_WRITE, f"what either way costs is not known, without a price for {config.target.region}"
        )
    cheapest = min(costs, key=costs.__getitem__)
    writes = (work.write_units.low + work.index_units.low) * prices.million_writes / 1e6
    named = ", ".join(f"{NAMES[way]} costs about {cost:.6f} USD" for way, cost in costs.items())
    compared = f"{named}, writing at least {writes:.6f} USD (estimated)"
    return Choice(cheapest if costs[cheapest] < writes else Writing.BATCH_WRITE, compared)
