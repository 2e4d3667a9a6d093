"""What a target held before a run's first write, item by item: only that may be found there beside the export.

Kept are keyed hashes of each key and each item, none of which says anything without the run's secret. The record
is complete before the first write, or it is made anew; one that was made with a secret that is lost forgives nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from runbook_lib.aws.dynamodb.read.limiter import RateLimit
from runbook_lib.aws.dynamodb.read.scan import Segment, scan_items
from runbook_lib.items.canonical import Item, canonical_json
from runbook_lib.items.keyed import RunSecret
from runbook_lib.items.keys import KeyAttribute, key_of
from runbook_lib.run.facts.load import HeldBefore, ImportFact
from runbook_lib.run.run import Run
from runbook_lib.run.tables.unwritten import HeldRow, count_held, forget_held, held_digest, keep_held

ROWS_AT_ONCE = 2_000
# Given the canonical key and the keyed digest of an item that is there now: whether it may be there.
Forgives = Callable[[bytes, bytes], bool]


def record_held(
    run: Run, source: str, target: str, key: Sequence[KeyAttribute], going: Callable[[], None] = lambda: None
) -> tuple[int, HeldBefore]:
    """Read the target and record what it holds, in place of what an interrupted reading has left.

    `going` is called now and then. Returns what belongs with the binding: the number of items, and the fingerprint
    of the secret.
    """
    secret, limit = run.secret, RateLimit(run.config.validate_.max_rcu)
    forget_held(run.ledger, source)
    names = tuple(k.name for k in key)
    items = scan_items(Segment(run.clients.target_wire, target, limit), names)
    for rows in _together(_hashes(item, key, secret) for item in items):
        keep_held(run.ledger, source, rows)
        going()
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


def forgives(run: Run, source: str, loaded: ImportFact | None) -> Forgives:
    """What may be in the target beside the export: items that were there before this run's first write.

    With `append` each has to be as it was, for `append` promises to change none; `overwrite` does not promise it.
    """
    if loaded is None or not loaded.items_before or why_unknown(run, loaded):
        return lambda name, item_digest: False
    secret, unchanged = run.secret, loaded.on_non_empty != "overwrite"

    def was_there(name: bytes, item_digest: bytes) -> bool:
        held = held_digest(run.ledger, source, bytes.fromhex(secret.key_hash(name)))
        return held is not None and (not unchanged or held == item_digest)

    return was_there
