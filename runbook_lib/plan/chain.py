"""Which exports make a chain: one full export, then windows that touch, of one table, with nothing between them.

Pure. A line of a window is a state at its end and no event. So a gap may hide a change, and an overlap loses the delete
of an item that was made and removed between two windows: both leave something in the target that the source has not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from runbook_lib.export_format.change import VIEWS
from runbook_lib.export_format.manifest import Manifest
from runbook_lib.timestamps import format_timestamp

SHORTEST, LONGEST = timedelta(minutes=15), timedelta(hours=24)


class ChainRule(StrEnum):
    """What a chain may not have; the name stands in every message."""

    GAP = "GAP"
    OVERLAP = "OVERLAP"
    FRACTION = "FRACTION"
    TOO_SHORT = "TOO_SHORT"
    TOO_LONG = "TOO_LONG"
    OTHER_TABLE = "OTHER_TABLE"
    OTHER_VIEW = "OTHER_VIEW"
    RECOVERY_OFF = "RECOVERY_OFF"
    OUT_OF_TURN = "OUT_OF_TURN"


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time; the end is left out."""

    start: datetime
    end: datetime

    def __str__(self) -> str:
        return f"{format_timestamp(self.start)}/{format_timestamp(self.end)}"


@dataclass(frozen=True, slots=True)
class Link:
    """One window of a chain; `view` says which images it has, `table_id` which table it is of."""

    span: Span
    table_id: str
    view: str

    @classmethod
    def of(cls, manifest: Manifest) -> Link:
        """The window of an incremental export's manifest."""
        start, end = (datetime.fromisoformat(t) for t in (manifest.changes_from, manifest.changes_to))
        return cls(Span(start, end), manifest.table_id or manifest.table_arn, manifest.view)


@dataclass(frozen=True, slots=True)
class ChainFault:
    """A rule that a chain breaks: at which window, counted from 1, over which stretch of time."""

    rule: ChainRule
    window: int
    span: Span
    text: str

    def __str__(self) -> str:
        return f"{self.rule}: window {self.window}: {self.text}"


def chain_faults(
    began: datetime, table_id: str, links: Sequence[Link], accepted: Iterable[Span] = ()
) -> Iterator[ChainFault]:
    """Every rule that the windows after a full export of `began` break, in their order; none for a whole chain.

    A gap is none where `accepted` spells the very stretch, in which the table is said to have been quiet.
    """
    quiet, before = set(accepted), began
    for number, link in enumerate(links, 1):
        yield from _of_one(number, link, table_id)
        yield from _touches(number, before, link, quiet)
        before = link.span.end


def gaps_in(began: datetime, links: Sequence[Link]) -> list[Span]:
    """The stretches of time that nothing in the chain covers."""
    ends = [began, *(link.span.end for link in links)]
    return [Span(end, link.span.start) for end, link in zip(ends, links, strict=False) if link.span.start > end]


def _touches(number: int, before: datetime, link: Link, quiet: set[Span]) -> Iterator[ChainFault]:
    start = link.span.start
    if start < before:
        over = Span(start, before)
        yield ChainFault(
            ChainRule.OVERLAP, number, over,
            f"it should begin at {format_timestamp(before)}, where the export before it ends, and begins at "
            f"{format_timestamp(start)}: from {format_timestamp(start)} to {format_timestamp(before)} would be applied "
            "twice; make the windows anew so that they touch",
        )  # fmt: skip
    if start > before and (gap := Span(before, start)) not in quiet:
        yield ChainFault(
            ChainRule.GAP, number, gap,
            f"it should begin at {format_timestamp(before)}, where the export before it ends, and begins at "
            f"{format_timestamp(start)}: what was written from {format_timestamp(before)} to {format_timestamp(start)} "
            f'is in neither. If nothing was, say so: catch_up: {{accept_gaps: ["{gap}"]}}; otherwise begin anew with a '
            "full export",
        )  # fmt: skip


def _of_one(number: int, link: Link, table_id: str) -> Iterator[ChainFault]:
    span, length = link.span, link.span.end - link.span.start
    if link.table_id != table_id:
        yield ChainFault(
            ChainRule.OTHER_TABLE, number, span,
            f"it should be of the table {table_id} and is of {link.table_id}; begin anew with a full export",
        )  # fmt: skip
    if link.view not in VIEWS:
        yield ChainFault(
            ChainRule.OTHER_VIEW, number, span,
            f"its view should be one of {', '.join(VIEWS)} and is {link.view[:80]}; export it again",
        )  # fmt: skip
    if span.start.microsecond or span.end.microsecond:
        yield ChainFault(
            ChainRule.FRACTION, number, span, f"it should begin and end at whole seconds and is {span}; export it again"
        )
    if length < SHORTEST:
        yield ChainFault(
            ChainRule.TOO_SHORT,
            number,
            span,
            f"it should cover at least 15 minutes and covers {length}; export it again",
        )
    if length > LONGEST:
        yield ChainFault(
            ChainRule.TOO_LONG, number, span, f"it should cover at most 24 hours and covers {length}; export it again"
        )


def restorable_faults(
    number: int, span: Span, *, on: bool, earliest: datetime | None, same_table: bool, table: str
) -> Iterator[ChainFault]:
    """What stands against asking for a window now, by what the source says of its recovery.

    A recovery that was off for a moment begins anew, and what was written before that is lost. It is compared with the
    window and never with the full export, whose moment a long chain has left behind.
    """
    if not same_table:
        yield ChainFault(
            ChainRule.OTHER_TABLE, number, span,
            f"source {table} is another table than the one that was exported; begin anew with a full export",
        )  # fmt: skip
    if not on:
        yield ChainFault(
            ChainRule.RECOVERY_OFF, number, span,
            f"point-in-time recovery of {table} is off, so what is written to it is recorded nowhere; turn it on and "
            "begin anew with a full export",
        )  # fmt: skip
    elif earliest is not None and earliest.replace(microsecond=0) > span.start:
        yield ChainFault(
            ChainRule.GAP, number, Span(span.start, earliest),
            f"it should begin at {format_timestamp(span.start)}, and {table} can be restored from "
            f"{format_timestamp(earliest)} on only: its recovery was off in between, or keeps less. Begin anew with a "
            "full export",
        )  # fmt: skip


def turn_faults(number: int, span: Span, begun: Iterable[int], open_before: Iterable[int]) -> Iterator[ChainFault]:
    """What stands against writing a window now: a later one has begun, or one before it is not applied."""
    if later := sorted(n for n in begun if n > number):
        yield ChainFault(
            ChainRule.OUT_OF_TURN, number, span,
            f"window {later[0]} has begun, and what is older may not be written over it; start a new run",
        )  # fmt: skip
    if waiting := sorted(n for n in open_before if n < number):
        yield ChainFault(
            ChainRule.OUT_OF_TURN, number, span,
            f"window {waiting[0]} is not applied whole, and comes first; catch up again (40_catch_up, or runbook "
            "catch-up)",
        )  # fmt: skip
