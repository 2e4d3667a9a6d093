"""The lists that are too long for the record, row by row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from runbook_lib.run.ledger import Ledger
from runbook_lib.run.tables.comparison import differences


def difference_rows(ledger: Ledger) -> Iterator[dict[str, Any]]:
    """The listed differences in the order of table, kind and key; no values, keys as the run allows."""
    return (asdict(row) for row in differences(ledger))
