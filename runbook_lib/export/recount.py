"""The second witness of a scan: an independent count with other segments, and what explains a difference.

A page that loses its LastEvaluatedKey ends a segment early, and manifest, lines, writes and target then agree on what
is left. Another cut of the table loses another part, if any. Where the counts differ, the keys of both readings are
compared, and those that only the second found are looked up.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from runbook_lib.aws.dynamodb.describe.tables import TableDescription
from runbook_lib.aws.dynamodb.read.batch_get import read_keys
from runbook_lib.aws.dynamodb.read.limiter import RateLimit
from runbook_lib.aws.dynamodb.read.scan import Segment, count_segment, goes_on_after, scan_keys, unless
from runbook_lib.aws.transport.client import DynamoDBTransport
from runbook_lib.aws.transport.retry import Backoff
from runbook_lib.errors import ExportError
from runbook_lib.items.canonical import Item, canonical_json
from runbook_lib.items.keys import KeyAttribute, key_of
from runbook_lib.run.facts.export import Recount

MOST_LOOKED_UP = 10_000
Read = TypeVar("Read")


def recount(
    transport: DynamoDBTransport,
    table: TableDescription,
    scanned: int,
    segments: int,
    limit: RateLimit,
    stored: Callable[[], Iterable[Item]],
) -> Recount:
    """Count a table that was just scanned once more; raises ExportError for a difference that nothing explains.

    `stored` gives the items of the scan again, and is asked only if the counts differ.
    """
    others = segments + 1  # has no cut in common with the scan's own
    counted = sum(_of_all(others, lambda n: count_segment(Segment(transport, table.name, limit, n, others))))
    if counted == scanned:
        return Recount(scanned, counted, (segments, others))
    had = {_mark(item, table.key) for item in stored()}
    names = tuple(k.name for k in table.key)

    def strangers(segment: int) -> Iterator[tuple[set[bytes], list[Item]]]:
        """The keys of one segment, as marks, and those of them that the scan has not stored."""
        marks: set[bytes] = set()
        unknown: list[Item] = []
        for found in scan_keys(Segment(transport, table.name, limit, segment, others), names):
            marks.add(mark := _mark(found, table.key))
            if mark not in had and len(unknown) <= MOST_LOOKED_UP:
                unknown.append(found)
        yield marks, unknown

    seen: set[bytes] = set()
    unread: list[Item] = []
    for marks, unknown in _of_all(others, strangers):
        seen |= marks
        unread += unknown
    held = len(read_keys(transport, table.name, unread[:MOST_LOOKED_UP], Backoff()))
    result = Recount(scanned, counted, (segments, others), len(had - seen), held)
    if held or len(had) != scanned:
        raise ExportError(
            f"{table.name}: the scan stored {scanned:,} items, {len(had):,} of them with a key of their own, and a "
            f"second count finds {counted:,}: {held:,}{' or more' if len(unread) > MOST_LOOKED_UP else ''} items that "
            "the table holds were not read: source changing or page lost. Stop its writers and run again with the same "
            "run id, which scans the table anew"
        )
    return result


def refuse_cut_short(
    transport: DynamoDBTransport,
    table: TableDescription,
    segments: int,
    last_items: Mapping[int, Item],
    limit: RateLimit,
) -> None:
    """Ask what follows the last item that each segment gave; raises ExportError where something does.

    A count can agree by chance: as many items deleted since as a lost page held.
    """
    for segment, item in last_items.items():
        last = {k.name: item[k.name] for k in table.key}
        if goes_on_after(Segment(transport, table.name, limit, segment, segments), last):
            raise ExportError(
                f"{table.name}: items follow the last one of a segment that was read to its end: source changing or "
                "page lost. Stop its writers and run again with the same run id, which scans the table anew"
            )


def _of_all(segments: int, read: Callable[[int], Iterator[Read]]) -> list[Read]:
    """What all segments give, read side by side."""
    stop = threading.Event()
    with ThreadPoolExecutor(segments) as pool:
        try:
            parts = [pool.submit(lambda n: list(unless(stop, read(n))), n) for n in range(segments)]
            return [each for part in parts for each in part.result()]
        except BaseException:  # the pool waits for its threads
            stop.set()
            raise


def _mark(item: Item, schema: Sequence[KeyAttribute]) -> bytes:
    return hashlib.blake2b(canonical_json(key_of(item, schema)), digest_size=16).digest()
