"""What the comparison of each table with its export found, and what was looked at beside it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from runbook_lib.run.facts.codec import late
from runbook_lib.run.facts.plan import ParityFact
from runbook_lib.run.facts.topic import Topic
from runbook_lib.run.facts.windows import OverlayFact
from runbook_lib.run.verdicts import Verdict


class IndexState(StrEnum):
    """What came of asking an index."""

    CHECKED = "checked"
    NOTHING = "nothing to ask"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class IndexFact:
    """What one index answered for sampled keys; a number that was not measured is None."""

    index: str
    kind: str
    projection: str
    state: IndexState
    why: str | None
    belonging: int | None = None
    keys: int | None = None
    left_out: int | None = None
    expected: int | None = None
    found: int | None = None
    missing: int | None = None
    different: int | None = None
    extra: int | None = None
    expired: int | None = None
    wrong_keys: int | None = None


@dataclass(frozen=True, slots=True)
class ReadSpans:
    """When each side was read: from, to."""

    export: tuple[str, str]
    target: tuple[str, str]


@dataclass(frozen=True, slots=True)
class ValidationFact:
    """One table's verdict and what it rests on; all that is late is of a comparison that was made.

    `imported` is whether this run wrote to the target: without, the counts of an import are None.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    imported: bool | None = late()
    in_manifest: int | None = late()
    lines_read: int | None = late()
    items_written: int | None = late()
    items_quarantined: int | None = late()
    items_present: int | None = late()
    items_filtered: int | None = late()
    items_compared: int | None = late()
    items_in_target: int | None = late()
    missing: int | None = late()
    extra: int | None = late()
    different: int | None = late()
    expired: int | None = late()
    quarantined: int | None = late()
    there_before: int | None = late()
    otherwise_before: int | None = late()
    looked_again: int | None = late()
    moved: int | None = late()
    read: ReadSpans | None = late()
    export_digest: str | None = late()
    target_digest: str | None = late()
    indexes: tuple[IndexFact, ...] | None = late()
    parity: ParityFact | None = late()
    read_units: float | None = late()
    changes: OverlayFact | None = late()
    started: str | None = late()
    finished: str | None = late()
    seconds: float | None = late()


class CanaryState(StrEnum):
    """What became of a canary."""

    DONE = "done"
    FAILED = "failed"
    NOT_TRIED = "not tried"


@dataclass(frozen=True, slots=True)
class CanaryFact:
    """Whether a target took a reserved item, gave it back and let go of it."""

    state: CanaryState
    why: str | None
    at: str
    seconds: float


@dataclass(frozen=True, slots=True)
class ComparingFact:
    """How much of a table is read while it is compared; gone once it has a verdict."""

    of_export: int
    of_target: int


VALIDATIONS = Topic("validation", ValidationFact)
COMPARING = Topic("comparing", ComparingFact)
CANARIES = Topic("canary", CanaryFact)
