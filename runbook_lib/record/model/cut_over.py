"""The cut-over of a run: its gates with their times, the forecast, and what was written too late."""

from __future__ import annotations

from typing import Annotated

from runbook_lib.record.model.base import Count, Moment, Name, Number, OneOf, Section
from runbook_lib.run.facts.cut_over.gates import CutOverFault, Gate, GateState
from runbook_lib.run.facts.cut_over.hooks import HookFault


class ForecastRecord(Section):
    """Seconds that the writers would have to stand still, as it was known when it was `made`; null is not measured."""

    made: Moment | None = None
    limit: Number | None = None
    recovery: Number | None = None
    window: Number | None = None
    full_export: Number | None = None
    comparison: Number | None = None
    seconds: Number | None = None
    changes: Count | None = None
    last_look: Number | None = None


class GateRecord(Section):
    """One gate of the cut-over, and why it did not open."""

    gate: Annotated[str, OneOf(tuple(Gate))] = ""
    state: Annotated[str, OneOf(tuple(GateState))] = ""
    began: Moment | None = None
    ended: Moment | None = None
    seconds: Number | None = None
    fault: Annotated[str, OneOf(tuple(CutOverFault))] | None = None
    why: str = ""


class QuietRecord(Section):
    """What was written to a source from `start` up to `end`, when nothing should be; keys as hashes."""

    source: Name = ""
    start: Moment | None = None
    end: Moment | None = None
    late: Count = 0
    expired: Count = 0
    hashes: list[str] = []


class HookRecord(Section):
    """A command or probe of a gate: its exit code or status, and why it failed."""

    gate: Annotated[str, OneOf(tuple(Gate))] = ""
    name: Name = ""
    kind: str = ""
    at: Moment | None = None
    seconds: Number | None = None
    fault: Annotated[str, OneOf(tuple(HookFault))] | None = None
    code: int | None = None


class EarlierFreeze(Section):
    """A freeze that came to nothing, and the gate where it ended."""

    frozen_at: Moment | None = None
    gate: str = ""


class CutOverRecord(Section):
    """The cut-over: the moments when the writers were stopped and when the targets took their place, and the gates.

    `until` is the end of the last window, `quiet_until` of what was read since and before the go, and in which nothing
    was written; `freeze_seconds` is from the one moment to the other; `left_out` are tables that were read by Scan.
    """

    frozen_at: Moment | None = None
    until: Moment | None = None
    quiet_until: Moment | None = None
    go_at: Moment | None = None
    freeze_seconds: Number | None = None
    by: str | None = None
    forecast: ForecastRecord | None = None
    gates: list[GateRecord] = []
    frozen: list[QuietRecord] = []
    afterwards: list[QuietRecord] = []
    hooks: list[HookRecord] = []
    earlier: list[EarlierFreeze] = []
    left_out: list[Name] = []
