"""Compare an export with a table, item by item, in memory that does not grow with them.

Both sides are streamed once into buckets. Only buckets that differ are streamed again, a bounded
number of items at a time, to name the items. Every suspect is read once more, consistently, before
it is called a difference: the target may have changed while it was scanned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from runbook_lib.buckets import Buckets, bucket_of, digests
from runbook_lib.items import Item, KeyAttribute, digest, key_of

ITEMS_AT_ONCE = 200_000
KINDS = ("missing", "extra", "different", "expired")
Stream = Callable[[], Iterator[Item]]
Lookup = Callable[[list[Item]], list[Item]]


@dataclass(frozen=True, slots=True)
class Difference:
    """One item that is not the same on both sides; `kind` is one of KINDS, `key` its key attributes."""

    kind: str
    key: Item


@dataclass(slots=True)
class Comparison:
    """The result: counts of both sides, their digests, and how many differences of each kind."""

    exported: int
    found: int
    export_digest: str
    target_digest: str
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    listed: list[Difference] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        return self.export_digest == self.target_digest


@dataclass(slots=True)
class _Suspect:
    exported: list[bytes] = field(default_factory=list)
    found: list[bytes] = field(default_factory=list)
    key: Item = field(default_factory=dict)
    expires: float | None = None


def compare(
    export: Buckets,
    target: Buckets,
    exported_items: Stream,
    found_items: Stream,
    key: Sequence[KeyAttribute],
    look_again: Lookup,
    expires: Callable[[Item], float | None],
    now: float,
    limit: int,
) -> Comparison:
    """Name the differences between two sides whose buckets are known; lists at most `limit` of them."""
    result = Comparison(export.items, target.items, export.table_digest(), target.table_digest())
    for group in _groups(export, target):
        suspects: dict[bytes, _Suspect] = {}
        for item in exported_items():
            if suspect := _suspect(suspects, group, item, key, exported=True):
                suspect.expires = expires(item)
        for item in found_items():
            _suspect(suspects, group, item, key, exported=False)
        wrong = {k: s for k, s in suspects.items() if sorted(s.exported) != sorted(s.found)}
        _classify(result, wrong, key, look_again, now, limit)
    return result


def _groups(export: Buckets, target: Buckets) -> Iterator[set[int]]:
    """The differing buckets, so many at a time that their items fit into memory."""
    group: set[int] = set()
    size = 0
    for bucket in export.differing(target):
        items = export.counts[bucket] + target.counts[bucket]
        if group and size + items > ITEMS_AT_ONCE:
            yield group
            group, size = set(), 0
        group.add(bucket)
        size += items
    if group:
        yield group


def _suspect(
    suspects: dict[bytes, _Suspect], group: set[int], item: Item, key: Sequence[KeyAttribute], *, exported: bool
) -> _Suspect | None:
    key_digest, item_digest = digests(item, key)
    if bucket_of(key_digest) not in group:
        return None
    suspect = suspects.setdefault(key_digest, _Suspect(key=key_of(item, key)))
    (suspect.exported if exported else suspect.found).append(item_digest)
    return suspect


def _classify(
    result: Comparison,
    wrong: dict[bytes, _Suspect],
    key: Sequence[KeyAttribute],
    look_again: Lookup,
    now: float,
    limit: int,
) -> None:
    held = {digest(key_of(item, key)): digest(item) for item in look_again([s.key for s in wrong.values()])}
    for key_digest, suspect in wrong.items():
        kind = _kind(suspect, held.get(key_digest), now)
        if kind is not None:
            result.counts[kind] += 1
            if len(result.listed) < limit:
                result.listed.append(Difference(kind, suspect.key))


def _kind(suspect: _Suspect, held: bytes | None, now: float) -> str | None:
    """What is wrong with one key, given the item the target holds under it now; None if nothing is."""
    if not suspect.exported:
        return "extra" if held is not None else None
    if len(suspect.exported) > 1 and len(set(suspect.exported)) > 1:
        return "different"  # the export itself says two things about one key
    if held == suspect.exported[0]:
        return "missing" if len(suspect.exported) > 1 else None
    if held is not None:
        return "different"
    return "expired" if suspect.expires is not None and suspect.expires <= now else "missing"
