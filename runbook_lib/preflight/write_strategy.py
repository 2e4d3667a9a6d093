"""How a table is written: by batches of writes, or by DynamoDB's own ImportTable into a table it makes; pure."""

from __future__ import annotations

from dataclasses import dataclass

from runbook_lib.aws.dynamodb.describe.capacity import TableCapacity
from runbook_lib.aws.dynamodb.describe.tables import TableDescription
from runbook_lib.config.model import Migration
from runbook_lib.cost.estimate import GB
from runbook_lib.cost.prices import prices_of
from runbook_lib.plan.pair import Pair
from runbook_lib.plan.writing import Writing
from runbook_lib.run.facts.estimate import TableEstimate


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the two ways, and why it is this one."""

    writing: Writing
    why: str


def choose(config: Migration, pair: Pair, work: TableEstimate | None, source: TableCapacity | None) -> Choice:
    """The way of writing for a table; `auto` takes ImportTable only where it can and is known to be cheaper."""
    wanted = config.import_.strategy
    if wanted != "auto":
        return Choice(Writing(wanted), f"import.strategy is '{wanted}'")
    if why := _hindrance(config, pair):
        return Choice(Writing.BATCH_WRITE, why)
    return _cheaper(config, work, source)


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
    if pair.method not in ("export", "reuse"):
        return "the table is not exported by AWS"
    return ""


def _cheaper(config: Migration, work: TableEstimate | None, source: TableCapacity | None) -> Choice:
    """Compares what ImportTable costs with the least that the writes can cost."""
    prices = prices_of(config.target.region, config.prices)
    if source is not None and not source.on_demand:
        return Choice(
            Writing.BATCH_WRITE, "the table has provisioned capacity, which is paid for whether it is used or not"
        )
    if work is None or work.bytes is None or work.write_units is None or work.index_units is None:
        return Choice(Writing.BATCH_WRITE, "what either way costs is not known, for the table's size is not")
    if prices.import_gb is None or prices.million_writes is None:
        return Choice(
            Writing.BATCH_WRITE, f"what either way costs is not known, without a price for {config.target.region}"
        )
    service = work.bytes / GB * prices.import_gb
    writes = (work.write_units.low + work.index_units.low) * prices.million_writes / 1e6
    compared = f"ImportTable costs about {service:.6f} USD, writing at least {writes:.6f} USD (estimated)"
    return Choice(Writing.IMPORT_TABLE if service < writes else Writing.BATCH_WRITE, compared)
