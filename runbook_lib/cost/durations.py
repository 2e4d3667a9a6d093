"""How fast a table can be written and read, and how long that makes a step; pure.

Limits: "Service, account, and table quotas in Amazon DynamoDB" and "On-demand capacity mode", Developer Guide.
"""

from __future__ import annotations

from collections.abc import Sequence

from runbook_lib.aws.dynamodb.describe.capacity import TableCapacity
from runbook_lib.config.model import Migration
from runbook_lib.config.sections.importing import ImportSettings
from runbook_lib.run.facts.estimate import Range

NEW_WRITES, NEW_READS = 4_000, 12_000  # what a new on-demand table takes at once
TABLE_MOST = 40_000  # what a table takes at most, unless AWS raised it


TABLE_SECONDS = Range(0.1, 3.0)  # of each step of a table, however small it is
MACHINE = Range(3_000.0, 50_000.0)  # items per second one process sends or compares; docs/benchmarks.md
SINGLE = Range(1_000.0, 12_000.0)  # puts of single items per second of one process; docs/benchmarks.md
ANSWER_SECONDS = Range(0.003, 0.02)  # of a put


def singly(in_flight: int) -> Range:
    """Items per second where each is a request of its own: as many as answers come, and a machine can send."""
    return Range(min(SINGLE.low, in_flight / ANSWER_SECONDS.high), min(SINGLE.high, in_flight / ANSWER_SECONDS.low))


def write_rates(standing: TableCapacity | None, ceiling: float | None = None) -> Range:
    """Write units per second a table takes, just now and after it has adapted; held to a ceiling of ours."""
    takes = _takes(standing)
    return Range(min(takes.low, ceiling or takes.low), min(takes.high, ceiling or takes.high))


def _takes(standing: TableCapacity | None) -> Range:
    if standing is None:
        return Range(NEW_WRITES, TABLE_MOST)
    if not standing.on_demand:
        units = max(1, standing.write_units or 0)
        return Range(units, units)
    most = standing.max_write_units or max(TABLE_MOST, standing.warm_write_units or 0)
    return Range(min(most, standing.warm_write_units or NEW_WRITES), most)


def read_rates(standing: TableCapacity | None, ceiling: float | None) -> Range:
    """Read units per second of a table, held to a ceiling of ours."""
    if standing is not None and not standing.on_demand:
        slow = fast = float(max(1, standing.read_units or 0))
    else:
        fast = (standing and standing.max_read_units) or TABLE_MOST
        slow = min(fast, (standing and standing.warm_read_units) or NEW_READS)
    return Range(min(slow, ceiling or slow), min(fast, ceiling or fast))


def divided(units: Range | None, rates: Range) -> Range | None:
    return None if units is None else Range(units.low / rates.high, units.high / rates.low)


def total_of(ranges: Sequence[Range | None]) -> Range | None:
    """The sum; None if anything in it is not known."""
    whole = Range(0.0, 0.0)
    for one in ranges:
        if one is None:
            return None
        whole += one
    return whole


def by_machine(seconds: Range | None, items: int | None, machine: Range = MACHINE) -> Range | None:
    """What the table allows or what a machine can do, whichever takes longer."""
    if seconds is None or items is None:
        return None
    return TABLE_SECONDS + Range(max(seconds.low, items / machine.high), max(seconds.high, items / machine.low))


def machine_for(settings: ImportSettings) -> Range:
    """Items per second that one process sends at most, in the way it is to write."""
    return MACHINE if settings.on_non_empty not in ("append", "sync") else singly(settings.concurrency)


def imports_together(settings: Migration, items: int, seconds: Sequence[Range | None]) -> Range | None:
    """How long the imports of tables take; workers load one table after the other."""
    importing = settings.import_
    alone = settings.engine.kind != "local" or importing.on_non_empty == "sync"
    return _together(1 if alone else importing.tables_at_once, machine_for(importing), items, seconds)


def validations_together(settings: Migration, items: int, seconds: Sequence[Range | None]) -> Range | None:
    """How long the validations of tables take; a ceiling of read units is one for all of them."""
    alone = settings.engine.kind != "local" or settings.validate_.max_rcu is not None
    return _together(1 if alone else settings.validate_.tables_at_once, MACHINE, items, seconds)


def _together(at_once: int, machine: Range, items: int, seconds: Sequence[Range | None]) -> Range | None:
    """How long tables take of which several are worked on at once, in whatever order they are begun.

    Never less than the longest of them, nor than their sum evenly shared out, nor than one process needs for so
    many items; at most both together (R. L. Graham, "Bounds on Multiprocessing Timing Anomalies", 1969). None if one
    is not known.
    """
    known = [each for each in seconds if each is not None]
    if not known or len(known) < len(seconds):
        return None if seconds else Range(0.0, 0.0)
    low, high = [each.low for each in known], [each.high for each in known]
    most = sum(high) / at_once + max(high) * (1 - 1 / at_once)
    return Range(max(max(low), sum(low) / at_once, items / machine.high), max(most, items / machine.low))
