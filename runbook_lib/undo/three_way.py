"""What becomes of each key that a run has written: what was there before, what the run wrote, what is there now.

Where there is now what the run wrote, what was there before comes back, or the item goes if nothing was. Where there is
now what was there before, nothing is to be done. Anything else was written by somebody since, and stays. That there is
nothing now is told by silence, so it is done only once a Scan finds nothing there either.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice

import orjson

from runbook_lib.aws.dynamodb.guarded_items import WRITTEN, ExportedLine, GuardedItems, HeldItem, ItemFate
from runbook_lib.aws.dynamodb.read.batch_get import KEYS_AT_ONCE
from runbook_lib.aws.dynamodb.read.scan import Segment, scan_keys
from runbook_lib.errors import TransferError
from runbook_lib.items.canonical import Item, canonical_json
from runbook_lib.items.keys import key_of
from runbook_lib.run.tables.scratch import ScratchMap, scratch_map

ROWS_AT_ONCE = 500
LEFT_AS_IT_IS = frozenset({"unchanged", "kept"})


@dataclass(frozen=True, slots=True)
class WrittenKey:
    """A key that the run wrote, its digest, and the digest of what the run left there; None for a delete.

    An export that says more than one thing about a key has several; any may be the one that was written last.
    """

    digest: bytes
    key: Item
    ours: frozenset[bytes | None]


@dataclass(frozen=True, slots=True)
class BeforeAndNow:
    """One key that the run wrote, what is there now, and what was there before.

    It is `disputed` where the export of what was there before is not what the run itself had recorded then.
    """

    key: WrittenKey
    now: HeldItem | None
    before: ExportedLine | None
    disputed: bool


@dataclass(slots=True)
class ThreeWay:
    """One table's way back; unless it is to `execute` it only counts what would be done. Each key is written once.

    `base` are the lines of what was there before, by the digests of their keys; `recorded` is the keyed digest of the
    item that the run itself had found under a key then; `whole` is the table, for the Scan at the end.
    """

    base: ScratchMap
    recorded: Callable[[bytes], bytes | None]
    items: GuardedItems
    whole: Segment
    threads: int
    execute: bool
    show: Callable[[int], None]
    counts: Counter[str] = field(default_factory=Counter)

    def go(self, written: Iterable[WrittenKey]) -> None:
        """Take back what can be taken back, and count keys as restored, deleted, unchanged, kept and disputed.

        Raises TransferError at the end where a Scan finds what was left as it is because nothing was said to be there.
        """
        keys = iter(written)
        with scratch_map() as absent:
            with ThreadPoolExecutor(max(1, self.threads), thread_name_prefix="rollback") as pool:
                while group := list(islice(keys, KEYS_AT_ONCE)):
                    looked = self.looked_at(group)
                    outcomes = list(pool.map(self._outcome, looked))
                    self.counts.update(outcomes)
                    told = zip(looked, outcomes, strict=True)
                    left = ((at.key.digest, name) for at, name in told if at.now is None and name in LEFT_AS_IT_IS)
                    absent.put_all((key, name.encode()) for key, name in left)
                    self.show(self.counts.total())
            self._refuse_found(absent)

    def _refuse_found(self, absent: ScratchMap) -> None:
        """Raise TransferError if a Scan finds anything under the keys that were told to hold nothing: it is kept."""
        if not len(absent):
            return
        key = self.items.writer.key
        found = (key_of(item, key) for item in scan_keys(self.whole, tuple(k.name for k in key)))
        told = (absent.get(self.items.secret.key_digest(canonical_json(name))) for name in found)
        there = Counter(outcome.decode() for outcome in told if outcome is not None)
        if there:
            self.counts.subtract(there)
            self.counts["kept"] += there.total()
            raise TransferError(
                f"{self.whole.table}: of {len(absent):,} keys that were told to hold nothing, a Scan finds "
                f"{there.total():,}; what is there may still be this run's. Run the rollback again, which looks at "
                "each key anew; if it stays, the server or a proxy is broken, or somebody writes to the table"
            )

    def _outcome(self, at: BeforeAndNow) -> str:
        if at.disputed:
            return "disputed"
        now = at.now.digest if at.now is not None else None
        if now == (at.before.digest if at.before is not None else None):
            return "unchanged"
        if now not in at.key.ours:
            return "kept"
        done = "restored" if at.before is not None else "deleted"
        return done if not self.execute or self._write(at) in WRITTEN else "kept"

    def _write(self, at: BeforeAndNow) -> ItemFate:
        if at.before is not None:
            return self.items.put(at.before, at.now)
        assert at.now is not None
        return self.items.delete(at.now.item)

    def looked_at(self, group: list[WrittenKey]) -> list[BeforeAndNow]:
        """What is under the keys now, read consistently, and what was before."""
        now, found = self.items.held_under({key.digest: key.key for key in group}.values()), []
        for key in group:
            line = self.base.get(key.digest)
            before = self.items.line_of(line) if line is not None else None
            disputed = (before.digest if before is not None else None) != self.recorded(key.digest)
            found.append(BeforeAndNow(key, now.get(key.digest), before, disputed))
        return found


@contextmanager
def keys_written(written: Iterable[WrittenKey]) -> Iterator[Iterator[WrittenKey]]:
    """Each key once, with everything that was written under it, however often an export names it.

    They are sorted out on the disk: an export may have more keys than fit into the memory, and its lines come in no
    order.
    """
    with scratch_map() as held:
        rows = ((each.digest, _as_line(each)) for each in written)
        while some := list(islice(rows, ROWS_AT_ONCE)):
            held.add_all(some)
        yield _each_once(held)


def _as_line(one: WrittenKey) -> bytes:
    (ours,) = one.ours
    return orjson.dumps([one.key, ours.hex() if ours is not None else None]) + b"\n"


def _each_once(held: ScratchMap) -> Iterator[WrittenKey]:
    for digest, lines in held.items():
        found = [orjson.loads(line) for line in lines.splitlines()]
        ours = frozenset(bytes.fromhex(said) if said is not None else None for _, said in found)
        yield WrittenKey(digest, found[0][0], ours)
