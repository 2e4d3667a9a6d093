"""Write the wrong items of one table, and no other: each on the server's condition that it is as it was compared.

What is missing is put where nothing is, what differs in place of the very item that was compared, and what is extra is
deleted as it was read. Before a group is sent the ledger knows of it, and afterwards what became of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from runbook_lib.aws.dynamodb.guarded_items import ExportedLine, GuardedItems, HeldItem, ItemFate
from runbook_lib.aws.dynamodb.guarded_write import threads_waiting
from runbook_lib.aws.dynamodb.read.batch_get import KEYS_AT_ONCE
from runbook_lib.items.canonical import Item
from runbook_lib.items.item_digests import digests
from runbook_lib.repair.exported_lines import exported_lines
from runbook_lib.repair.look import RepairLook
from runbook_lib.run.facts.afterwards.repair import RepairCounts
from runbook_lib.run.facts.afterwards.used_units import add_written, target_reads
from runbook_lib.run.run import Run
from runbook_lib.run.tables.wrong_items import SentState, WrongItem, WrongItems, mark_sent

DONE = frozenset({ItemFate.ADDED, ItemFate.REPLACED, ItemFate.DELETED, ItemFate.RIGHT})
Wanted = tuple[WrongItem, ExportedLine]
T = TypeVar("T")


@dataclass(slots=True)
class RepairWriting:
    """The repair of one table: what is wrong, who writes, and what became of it so far."""

    run: Run
    source: str
    look: RepairLook
    wrong: WrongItems
    kinds: tuple[str, ...]
    items: GuardedItems
    show: Callable[[str, int], None]
    counts: Counter[str] = field(default_factory=Counter)
    noted: float = 0.0  # write units that are in the ledger

    def write_all(self) -> RepairCounts:
        """Repair everything that is wrong and of the chosen kinds."""
        with ThreadPoolExecutor(
            threads_waiting(self.run.config.import_.concurrency), thread_name_prefix="repair"
        ) as pool:
            for group in _together(self._wanted()):
                self._write(group, pool)
            if "extra" in self.kinds and self.look.counts["extra"]:
                with target_reads(self.run.ledger, self.source, self.look.target.limit):
                    for extras in _together(self.extras()):
                        self._delete(extras, pool)
        return self.result()

    def result(self) -> RepairCounts:
        """What became of them, as far as it is known now."""
        known = Counter(self.counts)
        known["quarantined"] = self.held_back().quarantined
        asked = sum(self.look.counts[kind] for kind in self.kinds)
        return RepairCounts(**known | {"unseen": max(0, asked - known.total())})

    def held_back(self) -> RepairCounts:
        """What is left alone whatever is written, so also known of a repair that only looks."""
        return RepairCounts(quarantined=self.look.held_back if "different" in self.kinds else 0)

    def _wanted(self) -> Iterator[Wanted]:
        """The exported lines of what is missing or different, as far as that was chosen; each key once."""
        twofold = set()
        for line in exported_lines(self.look.exported, self.look.full, self.run.secret):
            wrong = self.wrong.get(line.key)
            if wrong is None or wrong.kind not in self.kinds or wrong.kind == "extra":
                continue
            if wrong.single:
                yield wrong, line
            elif line.key not in twofold:
                twofold.add(line.key)
                self.counts["twofold"] += 1

    def extras(self) -> Iterator[tuple[bytes, Item]]:
        """The items that are too many, as they were compared; one that is another by now stays."""
        keyed = self.run.secret.item_digests()
        for item in self.look.target.items():
            name, item_digest = digests(item, self.items.writer.key, keyed)
            wrong = self.wrong.get(self.run.secret.key_digest(name))
            if wrong is not None and wrong.kind == "extra":
                if wrong.held == item_digest:
                    yield wrong.key, item
                else:
                    self.counts["changed"] += 1

    def _write(self, group: list[Wanted], pool: ThreadPoolExecutor) -> None:
        held = self.items.held([line for _, line in group])
        ready, fates = list[tuple[Wanted, HeldItem | None]](), list[tuple[bytes, ItemFate]]()
        for wrong, line in group:
            there = held.get(line.key)
            found = there.digest if there is not None else None
            if found == line.digest:
                fates.append((wrong.key, ItemFate.RIGHT))
            elif found != wrong.held:
                fates.append((wrong.key, ItemFate.CHANGED))
            else:
                ready.append(((wrong, line), there))
        mark_sent(self.run.ledger, self.source, [wrong.key for (wrong, _), _ in ready], SentState.SENT)
        fates += pool.map(self._sent, ready)
        self._settle(fates)

    def _sent(self, ready: tuple[Wanted, HeldItem | None]) -> tuple[bytes, ItemFate]:
        (wrong, line), held = ready
        return wrong.key, self.items.put(line, held)

    def _delete(self, extras: list[tuple[bytes, Item]], pool: ThreadPoolExecutor) -> None:
        mark_sent(self.run.ledger, self.source, [key for key, _ in extras], SentState.SENT)
        self._settle(pool.map(self._deleted, extras))

    def _deleted(self, extra: tuple[bytes, Item]) -> tuple[bytes, ItemFate]:
        key, item = extra
        return key, self.items.delete(item)

    def _settle(self, fates: Iterable[tuple[bytes, ItemFate]]) -> None:
        done = []
        for key, fate in fates:
            self.counts[fate] += 1
            if fate in DONE:
                done.append(key)
        mark_sent(self.run.ledger, self.source, done, SentState.DONE)
        used = self.items.writer.consumed.used
        add_written(self.run.ledger, self.source, used - self.noted)
        self.noted = used
        self.run.clients.calls.flush()
        self.show("repairing", self.counts.total())


def _together(rows: Iterator[T]) -> Iterator[list[T]]:
    while some := list(islice(rows, KEYS_AT_ONCE)):
        yield some
