"""Whether a target that a stopped run goes on with holds only what the run may have written there.

A run that was stopped before any of its writes was acknowledged knows of none. What stands in its target by now may be
what it sent, or what somebody has written since, who would lose it: an item is the run's own only if it is as exported.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from runbook_lib.aws.dynamodb.describe.tables import TableDescription
from runbook_lib.aws.dynamodb.read.limiter import RateLimit
from runbook_lib.aws.dynamodb.read.scan import Segment, scan_items
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
MOST = 1_000_000  # items that may be on their way unacknowledged; more were written by somebody else


def nothing_acknowledged(run: Run, pair: Pair) -> bool:
    """Whether the ledger knows of no line of the table that came to an end."""
    return all(not row.acknowledged and not row.beyond for row in file_rows(run.ledger, pair.source))


def refuse_strangers(run: Run, pair: Pair, export: CompletedExport, table: TableDescription) -> None:
    """Raise GateFailed where the target holds an item that is not as exported."""
    secret, limit = RunSecret.new(), RateLimit(run.config.validate_.max_rcu)
    names = tuple(attribute.name for attribute in table.key)

    def digests(item: Item) -> tuple[bytes, bytes]:
        name = canonical_json(key_of(item, table.key))
        return secret.key_digest(name), secret.item_digest(canonical_json(item))

    with scratch_map() as there, scratch_map() as own:
        items = islice(scan_items(Segment(run.clients.target_wire, pair.target, limit), names), MOST + 1)
        _put_all(there, map(digests, items))
        if len(there) <= MOST:
            exported = (digests(item) for item in _exported(run, pair, export))
            _put_all(own, ((name, b"") for name, content in exported if there.get(name) == content))
        if strangers := len(there) - len(own):
            raise GateFailed(
                f"target {pair.target} should hold nothing but what this run has sent, as none of it was acknowledged, "
                f"and holds {strangers:,} items that are not as exported: somebody else has written to it since it was "
                "found empty, and going on could replace what that was. Nothing was written now: look at whose they "
                "are; runbook cleanup takes back what is this run's own"
            )


def _exported(run: Run, pair: Pair, export: CompletedExport) -> Iterator[Item]:
    """The items of the export; a line that is none is quarantined when it is its turn."""
    for row in file_rows(run.ledger, pair.source):
        with fetch(run.clients.staging, export.bucket, row.data_file) as checked:
            for _, line in checked.items():
                try:
                    yield parse_line(line)
                except CorruptFile:
                    continue


def _put_all(rows: ScratchMap, found: Iterator[tuple[bytes, bytes]]) -> None:
    while some := list(islice(found, ROWS_AT_ONCE)):
        rows.put_all(some)
