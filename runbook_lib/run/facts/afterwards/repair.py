"""What each repair of a table found wrong and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from runbook_lib.run.facts.codec import late
from runbook_lib.run.facts.topic import Topic


class RepairStatus(StrEnum):
    """How a repair ended, or that it has not."""

    DRY_RUN = "dry-run"
    WRITING = "writing"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RepairCounts:
    """What became of the items that were to be repaired; they add up to those that were found and asked for.

    `right` were as they should be when they were looked at, `changed` were written by somebody else since they were
    compared, `too_wide` have more attributes than a condition can name, `rejected` DynamoDB does not take, `twofold`
    the export says two things about, `quarantined` the import has set aside, `unanswered` nobody knows of, `unseen`
    were not met again.
    """

    added: int = 0
    replaced: int = 0
    deleted: int = 0
    right: int = 0
    changed: int = 0
    too_wide: int = 0
    rejected: int = 0
    twofold: int = 0
    quarantined: int = 0
    unanswered: int = 0
    unseen: int = 0

    @property
    def written(self) -> int:
        return self.added + self.replaced + self.deleted

    @property
    def left(self) -> int:
        """Those that are not as the export says, as far as this repair knows."""
        known = self.changed + self.too_wide + self.rejected + self.twofold + self.quarantined
        return known + self.unanswered + self.unseen


@dataclass(frozen=True, slots=True)
class RepairFact:
    """One repair of one table: `kinds` are what was to be repaired, the next three what was found wrong.

    `units` are the write units of the repair itself and `full_units` those of writing the whole table again, both of
    the table alone; their USD where a price is known. `after_all` is that it was asked for although others had written.
    """

    source: str
    target: str
    status: RepairStatus
    kinds: tuple[str, ...]
    missing: int
    different: int
    extra: int
    started: str
    after_all: bool = False
    by_others: int = 0
    units: int | None = None
    full_units: int | None = None
    usd: float | None = None
    full_usd: float | None = None
    counts: RepairCounts = RepairCounts()
    finished: str | None = late()
    failure: str | None = late()

    @property
    def asked(self) -> int:
        """How many items it was to repair."""
        found = {"missing": self.missing, "different": self.different, "extra": self.extra}
        return sum(found[kind] for kind in self.kinds)


REPAIRS = Topic("repair", tuple[RepairFact, ...])
