"""What a PASS leaves to the word of an export's manifest, because nobody could be asked."""

from __future__ import annotations

from runbook_lib.record.run_json import Record
from runbook_lib.report.text import listed, pluralize


def unasked(table: Record) -> bool:
    """Whether DynamoDB could not be asked if the table's export is the whole table."""
    return bool(table.get("export_whole")) and not table["export_whole"].get("checked")


def taken_on_trust(record: Record) -> list[str]:
    """The sentences for the first screen, if there is anything to say."""
    return [*_unasked(record), *_scanned(record)]


def _scanned(record: Record) -> list[str]:
    """A scan is no moment, whatever agrees with it."""
    named = [t for t in record.get("tables") or [] if t.get("method") == "scan" and t.get("scan_witnesses")]
    if not named:
        return []
    twice = sum(t["scan_witnesses"]["scanned"] == t["scan_witnesses"]["counted"] for t in named)
    borne = (
        "a second count with other segments found as many items"
        if twice == len(named)
        else f"a second count with other segments found as many items in {twice:,} of them; in the others, items that "
        "were deleted meanwhile explain the difference"
    )
    return [
        f"{pluralize(len(named), 'table')} ({listed([str(t.get('source')) for t in named], 3)}) read by Scan, "
        f"which is no "
        f"moment: a change made during the scan may be in it or not; {borne}."
    ]


def _unasked(record: Record) -> list[str]:
    named = [t for t in record.get("tables") or [] if unasked(t)]
    if not named:
        return []
    return [
        f"As this export says: nobody could check whether the export of {pluralize(len(named), 'table')} is the "
        f"whole table "
        f"({listed([str(t.get('source')) for t in named], 3)}); "
        f"{named[0]['export_whole'].get('why') or 'the reason is not recorded'}."
    ]
