"""The cut-over of a run: its gates with their times, what each found, and what was written after the freeze."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from runbook_lib.run.facts.codec import late
from runbook_lib.run.facts.cut_over.hooks import HOOKS_RUN
from runbook_lib.run.facts.topic import Note, Topic
from runbook_lib.run.ledger import Ledger


class Gate(StrEnum):
    """What a cut-over has to come through, in this order; REFERENCES only where references are looked for."""

    READY = "ready"
    FREEZE = "freeze"
    LAST_WINDOW = "last-window"
    FREEZE_PROOF = "freeze-proof"
    DATA_PROOF = "data-proof"
    SMOKE = "smoke"
    REFERENCES = "references"
    GO = "go"
    AFTERWARDS = "afterwards"


class GateState(StrEnum):
    """How far a gate is. NOTHING: there was nothing that it could ask."""

    BEGUN = "begun"
    PASSED = "passed"
    FAILED = "failed"
    NOTHING = "nothing to ask"


class CutOverFault(StrEnum):
    """Why a gate did not open; the name stands in every message."""

    NOT_READY = "NOT_READY"
    FREEZE_UNKNOWN = "FREEZE_UNKNOWN"
    NOT_FROZEN = "NOT_FROZEN"
    NOT_PROVED = "NOT_PROVED"
    NOT_APPLIED = "NOT_APPLIED"
    FREEZE_FAILED = "FREEZE_FAILED"
    SMOKE_FAILED = "SMOKE_FAILED"
    STILL_NAMED = "STILL_NAMED"
    LATE_WRITES = "LATE_WRITES"


@dataclass(frozen=True, slots=True)
class GateFact:
    """One gate: when it was begun and ended, and why it did not open, or what it let through knowingly."""

    state: GateState
    began: str
    ended: str | None = None
    fault: CutOverFault | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Forecast:
    """How long the writers would have to stand still, in seconds; a part that nobody measured is None.

    `recovery` is until the last window can be asked for, `window` its export and its application, `full_export` the
    second full export (None where none is asked for), `comparison` the whole comparison. `changes` are how many the
    last window will hold, by the last looks at the drift of every table; None where one was not looked at. `last_look`
    is one export more, where the go would come so late that what was written meanwhile can be had.
    """

    made: str
    limit: float
    recovery: float | None
    window: float | None
    full_export: float | None
    comparison: float | None
    with_full_export: bool
    changes: int | None = late()
    last_look: float | None = late()

    @property
    def seconds(self) -> float | None:
        """The whole of it: recovery + the longer of window and full export + comparison + the last look."""
        longest = (self.window, self.full_export) if self.with_full_export else (self.window,)
        parts = (self.recovery, self.comparison, *longest)
        if any(part is None for part in parts):
            return None
        return (
            (self.recovery or 0.0)
            + max(part or 0.0 for part in longest)
            + (self.comparison or 0.0)
            + (self.last_look or 0.0)
        )


@dataclass(frozen=True, slots=True)
class CutOverAsked:
    """What was typed: the moment the writers were stopped, empty for none, and whether the run's id was confirmed."""

    frozen_at: str
    confirmed: bool


@dataclass(frozen=True, slots=True)
class CutOverFact:
    """The two moments of a cut-over: when the writers were stopped, and when the targets took their place.

    `until` is the end of the last window, `quiet_until` the end of what was read since, before the go, and in which
    nothing was written; `earlier` are freezes that came to nothing, as (moment, gate).
    """

    frozen_at: str
    until: str | None = None
    go_at: str | None = None
    by: str | None = None
    earlier: tuple[tuple[str, str], ...] = ()
    quiet_until: str | None = late()


@dataclass(frozen=True, slots=True)
class QuietFact:
    """What was written to a source when nothing should be, from `start` up to `end`.

    `late` changes that nothing explains, the first of their keys as hashes; `expired` deletes of items whose time to
    live was over.
    """

    start: str
    end: str
    late: int
    expired: int
    hashes: tuple[str, ...] = ()


CUT_OVER_ASKED = Note("run", "cut_over_asked", CutOverAsked)
CUT_OVERS = Note("run", "cut_over", CutOverFact)
FORECASTS = Note("run", "forecast", Forecast)
GATES = Topic("cut_over_gate", GateFact)
FROZEN = Topic("frozen", QuietFact)
QUIET_AFTERWARDS = Topic("afterwards", QuietFact)


def went(ledger: Ledger) -> str | None:
    """When the targets took the place of the sources; None as long as they have not."""
    fact = CUT_OVERS.of(ledger)
    return fact.go_at if fact else None


def forget_cut_over(ledger: Ledger) -> None:
    """Begin anew: drop the gates of a cut-over that did not come to its end, and keep that it was tried."""
    fact = CUT_OVERS.of(ledger)
    if fact is not None and fact.go_at is None and fact.frozen_at:
        at = last_gate(ledger)
        tried = (*fact.earlier, (fact.frozen_at, at or Gate.FREEZE))
        CUT_OVERS.record(ledger, CutOverFact("", earlier=tried))
    for topic in (GATES, FROZEN, HOOKS_RUN):
        for name in topic.all(ledger):
            topic.forget(ledger, name)


def last_gate(ledger: Ledger) -> Gate | None:
    """The gate that was begun last."""
    known = GATES.all(ledger)
    return next((gate for gate in reversed(Gate) if gate in known), None)
