"""What a rollback asked for and what became of the items that the run had written."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from runbook_lib.run.facts.codec import late
from runbook_lib.run.facts.topic import Note, Topic


class RollbackStatus(StrEnum):
    """How a rollback ended, or that it has not."""

    DRY_RUN = "dry-run"
    WRITING = "writing"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class TargetBefore:
    """The export of a target as it was when the run began to write to it; `items` once it is there and was checked.

    `failed` is why nothing came of it, until another is asked for.
    """

    moment: str
    token: str
    arn: str | None = late()
    bucket: str | None = late()
    folder: str | None = late()
    items: int | None = late()
    manifest_md5: str | None = late()
    failed: str | None = late()


@dataclass(frozen=True, slots=True)
class RollbackFact:
    """One table's rollback: what was there before is `restored`, what was not is `deleted`.

    `unchanged` are as they were before the run already, `kept` were written by somebody else since, or cannot be told
    by a condition. Together they are the keys that the run has `written`. `disputed` of those kept are so because the
    export of what was there before is not what the run itself had recorded.
    """

    source: str
    target: str
    status: RollbackStatus
    started: str
    written: int = 0
    restored: int = 0
    deleted: int = 0
    unchanged: int = 0
    kept: int = 0
    disputed: int | None = late()
    finished: str | None = late()
    failure: str | None = late()


TARGETS_BEFORE = Topic("target_before", TargetBefore)
ROLLBACKS = Topic("rollback", RollbackFact)
ROLLED_BACK = Note("run", "rolled_back", str)
