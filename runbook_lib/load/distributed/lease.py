"""Who may write which file just now, when several workers load one table.

An attempt at a file asks, and writes only while it holds a grant: that file, from a line on, at a rate, until
its time runs out. The coordinator gives a file to one attempt at a time, the one that asked last, and hears
no other one: a worker that was cut off is neither believed nor, when its time is over, writing. Each report says
all that is known of the file, so that lost, late and doubled ones are harmless. Time is counted by the
worker's own clock from the moment it sent the report that a grant answers: no clocks are compared.

Source: Gray and Cheriton, "Leases", 1989.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from runbook_lib.cluster.protocol import Message
from runbook_lib.load.distributed.shared_budget import LIFE
from runbook_lib.load.engine.batch_write import Outcome, Rejection
from runbook_lib.load.engine.checkpoint import FileCheckpoint, Span

PAIRS = ("beyond", "rejected", "present", "reasons", "times", "calls")


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """What an attempt says, the `number`-th time. As long as it knows no `lines` it asks for the file.

    `acknowledged`, `written`, `bytes` and `beyond` are of the file as a whole, the others of this attempt from its
    beginning: `used` and `refused` in write units, `reasons` as (reason, resource, items), `times` as (bucket of
    `latency`, requests). `share` is the one it
    holds; `calls` are those of the whole `process`. The last one has `ended`; `left` says that it
    had no grant any more, `failure` why nobody can go on, `damaged` that the file is to blame.
    """

    file: str
    attempt: str
    worker: str
    number: int = 0
    share: float = 0.0
    seconds: float = 0.0
    lines: int | None = None
    acknowledged: int = 0
    written: int = 0
    bytes: int = 0
    beyond: list[Span] = field(default_factory=list)
    rejected: list[tuple[int, str | None, str]] = field(default_factory=list)
    present: list[Span] = field(default_factory=list)
    wcu: float = 0.0
    throttles: int = 0
    refused_items: int = 0
    reasons: list[tuple[str, str, int]] = field(default_factory=list)
    times: list[tuple[int, int]] = field(default_factory=list)
    used: float = 0.0
    refused: float = 0.0
    calls: list[tuple[str, str, int]] = field(default_factory=list)
    process: str = ""
    ended: bool = False
    left: bool = False
    failure: str | None = None
    damaged: bool = False

    @property
    def items(self) -> int:
        return self.written + len(self.rejected) + sum(last - first + 1 for first, last in self.present)

    def to_message(self) -> Message:
        return asdict(self)

    @classmethod
    def of(cls, message: Message) -> WorkerReport:
        """What `to_message` made, with the lists that the wire makes of pairs put right."""
        pairs = {name: [tuple(row) for row in message[name]] for name in PAIRS}
        return cls(**message | pairs)


@dataclass(frozen=True, slots=True)
class LeaseGrant:
    """An answer to an attempt. `order` counts all answers, `answers` is the number of the report it answers.

    `file` is how far the file is known to be, for an attempt that has asked: (acknowledged, written, bytes, beyond).
    With `over` the attempt holds the file no more.
    """

    to: str
    order: int
    answers: int = 0
    share: float = 0.0
    file: tuple[int, int, int, list[Span]] | None = None
    over: bool = False

    def to_message(self) -> Message:
        return asdict(self)

    @classmethod
    def of(cls, message: Message) -> LeaseGrant:
        if (known := message["file"]) is not None:
            known = (*known[:3], [tuple(span) for span in known[3]])
        return cls(**message | {"file": known})


class Lease:
    """An attempt's side: what it was granted, and until when; thread-safe."""

    def __init__(self, life: float = LIFE, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._life, self._monotonic = life, monotonic
        self._lock = threading.Lock()
        self._sent: list[float] = []
        self._order = -1
        self.grant: LeaseGrant | None = None
        self.until = float("-inf")
        self.heard_at = monotonic()

    def next_number(self) -> int:
        """The number of the report that is sent now."""
        with self._lock:
            self._sent.append(self._monotonic())
            return len(self._sent) - 1

    def take(self, grant: LeaseGrant) -> bool:
        """Hold to a grant from now on; False if a later one was taken already."""
        with self._lock:
            if grant.order <= self._order:
                return False
            self._order, self.heard_at = grant.order, self._monotonic()
            self.grant = grant
            self.until = self._sent[grant.answers] + self._life
            return True


@dataclass(slots=True)
class FileLease:
    """The coordinator's side of one file: who holds it, and what that attempt has said last.

    `base` is the items that were written before it, `tries` how many attempts have ended without a line more being
    acknowledged.
    """

    file: FileCheckpoint
    lines: int | None = None
    attempt: str = ""
    last: WorkerReport | None = None
    done: bool = False
    tries: int = 0
    base: int = 0
    _over: set[str] = field(default_factory=set)

    def hear(self, report: WorkerReport) -> WorkerReport | None:
        """Take a report in; returns the one of this attempt before it, or None where it does not count.

        An attempt that was not heard of before takes the file over.
        """
        if self.done or report.attempt in self._over:
            return None
        if report.attempt != self.attempt:
            if report.lines is not None:
                return None  # who has asked nothing yet cannot have loaded anything
            self._over |= {self.attempt}
            self.attempt, self.last, self.base = report.attempt, report, self.file.written
            return report
        before = self.last
        if before is None or report.number <= before.number:
            return None
        self.last = report
        self._note(report, before)
        return before

    def is_over(self, attempt: str) -> bool:
        """Whether an attempt has nothing to do with the file any more."""
        return self.done or attempt != self.attempt

    def known(self) -> tuple[int, int, int, list[Span]]:
        """How far the file is."""
        return self.file.watermark, self.file.written, self.file.bytes, self.file.beyond()

    def _note(self, report: WorkerReport, before: WorkerReport) -> None:
        if report.lines is None:
            return
        file, self.lines = self.file, report.lines
        if (report.acknowledged, report.written) != (file.watermark, file.written):
            self.tries = 0
        file.watermark, file.written, file.bytes = report.acknowledged, report.written, report.bytes
        file.earlier = tuple(report.beyond)
        file.rejected += [Rejection(*row) for row in report.rejected[len(before.rejected) :]]
        file.present += report.present[len(before.present) :]


def spent_since(report: WorkerReport, before: WorkerReport) -> Outcome:
    """What an attempt used and met between two of its reports."""
    now, then = ({(reason, where): n for reason, where, n in r.reasons} for r in (report, before))
    return Outcome(
        wcu=report.wcu - before.wcu,
        throttles=report.throttles - before.throttles,
        refused=report.refused_items - before.refused_items,
        reasons=Counter(now) - Counter(then),
        times=Counter(dict(report.times)) - Counter(dict(before.times)),
    )
