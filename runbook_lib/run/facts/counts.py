"""How many items of each table were read, written, found present and quarantined, whichever way they were written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from runbook_lib.run.ledger import Ledger
from runbook_lib.run.tables.files import sums_by_table


def table_counts(ledger: Ledger) -> dict[str, dict[str, Any]]:
    """The sums by source table; a table whose manifest has no files has none.

    What ImportTable wrote and refused it only says for a table as a whole, and None until it has ended.
    """
    found = {source: asdict(sums) for source, sums in sums_by_table(ledger).items()}
    for source, fact in ledger.all("import").items():
        state = fact.get("import_table")
        if state and source in found:
            ended = bool(state.get("ended"))
            found[source] |= {
                "written": state["imported"] if ended else None,
                "quarantined": state["errors"] if ended else None,
                "present": 0 if ended else None,
            }
    return found


def written(loaded: Mapping[str, Any] | None, files: Mapping[str, Any], known: bool) -> dict[str, Any]:
    """What was acknowledged; of an import whose process was killed, that it was at least so much."""
    fact = loaded or {}
    if not known:
        return {"items_written": None, "items_written_at_least": None}
    if not (fact.get("binding") or fact.get("import_table")):
        return {"items_written": 0, "items_written_at_least": None}
    if fact["status"] == "completed" or fact.get("counted") or fact.get("import_table"):
        return {"items_written": files.get("written"), "items_written_at_least": None}
    return {"items_written": None, "items_written_at_least": files.get("written")}
