"""What a PASS leaves to the word of an export's manifest, because nobody could be asked."""

from __future__ import annotations

from runbook_lib.record import Record
from runbook_lib.wording import listed, many


def unasked(table: Record) -> bool:
    """Whether DynamoDB could not be asked if the table's export is the whole table."""
    return bool(table.get("export_whole")) and not table["export_whole"].get("checked")


def taken_on_trust(record: Record) -> list[str]:
    """The sentence for the first screen, if there is anything to say."""
    named = [t for t in record.get("tables") or [] if unasked(t)]
    if not named:
        return []
    return [
        f"As this export says: nobody could check whether the export of {many(len(named), 'table')} is the whole table "
        f"({listed([str(t.get('source')) for t in named], 3)}); "
        f"{named[0]['export_whole'].get('why') or 'the reason is not recorded'}."
    ]
