"""The lists that are too long for the record, row by row."""

from __future__ import annotations

import json
from collections.abc import Iterator

from runbook_lib.record.files import Record
from runbook_lib.run.ledger import Ledger


def difference_rows(ledger: Ledger) -> Iterator[Record]:
    """The listed differences in the order of table, kind and key; no values, keys as the run allows."""
    for row in ledger.rows("SELECT * FROM difference ORDER BY source, kind, key_hash, key, paths"):
        parsed = {name: json.loads(row[name]) if row[name] is not None else None for name in ("key", "paths")}
        yield dict(row) | parsed
