"""A put that arrives late brings back what a later window had deleted: look, and put right what it did.

After a kill or a broken connection a request may still be on its way, and AWS retries one by itself. Before the next
window there is a pause; after it every key of it is read, consistently, and held against what it should be.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from runbook_lib.aws.dynamodb.read.batch_get import read_keys
from runbook_lib.aws.transport.client import DynamoDBTransport
from runbook_lib.aws.transport.retry import Backoff
from runbook_lib.catchup.apply import send_again
from runbook_lib.catchup.read import open_changes
from runbook_lib.errors import TransferError
from runbook_lib.export_format.change import Change
from runbook_lib.items.canonical import Item, canonical_json, digest
from runbook_lib.items.keys import KeyAttribute, key_of
from runbook_lib.plan.pair import Pair
from runbook_lib.run.facts.windows import WindowFact
from runbook_lib.run.run import Run
from runbook_lib.run.tables.windows import export_files

KEYS_AT_ONCE = 100
LOOKS = 3


def recheck(run: Run, pair: Pair, fact: WindowFact, writer: DynamoDBTransport, key: tuple[KeyAttribute, ...]) -> int:
    """Read each key of the latest window, and send again what is not as it should be; how many that were.

    Raises TransferError where it does not stay as it was written: something else writes to the target.
    """
    again = 0
    for _ in range(LOOKS):
        wrong = _wrong_lines(run, pair, fact, key)
        if not wrong:
            return again
        again += sum(map(len, wrong.values()))
        send_again(run, pair, fact, writer, key, wrong)
    raise TransferError(
        f"{pair.target} should be as window {fact.number} says and does not stay so: something else writes to it. Stop "
        "it, and catch up again (40_catch_up, or runbook catch-up)"
    )


def _wrong_lines(run: Run, pair: Pair, fact: WindowFact, key: tuple[KeyAttribute, ...]) -> dict[str, frozenset[int]]:
    found: dict[str, frozenset[int]] = {}
    for row in export_files(run.ledger, fact.source, fact.arn or ""):
        with open_changes(run, fact, row.file, key) as checked:
            wrong = {n for group in _groups(checked.changes()) for n in _wrong(run, pair, group, key)}
        if wrong:
            found[row.file.key] = frozenset(wrong)
    return found


def _groups(changes: Iterator[tuple[int, Change]]) -> Iterator[list[tuple[int, Change]]]:
    while group := list(islice(changes, KEYS_AT_ONCE)):
        yield group


def _wrong(run: Run, pair: Pair, group: list[tuple[int, Change]], key: tuple[KeyAttribute, ...]) -> list[int]:
    keys: list[Item] = [change.key for _, change in group]
    items = read_keys(run.clients.target_wire, pair.target, keys, Backoff())
    held = {canonical_json(key_of(item, key)): digest(item) for item in items}
    return [
        number for number, change in group
        if held.get(canonical_json(change.key)) != (digest(change.new) if change.new is not None else None)
    ]  # fmt: skip
