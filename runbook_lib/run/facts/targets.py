"""What was there before a run, and what it has made, changed and removed of targets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from runbook_lib.run.facts.codec import late
from runbook_lib.run.facts.topic import Note, Topic


class CreationStatus(StrEnum):
    """How far a table is that a run makes."""

    WOULD_BE_CREATED = "would be created"
    ASKED_FOR = "asked for"
    CREATING = "creating"
    CREATED = "created"


@dataclass(frozen=True, slots=True)
class ScaledCapacity:
    """A capacity that a run has had scaled, as Application Auto Scaling calls it."""

    resource: str
    dimension: str


@dataclass(frozen=True, slots=True)
class CreatedFact:
    """A table that a run makes; `table_id` and `arn` once it is known to be the run's own.

    `left_out` is what the source has and the new table has not, `scaled` the capacities that were to be scaled.
    """

    target: str
    status: CreationStatus
    table_id: str | None = late()
    arn: str | None = late()
    left_out: tuple[str, ...] | None = late()
    scaled: tuple[ScaledCapacity, ...] | None = late()
    at: str | None = late()


@dataclass(frozen=True, slots=True)
class BeforeFact:
    """Whether a target was there at the first pre-flight, and could be restored."""

    at: str
    existed: bool
    table_id: str | None
    recovery: bool | None


@dataclass(frozen=True, slots=True)
class StoodBefore:
    """The runs that stood in a target's register at this run's last pre-flight before it entered itself there."""

    runs: list[str]


@dataclass(frozen=True, slots=True)
class WarmedFact:
    """Warm throughput that a run asked for; `reached` when the table had it."""

    units: int
    units_before: int | None
    asked: str
    reached: str | None


@dataclass(slots=True)
class Removal:
    """What became of one table's traces; the numbers are of items and objects, `kept` says what stays and why.

    It is filled in while things are removed, and recorded as it then is. `target_kept` is what `kept` says of the
    target alone, once nothing more is to be done there; `target_gone` says that it was not there any more. `ended` is
    when the last start of the cleanup was done with the table.
    """

    source: str
    target: str
    done: bool
    table_deleted: bool = False
    items_found: int = 0
    items_deleted: int = 0
    items_changed: int = 0
    items_skipped: int = 0
    objects: int = 0
    kept: str = ""
    only_looked: bool = False
    target_kept: str | None = late()
    target_gone: bool | None = late()
    ended: str | None = late()

    def unfinished(self) -> Removal:
        """As far as it is now, to be recorded before more is removed."""
        return replace(self, done=False, ended=None)


CREATED = Topic("created", CreatedFact)
BEFORE = Topic("before", BeforeFact)
STOOD_BEFORE = Topic("register-before", StoodBefore)
WARMED = Topic("warmed", WarmedFact)
REMOVALS = Topic("cleanup", Removal)
CLEANED = Note("run", "cleaned", str)
