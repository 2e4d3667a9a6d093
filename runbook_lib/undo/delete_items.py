"""Take items out of a table again, each on the server's condition that it still is as it was read."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from runbook_lib.aws.dynamodb.describe.tables import TableDescription
from runbook_lib.aws.dynamodb.guarded_write import Fate, GuardedWriter, threads_waiting
from runbook_lib.aws.session.granted_calls import undoer
from runbook_lib.aws.transport.retry import Backoff
from runbook_lib.errors import TransferError
from runbook_lib.items.canonical import Item
from runbook_lib.plan.pair import Pair
from runbook_lib.run.run import Run


@dataclass(slots=True)
class Undone:
    """What became of some items: deleted, changed by somebody in that moment, or too wide for a condition."""

    deleted: int = 0
    changed: int = 0
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Undoing:
    """One table whose items are taken out, so many at a time."""

    writer: GuardedWriter
    threads: int

    @classmethod
    def of(cls, run: Run, pair: Pair, facts: TableDescription) -> Undoing:
        partition = next(attribute.name for attribute in facts.key if attribute.role == "HASH")
        transport = undoer(run.clients, {pair.target: partition})
        return cls(
            GuardedWriter(transport, pair.target, facts.key, Backoff()), threads_waiting(run.config.import_.concurrency)
        )

    def delete(self, items: Sequence[Item]) -> Undone:
        """Delete each item that is as it was read; raises TransferError where there is no answer in the end."""
        with ThreadPoolExecutor(max(1, min(self.threads, len(items)))) as pool:
            fates = list(pool.map(self.writer.delete, items))
        if Fate.REJECTED in fates:
            raise TransferError(f"table {self.writer.table}: DynamoDB refuses to delete an item by its key")
        return Undone(fates.count(Fate.DONE), fates.count(Fate.CHANGED), fates.count(Fate.TOO_WIDE))
