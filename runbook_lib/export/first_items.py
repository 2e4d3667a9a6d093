"""What the first items of an export show before any of them is written: attributes of replication.

A source that AWS exports is read by nobody before, and a role for exports may not scan. The pre-flight's look at the
table is completed here, by the beginnings of a few data files; where one cannot be read nothing is added to it, and the
import will say why.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace

from runbook_lib.aws.s3.objects import first_bytes
from runbook_lib.config.check_ids import CheckId
from runbook_lib.errors import CorruptFile
from runbook_lib.items.lines import parse_line
from runbook_lib.plan.check import WARNING
from runbook_lib.plan.pair import Pair
from runbook_lib.plan.replication import REPLICATION, replication_check, seen_in
from runbook_lib.plan.writing import Method
from runbook_lib.run.facts.export import EXPORTS, ExportStatus
from runbook_lib.run.facts.plan import CHECKS, WARNINGS
from runbook_lib.run.run import Run
from runbook_lib.run.tables.files import file_rows

FILES, BLOCK, FIRST_ITEMS = 4, 128 << 10, 1_000
LONGEST = 4 << 20  # bytes of lines that a block is unpacked to


def complete_looks(run: Run, pairs: Sequence[Pair]) -> None:
    """Let the look for attributes of replication say what the first items of each completed export show.

    What a fleet was checked for is long, and is read and written once.
    """
    named = {pair.source: names for pair in pairs if (names := _names(run, pair)) is not None}
    checks = CHECKS.of(run.ledger) or ()
    warned = {c.source for c in checks if c.id == CheckId.REPLICATION_ATTRIBUTES and c.status == WARNING}
    made = [
        seen_in(replication_check(source), names, items=True) for source, names in named.items() if source not in warned
    ]
    if not made:
        return
    anew = {check.source for check in made}
    kept = [c for c in checks if c.id != CheckId.REPLICATION_ATTRIBUTES or c.source not in anew]
    new = [check.obstacle for check in made if check.status == WARNING]
    with run.ledger.batch():
        CHECKS.record(run.ledger, (*kept, *made))
        if new:
            WARNINGS.record(run.ledger, (*(WARNINGS.of(run.ledger) or ()), *new))


def _names(run: Run, pair: Pair) -> tuple[str, ...] | None:
    """The attributes of replication that an export begins with; None where nothing can be said of them."""
    fact = EXPORTS.of(run.ledger, pair.source)
    if fact is None or fact.status != ExportStatus.COMPLETED or pair.method == Method.SCAN:
        return None
    if fact.first_attributes is not None:
        return fact.first_attributes
    read = first_attributes(run, pair.source, str(fact.bucket))
    if read is None:
        return None
    EXPORTS.record(run.ledger, pair.source, replace(fact, first_attributes=tuple(read)))
    return tuple(read)


def first_attributes(run: Run, source: str, bucket: str) -> list[str] | None:
    """Names of the attributes of replication in the first items of an export; None where they cannot be read."""
    names: set[str] = set()
    files = [row.data_file for row in file_rows(run.ledger, source) if row.data_file.items]
    for file in files[:FILES]:
        block = first_bytes(run.clients.raw, bucket, file.key, BLOCK)
        if block is None:
            return None
        try:
            *lines, _ = zlib.decompressobj(31).decompress(block, LONGEST).split(b"\n")  # the last one is cut short
            for line in lines[:FIRST_ITEMS]:
                names |= parse_line(line).keys()
        except (zlib.error, CorruptFile):  # what is no item shows nothing of items
            return None
    return sorted(name for name in names if name.startswith(REPLICATION))
