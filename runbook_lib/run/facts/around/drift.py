"""How far targets are from their live sources, look by look: for information, and never part of a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from runbook_lib.run.facts.codec import late
from runbook_lib.run.facts.topic import Topic
from runbook_lib.timestamps import elapsed_seconds

SHORTEST_SECONDS = 60.0  # between two looks of which a rate is made


class DriftKind(StrEnum):
    """What is not the same on both sides. EXPIRED is there on one side alone, and its time to live is over."""

    ONLY_IN_SOURCE = "only in the source"
    ONLY_IN_TARGET = "only in the target"
    CHANGED = "changed"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class DriftedItem:
    """One item that is not the same on both sides: its key as a hash, and where it differs, without values."""

    kind: DriftKind
    key_hash: str
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DriftFact:
    """One look at a target and its live source; counts, or why nobody could tell.

    `at` is the time at the source, by its own clock, and `as_of` the moment up to which changes had been brought to the
    target by then. `listed` are the first items that differ.
    """

    items_in_source: int | None = late()
    only_in_source: int | None = late()
    only_in_target: int | None = late()
    changed: int | None = late()
    expired: int | None = late()
    read_units: float | None = late()
    failure: str | None = None
    started: str = ""
    finished: str = ""
    seconds: float = 0.0
    at: str | None = late()
    as_of: str | None = late()
    listed: tuple[DriftedItem, ...] | None = late()

    @property
    def items(self) -> int | None:
        """How many items are not the same, whatever the reason; None where nobody could tell."""
        parts = (self.only_in_source, self.only_in_target, self.changed)
        return None if None in parts else sum(part or 0 for part in (*parts, self.expired))


DRIFTS = Topic("drift", DriftFact)  # the last look
DRIFT_LOOKS = Topic("drift_look", tuple[DriftFact, ...])  # all of them, without the items


def changes_per_hour(looks: Sequence[DriftFact]) -> float | None:
    """How many items of a source are changed in an hour, by the last looks; None where that cannot be told.

    By the last two if nothing was brought to the target in between, else by how long the target is behind.
    """
    known = [look for look in looks if look.items is not None and look.at and look.as_of]
    if not known:
        return None
    last = known[-1]
    before = known[-2] if len(known) > 1 and known[-2].as_of == last.as_of else None
    if before is not None and (seconds := elapsed_seconds(before.at, last.at) or 0.0) >= SHORTEST_SECONDS:
        return max(0.0, 3600 * ((last.items or 0) - (before.items or 0)) / seconds)
    seconds = elapsed_seconds(last.as_of, last.at) or 0.0
    return 3600 * (last.items or 0) / seconds if seconds >= SHORTEST_SECONDS else None
