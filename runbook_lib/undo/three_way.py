"""What becomes of each key that a run has written: what was there before, what the run wrote, what is there now.

Where there is now what the run wrote, what was there before comes back, or the item goes if nothing was. Where there is
now what was there before, nothing is to be done. Anything else was written by somebody since, and stays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

from runbook_lib.aws.dynamodb.guarded_write import Fate, GuardedWriter
from runbook_lib.aws.dynamodb.read.batch_get import KEYS_AT_ONCE, read_keys
from runbook_lib.aws.dynamodb.read.limiter import RateLimit
from runbook_lib.items.canonical import Item, digest
from runbook_lib.items.item_digests import digests
from runbook_lib.items.keyed import RunSecret
from runbook_lib.items.lines import parse_line
from runbook_lib.items.size import item_size, units_of
from runbook_lib.run.tables.scratch import ScratchMap


@dataclass(frozen=True, slots=True)
class WrittenKey:
    """A key that the run wrote, its digest, and the item; None for a delete."""

    digest: bytes
    key: Item
    ours: Item | None


@dataclass(frozen=True, slots=True)
class BeforeAndNow:
    """One key that the run wrote, what is there now, and what was there before as the line of an item.

    It is `disputed` where the export of what was there before is not what the run itself had recorded then.
    """

    key: WrittenKey
    now: Item | None
    before: Item | None
    line: bytes
    disputed: bool


@dataclass(slots=True)
class ThreeWay:
    """One table's way back; unless it is to `execute` it only counts what would be done.

    `base` are the lines of what was there before, by the digests of their keys; `recorded` is the keyed digest of the
    item that the run itself had found under a key then.
    """

    base: ScratchMap
    recorded: Callable[[bytes], bytes | None]
    writer: GuardedWriter
    secret: RunSecret
    limit: RateLimit
    threads: int
    execute: bool
    show: Callable[[int], None]
    counts: Counter[str] = field(default_factory=Counter)

    def go(self, written: Iterable[WrittenKey]) -> None:
        """Take back what can be taken back, and count keys as restored, deleted, unchanged and kept."""
        keys = iter(written)
        with ThreadPoolExecutor(max(1, self.threads), thread_name_prefix="rollback") as pool:
            while group := list(islice(keys, KEYS_AT_ONCE)):
                self.counts.update(pool.map(self._outcome, self._looked_at(group)))
                self.show(self.counts.total())

    def _outcome(self, at: BeforeAndNow) -> str:
        if at.disputed:
            return "kept"
        if _same(at.now, at.before):
            return "unchanged"
        if not _same(at.now, at.key.ours):
            return "kept"
        done = "restored" if at.before is not None else "deleted"
        if not self.execute:
            return done
        self.limit.spend(units_of(max(item_size(item) for item in (at.now, at.before) if item is not None)))
        return done if self._write(at) is Fate.DONE else "kept"

    def _write(self, at: BeforeAndNow) -> Fate:
        if at.before is None:
            assert at.now is not None
            return self.writer.delete(at.now)
        if at.now is None:
            return self.writer.add(at.before, at.line)
        return self.writer.replace(at.now, at.before, at.line)

    def _looked_at(self, group: list[WrittenKey]) -> list[BeforeAndNow]:
        """What is under the keys now, read consistently, and what was before."""
        keys, now = [key.key for key in group], {}
        for item in read_keys(self.writer.transport, self.writer.table, keys, self.writer.backoff):
            name, _ = digests(item, self.writer.key)
            now[self.secret.key_digest(name)] = item
        found = []
        for key in group:
            line = self.base.get(key.digest)
            before = parse_line(line) if line is not None else None
            known = self._digest(before) if before is not None else None
            disputed = known != self.recorded(key.digest)
            found.append(BeforeAndNow(key, now.get(key.digest), before, line or b"", disputed))
        return found

    def _digest(self, item: Item) -> bytes:
        return digests(item, self.writer.key, self.secret.item_digests())[1]


def _same(one: Item | None, other: Item | None) -> bool:
    if one is None or other is None:
        return one is other
    return digest(one) == digest(other)
