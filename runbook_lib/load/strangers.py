"""Whether a target that a stopped run goes on with holds only what the run may have written there.

What stands there by now may be what the run sent without hearing of it, or what somebody has written since, who would
lose it: what is not acknowledged yet may replace an item only if that is as exported. That nobody has written is never
concluded from one reading.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from runbook_lib.aws.dynamodb.describe.tables import TableDescription
from runbook_lib.aws.dynamodb.read.limiter import RateLimit
from runbook_lib.aws.dynamodb.read.scan import Segment
from runbook_lib.aws.dynamodb.read.whole_table import take_all
from runbook_lib.errors import CorruptFile, GateFailed
from runbook_lib.export_format.data_file import fetch
from runbook_lib.items.canonical import Item, canonical_json
from runbook_lib.items.keyed import RunSecret
from runbook_lib.items.keys import key_of
from runbook_lib.items.lines import parse_line
from runbook_lib.plan.pair import Pair
from runbook_lib.run.facts.export import CompletedExport
from runbook_lib.run.run import Run
from runbook_lib.run.tables.files import file_rows
from runbook_lib.run.tables.scratch import ScratchMap, scratch_map

ROWS_AT_ONCE = 2_000
Digests = tuple[bytes, bytes]  # of a key, and of the item under it
MOST = 1_000_000  # items that may be on their way unacknowledged; more were written by somebody else

_TAKE_BACK = "Nothing was written now: look at whose they are; runbook cleanup takes back what is this run's own"


def nothing_acknowledged(run: Run, pair: Pair) -> bool:
    """Whether the ledger knows of no line of the table that came to an end."""
    return all(not row.acknowledged and not row.beyond for row in file_rows(run.ledger, pair.source))


def refuse_strangers(
    run: Run, pair: Pair, export: CompletedExport, table: TableDescription, going: Callable[[], None]
) -> None:
    """Raise GateFailed where the target holds an item that is not as exported and that going on would replace.

    Before any write was acknowledged each item that is not as exported is somebody else's. `going` is called now and
    then; what it raises ends the reading.
    """
    reading = _Reading(run, pair, export, table, RunSecret.new(), going)
    if nothing_acknowledged(run, pair):
        if strangers := _not_as_exported(reading):
            raise GateFailed(
                f"target {pair.target} should hold nothing but what this run has sent, as none of it was acknowledged, "
                f"and holds {strangers:,} items that are not as exported: somebody else has written to it since it was "
                f"found empty, and going on could replace what that was. {_TAKE_BACK}"
            )
    elif taken := _in_the_way(reading):
        raise GateFailed(
            f"target {pair.target} should hold each item that this run has not heard of yet as exported, or not at "
            f"all, and holds {taken:,} of them otherwise: somebody else has written them since this run stopped, and "
            f"going on would replace what that was. {_TAKE_BACK}"
        )


@dataclass(frozen=True, slots=True)
class _Reading:
    """Both sides of a table, item by item, as digests of key and content that say nothing outside of this reading."""

    run: Run
    pair: Pair
    export: CompletedExport
    table: TableDescription
    secret: RunSecret
    going: Callable[[], None]

    def take_held(self, take: Callable[[Iterator[Digests]], int | None]) -> None:
        """Hand over what the target holds, as `take_all` does."""
        names = tuple(attribute.name for attribute in self.table.key)
        limit = RateLimit(self.run.config.validate_.max_rcu)
        whole = Segment(self.run.clients.target_wire, self.pair.target, limit)
        take_all(whole, names, lambda items: take(self._digested(items)), self.going)

    def left(self) -> Iterator[Digests]:
        """What is not acknowledged of the export."""
        return self._digested(_left(self.run, self.pair, self.export))

    def _digested(self, items: Iterator[Item]) -> Iterator[Digests]:
        for number, item in enumerate(items):
            if number % ROWS_AT_ONCE == 0:
                self.going()
            name = canonical_json(key_of(item, self.table.key))
            yield self.secret.key_digest(name), self.secret.item_digest(canonical_json(item))


def _not_as_exported(reading: _Reading) -> int:
    with scratch_map() as there, scratch_map() as own:

        def put(found: Iterator[Digests]) -> int | None:
            _put_all(there, islice(found, MOST + 1))
            return len(there) if len(there) <= MOST else None

        reading.take_held(put)
        if len(there) <= MOST:
            _put_all(own, ((name, b"") for name, content in reading.left() if there.get(name) == content))
        return len(there) - len(own)


def _in_the_way(reading: _Reading) -> int:
    """How many items of the target are not as exported under keys that are still to be written.

    The smaller side is kept on the disk while the other is read.
    """
    rows = file_rows(reading.run.ledger, reading.pair.source)
    acknowledged = sum(row.acknowledged + sum(last - first + 1 for first, last in row.beyond) for row in rows)
    left = sum(row.data_file.items for row in rows) - acknowledged
    if not left:
        return 0
    with scratch_map() as kept:
        if left < acknowledged:
            _put_all(kept, reading.left())
            return _most_otherwise(reading, kept)

        def put(found: Iterator[Digests]) -> int:
            _put_all(kept, found)
            return len(kept)

        reading.take_held(put)
        return sum(kept.get(name) not in (None, content) for name, content in reading.left())


def _most_otherwise(reading: _Reading, wanted: ScratchMap) -> int:
    """How many items of the target are not as wanted under their keys, in the reading that finds most of them."""
    otherwise = [0]

    def count(found: Iterator[Digests]) -> int:
        read, others = 0, 0
        for name, content in found:
            read += 1
            others += wanted.get(name) not in (None, content)
        otherwise.append(others)
        return read

    reading.take_held(count)
    return max(otherwise)


def _left(run: Run, pair: Pair, export: CompletedExport) -> Iterator[Item]:
    """The items of the export that are not acknowledged; a line that is none is quarantined when it is its turn."""
    for row in file_rows(run.ledger, pair.source):
        if row.acknowledged == row.data_file.items:
            continue
        with fetch(run.clients.staging, export.bucket, row.data_file) as checked:
            for number, line in checked.items(row.acknowledged):
                if any(first <= number <= last for first, last in row.beyond):
                    continue
                try:
                    yield parse_line(line)
                except CorruptFile:
                    continue


def _put_all(rows: ScratchMap, found: Iterator[Digests]) -> None:
    while some := list(islice(found, ROWS_AT_ONCE)):
        rows.put_all(some)
