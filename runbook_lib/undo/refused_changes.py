"""What a run left under the keys whose last change a target refused: the state before that change.

An overlay says what a target should hold. A change in quarantine was never written, so what the run wrote there last is
what a window before it says, or the full export.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from runbook_lib.export_format.change import Change, ChangeWindow
from runbook_lib.export_format.window_file import fetch_changes
from runbook_lib.items.canonical import Item, canonical_json
from runbook_lib.items.keys import key_of
from runbook_lib.repair.exported_lines import exported_lines
from runbook_lib.run.facts.windows import WindowFact
from runbook_lib.run.run import Run
from runbook_lib.run.tables.windows import refused_lines
from runbook_lib.validate.overlay import OverlaidExport


@dataclass(frozen=True, slots=True)
class LeftBefore:
    """What the run wrote last under a key: its digest, the key, and the item; None for a delete."""

    digest: bytes
    key: Item
    item: Item | None


def refused_keys(run: Run, one: OverlaidExport) -> frozenset[bytes]:
    """The keys, by their digests, whose last change is in quarantine."""
    found = set()
    for fact, change, refused in _changes(run, one, only_refused=True):
        digest = run.secret.key_digest(canonical_json(change.key))
        known = one.overlay.get(digest)
        if refused and known is not None and known.number == fact.number:
            found.add(digest)
    return frozenset(found)


def left_before(run: Run, one: OverlaidExport, keys: frozenset[bytes]) -> Iterator[LeftBefore]:
    """What stands under these keys, as far as the run wrote there at all."""
    if not keys:
        return
    last: dict[bytes, LeftBefore] = {}
    for line in exported_lines(one.base, one.base, run.secret):
        if line.key in keys:
            last[line.key] = LeftBefore(line.key, key_of(line.item, one.key), line.item)
    for _, change, refused in _changes(run, one):
        digest = run.secret.key_digest(canonical_json(change.key))
        if digest in keys and not refused:
            last[digest] = LeftBefore(digest, change.key, change.new)
    yield from last.values()


def _changes(run: Run, one: OverlaidExport, *, only_refused: bool = False) -> Iterator[tuple[WindowFact, Change, bool]]:
    """The changes of the windows in their order, and whether each was refused."""
    for fact, file in one.windows:
        lines = refused_lines(run.ledger, fact.source, fact.number, file.key)
        if only_refused and not lines:
            continue
        window = ChangeWindow(*fact.span, fact.view, one.key)
        with fetch_changes(one.base.s3, fact.bucket, file, window) as checked:
            for number, change in checked.changes():
                yield fact, change, number in lines
