"""What reading a target takes, and how long: of one that is to be empty, and of one that holds items already.

What is there already is read before the first write, and again by each pass of the comparison. Of the most that it
takes a comparison is a part that finds every item there to be another than the export's. Not in it: repairs, windows of
a catch-up, and what is read once more where readings of a target contradict each other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from runbook_lib.aws.guard.read_units import RCU_BYTES
from runbook_lib.config.model import Migration
from runbook_lib.cost.durations import MACHINE, TABLE_SECONDS
from runbook_lib.cost.table_size import TableSize
from runbook_lib.run.facts.estimate import Range

PASS_ITEMS = 500_000  # of both sides whose differences one pass of a comparison names
SEGMENTS = 4  # of a comparison that the settings do not cut otherwise
LOOKS = 12  # that take a unit each, whatever a table holds: whether it is empty, before the first write and earlier
COPIES = 1.1  # of the bytes of items, for pages that end early, and of the items of a pass, for buckets that do not fit


@dataclass(frozen=True, slots=True)
class TargetReads:
    """Read units before the first write, of the comparison and of the leak scan, and the seconds of the first two."""

    before: Range
    comparison: Range
    leak_scan: Range
    before_seconds: Range
    comparison_seconds: Range

    @property
    def units(self) -> Range:
        return self.before + self.comparison + self.leak_scan


@dataclass(frozen=True, slots=True)
class HeldBeside:
    """What is in a target beside what a run writes, as far as it may be."""

    items: int
    bytes: int


def held_beside(config: Migration, load: TableSize) -> HeldBeside:
    """What the target of a table holds already; nothing where it has to be empty."""
    if config.import_.on_non_empty == "fail" and not config.validate_.without_import:
        return HeldBeside(0, 0)
    return HeldBeside(load.held_items, load.held_bytes)


def pass_units(least: int, most: int) -> Range:
    """Read units of one pass over a table of so many bytes."""
    return Range(math.ceil(least / RCU_BYTES), math.ceil(COPIES * most / RCU_BYTES) + 1)


def says_nothing(items: int | None, size: int | None) -> bool:
    """Whether a size says nothing: none was told, or items without bytes."""
    return items is None or size is None or (items > 0 and size == 0)


def reads_of_target(config: Migration, load: TableSize, rates: Range) -> TargetReads | None:
    """What reading the target of a table takes, at so many units per second; None where a size is not known."""
    items, size = load.items, load.bytes
    policy, there = config.import_.on_non_empty, held_beside(config, load)
    held, held_size = there.items, there.bytes
    if items is None or size is None or says_nothing(items, size) or says_nothing(held, held_size):
        return None
    together = max(size, held_size) if policy == "fail" else size + held_size
    whole = pass_units(max(size, held_size), together)
    segments = config.validate_.segments or SEGMENTS
    passes = max(1, math.ceil(COPIES * (2 * items + held) / PASS_ITEMS)) if held else 1
    looked_at = held + held_size // RCU_BYTES  # one by one, once more: what is another than the export's
    samples = 2 * config.validate_.index_samples * len(load.indexes)
    comparison = Range(2 * whole.low, (2 + passes) * whole.high + looked_at + samples + 2 * segments + 1)
    before, seconds = Range(0, LOOKS), Range(0.0, 0.0)
    if held and policy != "fail":
        one = pass_units(held_size, held_size)
        before += Range(2 * one.low, 3 * one.high + 2 * SEGMENTS)
        seconds = _seconds(Range(2 * one.low, 3 * one.high), rates, Range(2 * held, 3 * held))
    if policy == "sync":  # each key is looked up
        found = max(size, held_size) // RCU_BYTES
        before += Range(items, items + found)
        seconds += _seconds(Range(items, items + found), rates, Range(items, items))
    masked = config.transform is not None and config.transform.mask is not None
    return TargetReads(
        before,
        comparison,
        Range(whole.low, 2 * whole.high + 2 * SEGMENTS) if masked else Range(0, 0),
        seconds,
        TABLE_SECONDS + _seconds(comparison, rates, Range(max(items, held), (items + held) * passes)),
    )


def _seconds(units: Range, rates: Range, items: Range) -> Range:
    """What the table allows or what a machine can do, whichever takes longer."""
    return Range(
        max(units.low / rates.high, items.low / MACHINE.high), max(units.high / rates.low, items.high / MACHINE.low)
    )
