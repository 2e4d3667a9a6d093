"""Take items out of a table again, each on the server's condition that it still is as it was read.

A condition can name the attributes that an item had and not those that it got since. So what was deleted comes back
with the answer; an item that had got another attribute in that moment is put back at once, where nothing is.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import orjson

from runbook_lib.aws.dynamodb.conditional_write import (
    MOST_ATTRIBUTES,
    REFUSED,
    delete_as_read,
    put_if_absent,
)
from runbook_lib.aws.dynamodb.describe.tables import TableDescription
from runbook_lib.aws.dynamodb.read.batch_get import read_keys
from runbook_lib.aws.session.granted_calls import undoer
from runbook_lib.aws.transport.client import DynamoDBTransport
from runbook_lib.aws.transport.retry import Backoff, BrokenAnswer, TransportError
from runbook_lib.errors import TransferError
from runbook_lib.items.canonical import Item, digest
from runbook_lib.items.keys import KeyAttribute, key_of
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

    transport: DynamoDBTransport
    table: str
    key: tuple[KeyAttribute, ...]
    threads: int
    backoff: Backoff

    @classmethod
    def of(cls, run: Run, pair: Pair, facts: TableDescription) -> Undoing:
        partition = next(attribute.name for attribute in facts.key if attribute.role == "HASH")
        transport = undoer(run.clients, {pair.target: partition})
        return cls(transport, pair.target, facts.key, run.config.import_.concurrency, Backoff())

    def delete(self, items: Sequence[Item]) -> Undone:
        """Delete each item that is as it was read; raises TransferError where there is no answer in the end."""
        undone = Undone()
        narrow = [item for item in items if len(item) <= MOST_ATTRIBUTES]
        undone.skipped = len(items) - len(narrow)
        with ThreadPoolExecutor(max(1, min(self.threads, len(narrow)))) as pool:
            gone = list(pool.map(self._delete, narrow))
        undone.deleted, undone.changed = gone.count(True), gone.count(False)
        return undone

    def _delete(self, item: Item) -> bool:
        """Whether the item is gone as it was; False for one that somebody has changed, which stays."""
        key = key_of(item, self.key)
        answer = self._settled(lambda: delete_as_read(self.transport, self.table, key, item))
        if answer is None:  # it is another one now, or the answer to its own delete was lost
            return not read_keys(self.transport, self.table, [key], self.backoff)
        old: Item | None = answer.get("Attributes")
        if old is None or digest(old) == digest(item):
            return True
        partition = next(attribute.name for attribute in self.key if attribute.role == "HASH")
        back = orjson.dumps({"Item": old})
        self._settled(lambda: put_if_absent(self.transport, self.table, partition, back))  # a newer one may stand there
        return False

    def _settled(self, send: Any) -> dict[str, Any] | None:
        """The answer to a request that may be repeated; None when its condition does not hold."""
        last = ""
        for pause in (*self.backoff.pauses(), 0.0):
            try:
                answer: dict[str, Any] = orjson.loads(send())
            except BrokenAnswer as error:
                last = str(error)
            except TransportError as error:
                if error.code == REFUSED:
                    return None
                if not error.retryable:
                    raise
                last = str(error)
            else:
                return answer
            self.backoff.sleep(pause)
        raise TransferError(f"table {self.table}: an item was not deleted in many attempts, the last: {last}")
