"""How far a file is loaded: the line up to which every batch is acknowledged, without a gap."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from runbook_lib.batch import Line, Outcome, Rejection
from runbook_lib.manifest import DataFile

Slot = list[Outcome]


@dataclass(slots=True)
class FileProgress:
    """One file: batches come back in any order, the watermark only moves without gaps."""

    file: DataFile
    watermark: int
    written: int
    bytes: int
    sent: deque[tuple[int, Slot]] = field(default_factory=deque)
    rejected: list[Rejection] = field(default_factory=list)

    def send(self, batch: list[Line]) -> Slot:
        """Note a batch as sent; its outcome belongs into the slot that comes back."""
        slot: Slot = []
        self.sent.append((batch[-1][0], slot))
        return slot

    def advance(self) -> None:
        """Move the watermark over every outcome that has come in without a gap."""
        while self.sent and self.sent[0][1]:
            self.watermark, (outcome,) = self.sent.popleft()
            self.written += outcome.written
            self.bytes += outcome.bytes
            self.rejected += outcome.rejected
