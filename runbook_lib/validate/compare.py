"""Compare an export with a table, item by item, in memory that does not grow with them.

Both sides are streamed once into buckets. Only buckets that differ are streamed again, a bounded
number of items at a time, to name the items. Every suspect is read once more, consistently, before
it is called a difference: the target may have changed while it was scanned. Digests are keyed with the run's
secret: nobody could choose items that seem equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import orjson

from runbook_lib.items.canonical import Item
from runbook_lib.items.item_digests import digests
from runbook_lib.items.keyed import RunSecret
from runbook_lib.items.keys import KeyAttribute
from runbook_lib.run.tables.comparison import PathDifference
from runbook_lib.run.witnesses.items_before import ThereBefore, WasThere
from runbook_lib.validate.attribute_diff import differing_paths
from runbook_lib.validate.bucket_digest import BucketDigest, bucket_of

ITEMS_AT_ONCE = 500_000
KEYS_AT_ONCE = 100  # of one second look
CONTENT_BYTES = 64 << 20  # of exported items kept while their differing paths are looked for
HELD_BYTES = 256  # that one of ITEMS_AT_ONCE takes, about
KINDS = ("missing", "extra", "different", "expired", "quarantined")
REPAIRABLE = ("missing", "extra", "different")
# DynamoDB does not delete what expired longer ago than this ("Using time to live", Developer Guide).
TTL_REACH_SECONDS = 5 * 365.25 * 86400
Stream = Callable[[], Iterator[Item]]
Lookup = Callable[[list[Item]], list[Item]]
Expiry = Callable[[Item], float | None]
Known = Callable[[], frozenset[bytes]]
NoteWrong = Callable[[str, bytes, bytes, bool], None]


def no_note(kind: str, name: bytes, held: bytes, single: bool) -> None:
    """Nobody wants to hear what is wrong, beyond the counts."""


@dataclass(frozen=True, slots=True)
class ItemDifference:
    """One item that is not the same on both sides.

    `kind` is one of KINDS, `key` its key attributes. `paths` are the first places that differ, for
    kind `different`; None where they were not looked into.
    """

    kind: str
    key: Item
    key_hash: str
    paths: tuple[PathDifference, ...] | None = None


@dataclass(slots=True)
class Comparison:
    """The result: counts of both sides, their plain digests, and how many differences of each kind.

    `equal` says that the first reading of both sides agreed.

    `found` is what the scan found, put right by the second looks; `moved` says how many items the
    scan and the second look saw differently, because the target was written to in between. `unread` of them were there
    and the scan had none of them, `gone` were in the scan and not there any more. `contradicted` were right only by a
    second look: a third reading, by Scan, did not bear it out.
    `there_before` of the extra items may be there, each for itself: they are no differences and not listed. Others,
    `otherwise_before`, were there or may have been, and are not as they were: no repair may take them away.
    `held_back` of the different items are in quarantine, so no repair writes them either.
    """

    exported: int
    found: int
    export_digest: str
    target_digest: str
    equal: bool
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    listed: list[ItemDifference] = field(default_factory=list)
    looked_again: int = 0
    moved: int = 0
    unread: int = 0
    gone: int = 0
    contradicted: int = 0
    there_before: int = 0
    otherwise_before: int = 0
    held_back: int = 0


@dataclass(frozen=True, slots=True)
class Rules:
    """What is told of the items of one table, and by what an absent one may be explained.

    `expires` gives the moment, in Unix seconds, at which the TTL removes an exported item, where it may have;
    `clock` is asked for the time after an item was looked for. `refused` are the canonical keys of items that
    the import could not write: their absence is known. `was_there` tells, of a canonical key and the keyed digest of
    what is under it now, whether the item was there before the run. At most `limit` differences are listed, all
    are counted. `note` hears of each that something could be done about: its kind, the canonical key, the keyed digest
    of what is under it now, empty where nothing is, and whether the export says one thing about it that can be written.
    `has_later` tells whether a later window says what should be under a key, in place of what was refused.
    """

    secret: RunSecret
    expires: Expiry
    clock: Callable[[], float]
    limit: int
    refused: Known = frozenset
    was_there: WasThere = lambda name, item_digest: ThereBefore.NO
    note: NoteWrong = no_note
    has_later: Callable[[bytes], bool] = lambda name: False


@dataclass(slots=True)
class _Suspect:
    """One key that does not match: digests of both sides, and the exported item while there is room."""

    exported: list[bytes]
    scanned: bytes
    content: bytes | None = None
    expires: float | None = None


def compare(
    export: BucketDigest,
    target: BucketDigest,
    exported_items: Stream,
    found_items: Stream,
    key: Sequence[KeyAttribute],
    look_again: Lookup,
    rules: Rules,
) -> Comparison:
    """Name every item that differs; the buckets are keyed with the secret of the rules."""
    differing = export.differing(target)
    result = Comparison(export.items, target.items, export.table_digest(), target.table_digest(), not differing)
    refused = rules.refused() if differing else frozenset()
    for group in _groups(differing, export, target):
        found = _found_in(group, found_items(), key, rules)
        # The later reading replaces the first one, which the target may have changed under.
        later = sum(len(d) // 16 for d in found.values()) - sum(target.counts[b] for b in group)
        result.found += later
        result.unread += max(0, later)
        result.gone += max(0, -later)
        righted: dict[bytes, bytes] = {}
        suspects = _suspects(group, exported_items(), found, key, rules)
        names = iter(suspects.items())
        while batch := dict(islice(names, KEYS_AT_ONCE)):
            righted |= _settle(result, batch, key, look_again, rules, refused)
        result.contradicted += _contradicted(righted, group, found_items, key, rules) if righted else 0
    return result


def _groups(differing: list[int], export: BucketDigest, target: BucketDigest) -> Iterator[set[int]]:
    """The differing buckets, so many at a time that their items fit into memory."""
    group: set[int] = set()
    size = 0
    for bucket in differing:
        items = export.counts[bucket] + target.counts[bucket]
        if group and size + items > ITEMS_AT_ONCE:
            yield group
            group, size = set(), 0
        group.add(bucket)
        size += items
    if group:
        yield group


def _found_in(group: set[int], items: Iterator[Item], key: Sequence[KeyAttribute], rules: Rules) -> dict[bytes, bytes]:
    """Digests by canonical key; an item that the scan met twice has two of them."""
    found: dict[bytes, bytes] = {}
    keyed = rules.secret.item_digests()
    for item in items:
        name, item_digest = digests(item, key, keyed)
        if bucket_of(name) in group:
            name = _compact(name)
            found[name] = found.get(name, b"") + item_digest
    return found


def _compact(data: bytes) -> bytes:
    """A copy that takes its length only: what orjson returns holds on to a kilobyte of the heap."""
    return bytes(memoryview(data))


def _suspects(
    group: set[int], items: Iterator[Item], found: dict[bytes, bytes], key: Sequence[KeyAttribute], rules: Rules
) -> dict[bytes, _Suspect]:
    """Every key whose exported item is not the found one, and every found one that was not exported."""
    matched: set[bytes] = set()
    suspects: dict[bytes, _Suspect] = {}
    room, keyed = CONTENT_BYTES, rules.secret.item_digests()
    for item in items:
        name, item_digest = digests(item, key, keyed)
        if bucket_of(name) not in group:
            continue
        if name in suspects:
            suspects[name].exported.append(item_digest)
        elif name in matched:  # a second line under the same key
            suspects[name] = _Suspect([found[name], item_digest], found[name])
        elif found.get(name) == item_digest:
            matched.add(_compact(name))
        else:
            content = _compact(orjson.dumps(item)) if room > 0 and name in found else None
            room -= len(content or b"")
            suspects[_compact(name)] = _Suspect([item_digest], found.get(name, b""), content, rules.expires(item))
    for name, scanned in found.items():
        if name not in matched and name not in suspects:
            suspects[name] = _Suspect([], scanned)
    return suspects


def _settle(
    result: Comparison,
    suspects: dict[bytes, _Suspect],
    key: Sequence[KeyAttribute],
    look_again: Lookup,
    rules: Rules,
    refused: frozenset[bytes],
) -> dict[bytes, bytes]:
    """Read the suspects again and count what is wrong with them still.

    Returns what is right by this look alone, as digests of what it found: none where nothing is there.
    """
    righted: dict[bytes, bytes] = {}
    nothing: tuple[Item | None, bytes] = (None, b"")
    held: dict[bytes, tuple[Item | None, bytes]] = {}
    keyed = rules.secret.item_digests()
    for seen in look_again([orjson.loads(name) for name in suspects]):
        name, item_digest = digests(seen, key, keyed)
        held[name] = seen, item_digest
    now = rules.clock()  # after the look: what was not there then may have expired only just before
    result.looked_again += len(suspects)
    for name, suspect in suspects.items():
        item, item_digest = held.get(name, nothing)
        result.found += (item is not None) - len(suspect.scanned) // 16
        result.moved += item_digest != suspect.scanned
        result.unread += item is not None and not suspect.scanned
        result.gone += item is None and bool(suspect.scanned)
        kind = _kind(suspect, item_digest, now, name in refused)
        if kind is None:
            if item_digest != suspect.scanned:
                righted[name] = item_digest
            continue
        result.counts[kind] += 1
        before = rules.was_there(name, item_digest) if kind == "extra" else ThereBefore.NO
        if before is ThereBefore.FORGIVEN:
            result.there_before += 1
            continue
        result.otherwise_before += before is ThereBefore.OTHERWISE
        if kind in REPAIRABLE and before is ThereBefore.NO:
            held_back = kind == "different" and name in refused and not rules.has_later(name)
            result.held_back += held_back
            rules.note(kind, name, item_digest, len(suspect.exported) < 2 and not held_back)
        if len(result.listed) < rules.limit:
            paths = None
            if kind == "different" and item is not None and suspect.content is not None:
                paths = differing_paths(orjson.loads(suspect.content), item)
            result.listed.append(ItemDifference(kind, orjson.loads(name), rules.secret.key_hash(name), paths))
    return righted


def _contradicted(
    righted: dict[bytes, bytes], group: set[int], found_items: Stream, key: Sequence[KeyAttribute], rules: Rules
) -> int:
    """How many items that only a second look called right are otherwise in a third reading.

    A second look that gets an older answer would excuse whatever the target has become since.
    """
    held = _found_in(group, found_items(), key, rules)
    return sum(held.get(name, b"") != seen for name, seen in righted.items())


def _kind(suspect: _Suspect, held: bytes, now: float, refused: bool) -> str | None:
    """What is wrong with one key, given the digest of what the target holds under it now; None if nothing is."""
    if not suspect.exported:
        return "extra" if held else None
    if len(set(suspect.exported)) > 1:
        return "different"  # the export itself says two things about one key
    if held == suspect.exported[0]:
        return "missing" if len(suspect.exported) > 1 else None
    if held:
        return "different"
    if refused:
        return "quarantined"
    if suspect.expires is not None and now - TTL_REACH_SECONDS < suspect.expires <= now:
        return "expired"
    return "missing"
