"""What is true of some tables and worth a line in every report: a test of a table's record, and the words."""

from __future__ import annotations

from collections.abc import Callable

from runbook_lib.record.model.table import SCAN, TableRecord
from runbook_lib.report.sections.first_screen.taken_on_trust import unasked


def _moved(table: TableRecord) -> bool:
    digests = table.export_digest, table.target_digest
    unlike = all(digests) and digests[0] != digests[1] and not table.items_quarantined  # those are in one of two
    differ = unlike or bool(table.moved)
    return differ and not any((table.missing, table.extra, table.different, table.expired))


def is_scanned(table: TableRecord) -> bool:
    """Whether what the run has of a table comes from a Scan."""
    return table.method == SCAN and table.items_exported is not None


PRESENT = (
    "with items that were there already, equal to the exported ones: who wrote them is unknown, they count as present, "
    "and a cleanup leaves them"
)
SENT_AGAIN = (
    "with items that were sent again because their first write was not answered: if another writer had written these "
    "keys in between, that was replaced, and nothing shows it"
)
NOTABLE: tuple[tuple[Callable[[TableRecord], object], str], ...] = (
    (
        is_scanned,
        "read by Scan, which does not capture one moment: changes made during the scan may be missing",
    ),
    (
        lambda t: t.manifest_checked is False,
        "exported with manifests that have no MD5 sidecar to be checked against",
    ),
    (unasked, "taken from an export that nobody could confirm to be of the whole table"),
    (lambda t: t.reused and not t.reused_run, "taken from an earlier export, as the migration file says"),
    (lambda t: t.reused_run, "taken from the export of another run, as export.reuse_run says"),
    (lambda t: t.import_table, "made and filled by ImportTable, whose ImportedItemCount counts as written"),
    (
        lambda t: t.bulk_put,
        "filled by a bulk put of DynamoDB, whose processed items count as written, except those that it refused or "
        "that a condition kept out according to its output",
    ),
    (
        lambda t: t.bulk_put and t.bulk_put.left_over,
        "left with items that its bulk put did not write; those that a repair wrote since count as written",
    ),
    (lambda t: t.items_before, "loaded into a target that held items before"),
    (
        lambda t: t.on_non_empty == "sync",
        "synced: only what differed from the export was written, each item under a condition; what only the target has "
        "stayed",
    ),
    (lambda t: t.items_present, PRESENT),
    (lambda t: t.items_sent_again and t.on_non_empty not in ("append", "sync"), SENT_AGAIN),
    (
        lambda t: t.registered and t.registered.standing == "not entered",
        "written to without a place in the register of those who have written there (the server has no tags, or the "
        "bucket no conditions, or the policy does not allow it): a cleanup of this run will refuse",
    ),
    (
        lambda t: t.registered and t.registered.others,
        "written to by other runs as well, as their register says: a cleanup of this run will refuse",
    ),
    (lambda t: t.compared_only, "only compared: something other than this run filled the target"),
    (lambda t: t.expired, "with items that a TTL of source and target has removed (counted as expired)"),
    (_moved, "scanned while the target changed: the two digests differ, but no item differed when it was read again"),
)
