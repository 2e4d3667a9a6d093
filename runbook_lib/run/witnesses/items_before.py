"""What a target held before a run's first write, item by item: only that may be found there beside the export.

Kept are keyed hashes of each key and each item, none of which says anything without the run's secret. The record
is complete before the first write, or it is made anew; one that was made with a secret that is lost forgives nothing.
What it lacks counts as the run's own, so no single reading decides what is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum
from itertools import islice

from runbook_lib.aws.dynamodb.read.limiter import RateLimit
from runbook_lib.aws.dynamodb.read.scan import Segment
from runbook_lib.aws.dynamodb.read.whole_table import take_all
from runbook_lib.items.canonical import Item, canonical_json
from runbook_lib.items.keyed import RunSecret
from runbook_lib.items.keys import KeyAttribute, key_of
from runbook_lib.run.facts.load import HeldBefore, ImportFact
from runbook_lib.run.run import Run
from runbook_lib.run.tables.unwritten import HeldRow, count_held, forget_held, held_digest, keep_held

ROWS_AT_ONCE = 2_000


class ThereBefore(Enum):
    """Whether an item that no export has was in the target before the run's first write.

    One that was, or may have been, there OTHERWISE is its owner's, who has changed it since: it is no part of a proof,
    and nothing that the run may take away.
    """

    NO = "no"
    FORGIVEN = "forgiven"
    OTHERWISE = "otherwise"


# Asked of the canonical key and the keyed digest of an item that is there now.
WasThere = Callable[[bytes, bytes], ThereBefore]


def record_held(
    run: Run, source: str, target: str, key: Sequence[KeyAttribute], going: Callable[[], None] = lambda: None
) -> tuple[int, HeldBefore]:
    """Read the target and record what it holds, in place of what an interrupted reading has left.

    `going` is called now and then. Returns what belongs with the binding: the number of items, and the fingerprint
    of the secret. Raises TransferError where a count finds more than was read.
    """
    secret, limit = run.secret, RateLimit(run.config.validate_.max_rcu)
    forget_held(run.ledger, source)

    def keep(items: Iterator[Item]) -> int:
        for rows in _together(_hashes(item, key, secret) for item in items):
            keep_held(run.ledger, source, rows)
            going()
        return count_held(run.ledger, source)

    take_all(Segment(run.clients.target_wire, target, limit), tuple(k.name for k in key), keep, going)
    return count_held(run.ledger, source), HeldBefore(secret.fingerprint)


def _together(rows: Iterable[HeldRow]) -> Iterator[list[HeldRow]]:
    rows = iter(rows)
    while some := list(islice(rows, ROWS_AT_ONCE)):
        yield some


def _hashes(item: Item, key: Sequence[KeyAttribute], secret: RunSecret) -> HeldRow:
    digest = secret.item_digests()
    digest.update(canonical_json(item))
    return HeldRow(bytes.fromhex(secret.key_hash(canonical_json(key_of(item, key)))), digest.digest())


def why_unknown(run: Run, loaded: ImportFact | None) -> str | None:
    """Why it is not known which items were there before, if items were; None where it is known."""
    if loaded is None or not loaded.items_before:
        return None
    if loaded.held_before is None:
        return "this run began before what a target holds was recorded item by item"
    if loaded.held_before.secret != run.secret.fingerprint:
        return "the run's secret, with which what was there before was recorded, is lost"
    return None


def was_there(run: Run, source: str, loaded: ImportFact | None) -> WasThere:
    """What may be in the target beside the export: items that were there before this run's first write.

    With `append` each has to be as it was, for `append` promises to change none; `overwrite` does not promise it.
    Where it is not known what was there, any item may have been.
    """
    if loaded is None or not loaded.items_before:
        return lambda name, item_digest: ThereBefore.NO
    if why_unknown(run, loaded):
        return lambda name, item_digest: ThereBefore.OTHERWISE
    secret, unchanged = run.secret, loaded.on_non_empty != "overwrite"

    def of_item(name: bytes, item_digest: bytes) -> ThereBefore:
        held = held_digest(run.ledger, source, bytes.fromhex(secret.key_hash(name)))
        if held is None:
            return ThereBefore.NO
        return ThereBefore.OTHERWISE if unchanged and held != item_digest else ThereBefore.FORGIVEN

    return of_item
