"""Which shards a stream has had: one after the other, each for four hours, and twice as many after each split.

All of them end together, and which has a record follows from its key. Pure.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

OPEN_FOR = timedelta(hours=4)
_FIRST_NUMBER = 1100000000017454423009


@dataclass(frozen=True, slots=True)
class Shard:
    """A stretch of a stream: of records from `first` up to and without `end`, counted from the stream's beginning.

    Beside it are `width` shards, of which this is the `lane`-th; `parent` is the number of the one that it follows.
    """

    number: int
    generation: int
    lane: int
    width: int
    parent: int | None
    first: int
    end: int
    closes: datetime
    open: bool

    @property
    def id(self) -> str:
        return id_of(self.number)

    def sequence(self, index: int) -> str:
        """The number of a record; each generation has one more than records, with which it ends."""
        return str(_FIRST_NUMBER + index + self.generation)

    def index(self, sequence: int) -> int:
        """Which record has a number."""
        return sequence - _FIRST_NUMBER - self.generation


def id_of(number: int) -> str:
    """The id of a shard by its number."""
    return f"shardId-{1541626099285 + number:020}-f35f62ef"


def shards_of(
    began: datetime, splits: Iterable[datetime], ended: datetime | None, now: datetime, times: Sequence[datetime]
) -> list[Shard]:
    """Every shard that there has been, the oldest first; `times` are those of the records."""
    waiting, until = sorted(splits), ended or now
    shards: list[Shard] = []
    begins, width, generation, before = began, 1, 0, list[int]()
    while not generation or begins <= until:
        closes = begins + OPEN_FOR
        is_split = bool(waiting) and waiting[0] <= closes
        closes = min(waiting.pop(0) if is_split else closes, ended or closes)
        is_open = ended is None and now < closes
        last = len(times) if is_open or ended == closes else bisect_left(times, closes)
        numbers = [len(shards) + lane for lane in range(width)]
        shards += [
            Shard(number, generation, lane, width, before[lane % len(before)] if before else None,
                  bisect_left(times, begins), last, closes, is_open)
            for lane, number in enumerate(numbers)
        ]  # fmt: skip
        if is_open or ended == closes:
            break
        begins, before, generation = closes, numbers, generation + 1
        width *= 2 if is_split else 1
    return shards
