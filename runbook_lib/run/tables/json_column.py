"""Columns that hold JSON: read by their types, as facts are, and refused by name where they are damaged."""

from __future__ import annotations

import json
from typing import Any

from runbook_lib.run.facts.codec import Unfit, reader_of
from runbook_lib.run.ledger import Ledger

Spans = tuple[tuple[int, int], ...]  # first and last lines


def held_in(ledger: Ledger, column: str, of: str, kind: Any, text: object) -> Any:
    """What a column, called `table.column`, holds in a row `of` something; raises LedgerError if it is not `kind`."""
    try:
        return reader_of(kind)(json.loads(text))  # type: ignore[arg-type]  # whatever somebody has put there
    except (Unfit, TypeError, ValueError, RecursionError) as error:
        raise ledger.damaged(f"{column} of {of}", error) from None
