"""The run as a whole: who started what with which code, its steps, checks, reasons and sums."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from runbook_lib.record.model.base import Count, Moment, Name, Number, Recorded, Section
from runbook_lib.run.steps import REPAIR


class Ground(Section):
    """One reason for a verdict: its id, what it is about, and its words."""

    id: str = ""
    subject: str = ""
    text: str = ""


class ConfirmedRecord(Section):
    """Who let a start write, where to, and how it was spelled: typed by hand, or in the migration file."""

    target: str = ""
    how: str = ""
    by: str | None = None
    at: Moment | None = None


class InterruptedAt(Section):
    """When a start was stopped, and in which step if that is known."""

    at: Moment | None = None
    step: str | None = None


class AttemptRecord(Section):
    """One start of the run, as it was asked for: by `runbook run`, or of one notebook by hand (`by`).

    `file_confirms` is whether its settings spell the target in confirm_target, which is not known of older runs.
    """

    started: Moment | None = None
    steps: list[Name] = []
    tables: str | None = None
    execute: bool | None = None
    settings: str | None = None
    by: str | None = None
    confirmed: ConfirmedRecord | None = None
    file_confirms: bool | None = None
    interrupted: InterruptedAt | None = None


class StepStartRecord(Section):
    """One start of a step: whether it might write, who acted on both sides, and with which code."""

    started: Moment | None = None
    execute: bool | None = None
    arn: Annotated[dict[str, str], Recorded] = {}
    code: str | None = None


class StepRecord(Section):
    """A step, as its last attempt left it."""

    name: str = ""
    status: str = ""
    seconds: Number | None = None
    started: Moment | None = None
    finished: Moment | None = None
    execute: bool | None = None
    message: str | None = None
    because: str | None = None
    starts: list[StepStartRecord] = []

    @property
    def is_rehearsal(self) -> bool:
        """Whether it is a repair that only looked."""
        return self.name == REPAIR and self.execute is False and self.status == "completed"


class Totals(Section):
    """The sums of the tables that were measured; null where none was."""

    tables: Count | None = None
    tables_not_chosen: Count | None = None
    items_exported: Count | None = None
    items_written: Count | None = None
    items_written_at_least: Count | None = None
    items_filtered: Count | None = None
    items_quarantined: Count | None = None
    items_present: Count | None = None
    items_in_target: Count | None = None
    bytes: Count | None = None
    seconds: Number | None = None


class QuarantineRecord(Section):
    """Items of a table that were refused for one reason."""

    source: Name = ""
    reason: str | None = None
    items: Count = 0


class CheckRecord(Section):
    """One check of the pre-flight and its outcome."""

    name: str = ""
    id: str = ""
    table: str = ""
    status: str = ""
    expected: str = ""
    found: str = ""
    remedy: str = ""
    configuration: bool = False
    essential: bool = False
    about: str = ""
    source: str = ""


class ObstacleRecord(Section):
    """Something that stands in the way, or that is to be known."""

    table: str = ""
    expected: str = ""
    found: str = ""
    remedy: str = ""
    configuration: bool = False
    id: str | None = None
    about: str = ""


class UncheckedRecord(Section):
    """A check that could not be made; `open` ones stand against a PASS."""

    id: str = ""
    source: str = ""
    subject: str = ""
    why: str = ""
    bearing: str = ""
    accepted: str | None = None
    open: bool = False


class Accepted(Section):
    """What the migration file lets stay unknown: globs of source tables by the id of the check."""

    not_checked: Annotated[dict[str, list[str]], Recorded] = {}


class EngineRecord(Section):
    """Who did the work of a step."""

    kind: str | None = None
    scheduler: str | None = None
    dashboard: str | None = None
    workers: Count | None = None
    slots: Count | None = None
    processes: Count | None = None


class WorkerRecord(Section):
    """The time a worker spent on a table, in seconds since 1970."""

    step: str = ""
    source: Name = ""
    worker: str = ""
    began: Number = 0.0
    ended: Number = 0.0
    items: Count | None = None


class RemovalRecord(Section):
    """What a cleanup removed of one table's traces, up to `ended`; `kept` says what stays and why."""

    source: Name = ""
    target: Name = ""
    done: bool = False
    table_deleted: bool = False
    items_found: Count = 0
    items_deleted: Count = 0
    items_changed: Count = 0
    items_skipped: Count = 0
    objects: Count = 0
    kept: str = ""
    target_gone: bool | None = None
    ended: Moment | None = None


class WhoActed(Section):
    """Who acted on a side, and where that was."""

    account: Name | None = None
    region: Name | None = None
    arn: str | None = None
    endpoint: str | None = None


class IdentityRecord(Section):
    """Both sides."""

    source: WhoActed = WhoActed()
    target: WhoActed = WhoActed()

    def of(self, side: str) -> WhoActed:
        """Who acted on one of them."""
        return self.source if side == "source" else self.target


class CodeRecord(Section):
    """The code that ran: the commit, digests of library and notebooks, versions of packages."""

    git: str | None = None
    library: str | None = None
    notebooks: Annotated[dict[str, str], Recorded] = {}
    packages: Annotated[dict[str, str], Recorded] = {}


class AnchorRecord(Section):
    """Where the digest of the seal is to be kept under a lock, or why it cannot be."""

    place: str | None = None
    lock: str | None = None
    period: str | None = None
    why: str | None = None


class SignerRecord(Section):
    """Whose key signs the seal, as it was known before; `why` says why none does."""

    asked: str = ""
    by: str | None = None
    key: str | None = None
    algorithm: str | None = None
    fingerprint: str | None = None
    why: str | None = None


class LedgerDigest(Section):
    """How many rows a table of the ledger has, and one digest of them all."""

    rows: Count | None = Field(default=None)
    sha256: str | None = None
