"""What a run wrote into a target and is still as it left it: its export with its windows laid over it.

And whether a table holds nothing else: each item of it is held to the run's own, by key and content, in two Scans.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice

from runbook_lib.aws.dynamodb.read.batch_get import KEYS_AT_ONCE, read_keys
from runbook_lib.aws.dynamodb.read.limiter import RateLimit
from runbook_lib.aws.dynamodb.read.scan import Segment, count_segment, scan_keys, scan_spelled
from runbook_lib.aws.transport.retry import Backoff
from runbook_lib.errors import RunbookError, TransferError
from runbook_lib.export_format.data_file import CheckedFile, fetch
from runbook_lib.items.canonical import Item, canonical_json, digest
from runbook_lib.items.keyed import RunSecret
from runbook_lib.items.keys import KeyAttribute, key_of
from runbook_lib.items.lines import parse_line
from runbook_lib.plan.pair import Pair
from runbook_lib.run.facts.afterwards.rollback import ROLLBACKS, RollbackStatus
from runbook_lib.run.facts.export import EXPORTS
from runbook_lib.run.run import Run
from runbook_lib.run.tables.files import file_rows
from runbook_lib.run.tables.scratch import ScratchMap, scratch_map
from runbook_lib.run.tables.unwritten import quarantined_lines
from runbook_lib.run.witnesses.begun_windows import why_half, why_unreadable
from runbook_lib.undo.refused_changes import left_before, refused_keys
from runbook_lib.undo.sent_lines import UnsentLines, unsent_lines
from runbook_lib.validate.overlay import OverlaidExport, overlaid
from runbook_lib.validate.readers import ExportReader

Piece = tuple[bool, list[Item], int]
LOOKS = ((1, None), (4, 300))  # segments, and most items in a page: no request of one Scan is one of the other
ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class FoundThere:
    """What a Scan finds in a table: items by their keys, and how many of them the run has not left there."""

    items: int
    others: int


@dataclass(frozen=True, slots=True)
class OwnKept:
    """The run's own items in a table, on the disk: digests of their keys and contents, under a secret of the moment."""

    key: tuple[KeyAttribute, ...]
    digests: ScratchMap
    secret: RunSecret = field(default_factory=RunSecret.new)

    def keep(self, items: Iterable[Item]) -> None:
        self.digests.put_all(
            self.digests_of(canonical_json(key_of(item, self.key)), canonical_json(item)) for item in items
        )

    def holds(self, name: bytes, content: bytes) -> bool:
        return self.digests.get(name) == content

    def digests_of(self, key: bytes, whole: bytes) -> tuple[bytes, bytes]:
        """What stands for an item, both in canonical JSON."""
        return self.secret.key_digest(key), self.secret.item_digest(whole)

    def __len__(self) -> int:
        return len(self.digests)


def held_to_own(run: Run, pair: Pair, own: OwnKept) -> FoundThere:
    """What is in a target, each item held to the run's own; two Scans with other pages and a count say the same.

    Raises TransferError where they do not, or where an item of the run's own is not among them: a page was lost, or
    somebody writes to the table.
    """
    first, second = (_look(run, pair, own, segments, most) for segments, most in LOOKS)
    if first != second:
        raise _unsure(pair, f"one Scan finds {_said(first)}, and another one {_said(second)}")
    if first.others:
        return first
    if first.items != len(own):
        raise _unsure(pair, f"of {len(own):,} items of this run that were just read, two Scans find {first.items:,}")
    counted = sum(count_segment(Segment(run.clients.target_wire, pair.target, RateLimit(None))))
    if counted != first.items:
        raise _unsure(pair, f"two Scans find {first.items:,} items, and a count {counted:,}")
    return first


def _look(run: Run, pair: Pair, own: OwnKept, segments: int, most: int | None) -> FoundThere:
    others = 0
    with scratch_map() as seen:
        for number in range(segments):
            segment = Segment(run.clients.target_wire, pair.target, RateLimit(None), number, segments, most=most)
            items = (own.digests_of(name, whole) for name, whole in scan_spelled(segment, own.key))
            while some := list(islice(items, ROWS_AT_ONCE)):
                others += sum(not own.holds(name, content) for name, content in some)
                seen.put_all(some)
        return FoundThere(len(seen), others)


def _said(held: FoundThere) -> str:
    return f"{held.items:,} items of which {held.others:,} are not this run's"


def _unsure(pair: Pair, found: str) -> TransferError:
    return TransferError(
        f"{pair.target}: {found}; the table stays, and so does what says which items are this run's. Stop whoever "
        "writes to it and run the cleanup again; if it stays, the server or a proxy is broken"
    )


def own_items(run: Run, pair: Pair, key: tuple[KeyAttribute, ...]) -> Iterator[Piece]:
    """Pieces of what is in the target as the run wrote it: the last of a file, the items, and how many were changed.

    Read consistently a moment before whatever is done about them. Of a key that a window has, its last state counts.
    Raises TransferError where a window is applied in part: some of its keys are as it says, and others as before. And
    at the end where a Scan finds what was not there when it was looked for: it would stay, and nobody know whose it is.
    """
    over = _overlaid(run, pair, key)
    streams = _of_windows(run, over) if over is not None else _of_export(run, pair)
    with scratch_map() as absent:
        for stream in streams:
            for written in _groups(stream, key):
                asked = [each for each, _ in written.values()]
                held = {
                    _key(item, key): item for item in read_keys(run.clients.target_wire, pair.target, asked, Backoff())
                }
                same = [item for name, item in held.items() if written[name][1] == digest(item)]
                absent.put_all((name, b"") for name in written.keys() - held.keys())
                yield False, same, len(held) - len(same)
            yield True, [], 0
        _refuse_found(run, pair, key, absent)


def _refuse_found(run: Run, pair: Pair, key: tuple[KeyAttribute, ...], absent: ScratchMap) -> None:
    """Raise TransferError if a Scan finds anything under the keys that were told to hold nothing."""
    if not len(absent):
        return
    segment = Segment(run.clients.target_wire, pair.target, RateLimit(None))
    there = sum(absent.get(_key(item, key)) is not None for item in scan_keys(segment, tuple(k.name for k in key)))
    if there:
        raise TransferError(
            f"{pair.target}: of {len(absent):,} items of this run that were not there when looked for, a Scan finds "
            f"{there:,}; they may still be this run's, and what says so is kept. Run the cleanup again; if it "
            "stays, the server or a proxy is broken, or somebody writes to the table"
        )


def _overlaid(run: Run, pair: Pair, key: tuple[KeyAttribute, ...]) -> OverlaidExport | None:
    """The overlaid stream; raises TransferError where nobody knows what the windows left."""
    back = ROLLBACKS.of(run.ledger, pair.source)
    is_back = back is not None and back.status is RollbackStatus.COMPLETED  # and such a window with it
    if not is_back and (why := why_half(run, pair.source)):
        raise TransferError(f"{why}; or runbook rollback, which takes it back. Clean up then")
    if why := why_unreadable(run, pair.source):
        raise TransferError(f"{why}; or remove what is not needed yourself")
    bucket = str(EXPORTS.needed(run.ledger, pair.source).bucket)
    files = [row.data_file for row in file_rows(run.ledger, pair.source)]
    refused = quarantined_lines(run.ledger, pair.source)
    return overlaid(run, pair, ExportReader(run.clients.staging, bucket, files, key, refused))


def _of_windows(run: Run, over: OverlaidExport) -> Iterator[Iterator[Item]]:
    """What was written last under each key: a state that the target refused is none of them, but the one before is."""
    refused, never = refused_keys(run, over), over.refused_keys()
    for file in over.files:
        of_full = file.ordinal < len(over.base.files)
        yield (
            item
            for item in over.items_of(file)
            if not (refused and _keyed(run, item, over.key) in refused)
            and not (of_full and never and canonical_json(key_of(item, over.key)) in never)
        )
    if refused:
        yield (left.item for left in left_before(run, over, refused) if left.item is not None)


def _keyed(run: Run, item: Item, schema: tuple[KeyAttribute, ...]) -> bytes:
    return run.secret.key_digest(canonical_json(key_of(item, schema)))


def _of_export(run: Run, pair: Pair) -> Iterator[Iterator[Item]]:
    bucket, unsent = str(EXPORTS.needed(run.ledger, pair.source).bucket), unsent_lines(run, pair)
    for row in file_rows(run.ledger, pair.source):
        with fetch(run.clients.staging, bucket, row.data_file) as checked:
            yield _written(checked, unsent[row.data_file.key])


def _written(checked: CheckedFile, unsent: UnsentLines) -> Iterator[Item]:
    """The items of a file that the run may have written."""
    for number, line in checked.items():
        if number not in unsent:
            with suppress(RunbookError):  # no item: it was quarantined and never written
                yield parse_line(line)


def _groups(items: Iterable[Item], schema: tuple[KeyAttribute, ...]) -> Iterator[dict[bytes, tuple[Item, bytes]]]:
    """Items by key digest, as many as can be asked for at once: their keys and digests."""
    group: dict[bytes, tuple[Item, bytes]] = {}
    for item in items:
        try:
            group[_key(item, schema)] = (key_of(item, schema), digest(item))
        except RunbookError:
            continue  # no item of this table: it was quarantined and never written
        if len(group) == KEYS_AT_ONCE:
            yield group
            group = {}
    if group:
        yield group


def _key(item: Item, schema: tuple[KeyAttribute, ...]) -> bytes:
    return digest(key_of(item, schema))
