"""How far a file is loaded: the line up to which all is acknowledged, and what is acknowledged beyond it.

One slow request holds up the line, not the knowledge: the batches after it are kept as spans of lines,
of which there are at most as many as requests in flight.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from runbook_lib.export_format.manifest import DataFile
from runbook_lib.load.engine.batch_write import Line, Outcome, Rejection

Slot = list[bool]  # empty until its batch has come back
Span = tuple[int, int]  # first and last line


@dataclass(slots=True)
class FileCheckpoint:
    """One file: batches come back in any order; `earlier` are the spans that an earlier start acknowledged."""

    file: DataFile
    watermark: int
    written: int
    bytes: int
    earlier: tuple[Span, ...] = ()
    sent: deque[tuple[Span, Slot]] = field(default_factory=deque)
    rejected: list[Rejection] = field(default_factory=list)
    present: list[Span] = field(default_factory=list)
    _fresh: list[int] = field(default_factory=list)

    def send(self, batch: list[Line]) -> Slot:
        """Note a batch as sent; what becomes of it is told with `settle`."""
        slot: Slot = []
        self.sent.append(((batch[0][0], batch[-1][0]), slot))
        return slot

    def settle(self, slot: Slot, outcome: Outcome) -> None:
        """Count an outcome, and move the watermark over all that have come in without a gap."""
        slot.append(True)
        self.written += outcome.written
        self.bytes += outcome.bytes
        self.rejected += outcome.rejected
        self._fresh += outcome.present
        while self.sent and self.sent[0][1]:
            (_, self.watermark), _ = self.sent.popleft()

    def told_present(self) -> list[Span]:
        """`present` with all that has come in: the lines whose very item was there already, as spans."""
        fresh, self._fresh = sorted(self._fresh), []
        for number in fresh:
            if self.present and number == self.present[-1][1] + 1 and number != fresh[0]:
                self.present[-1] = (self.present[-1][0], number)
            else:
                self.present.append((number, number))
        return self.present

    def beyond(self) -> list[Span]:
        """The lines above the watermark that are acknowledged, too."""
        spans = [span for span in self.earlier if span[1] > self.watermark]
        joined = False
        for (first, last), slot in self.sent:
            if slot and joined:
                spans[-1] = (spans[-1][0], last)
            elif slot:
                spans.append((first, last))
            joined = bool(slot)
        return spans

    def left(self, lines: Iterable[Line]) -> Iterator[Line]:
        """Of lines above the watermark, those that no earlier start has seen acknowledged."""
        for number, line in lines:
            if not any(first <= number <= last for first, last in self.earlier):
                yield number, line
