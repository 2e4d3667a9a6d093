"""Four counts and the comparison, held against each other."""

from __future__ import annotations

from runbook_lib.run.facts.counts import table_counts
from runbook_lib.run.facts.export import CompletedExport
from runbook_lib.run.facts.load import BulkPutFact, ImportFact, ImportStatus
from runbook_lib.run.facts.masking.transform import TransformFact
from runbook_lib.run.facts.windows import OverlayFact
from runbook_lib.run.ledger import Ledger
from runbook_lib.validate.compare import Comparison


def witnesses(
    ledger: Ledger, source: str, export: CompletedExport, loaded: ImportFact | None, comparison: Comparison
) -> dict[str, int | None]:
    """The counts of law 3, each from where it was measured; None for what this run did not do."""
    row = table_counts(ledger).get(source)

    def counted(count: int | None) -> int | None:
        return (count or 0) if loaded else None

    return {
        "in_manifest": export.manifest.items,
        "lines_read": counted(row.lines if row else None),
        "items_written": counted(row.written if row else None),
        "items_quarantined": counted(row.quarantined if row else None),
        "items_present": counted(row.present if row else None),
        "items_filtered": counted(0),
        "items_compared": comparison.exported,
        "items_in_target": comparison.found,
    }


def disagreements(
    counts: dict[str, int | None],
    found: dict[str, int],
    loaded: ImportFact | None,
    unknown: str | None = None,
    overlay: OverlayFact | None = None,
) -> list[str]:
    """Every reason why a table is not proved; empty for a PASS.

    Without an import by this run (`loaded` None) the manifest, the items read and the scan must
    agree, and nothing extra is forgiven. With one, an extra item is forgiven that was there before its first
    write, each by itself (held_before.py); `unknown` says why that is not known. With windows laid over the export
    (`overlay`) as many items are due as then should be there. Beyond that nothing is forgiven but
    items that a TTL of both tables has removed.
    """
    manifest, compared, held = (counts[n] or 0 for n in ("in_manifest", "items_compared", "items_in_target"))
    reasons = _import_disagreements(counts, loaded) if loaded is not None else []
    if overlay is not None and compared != overlay.items_due:
        reasons.append(
            f"{overlay.items_due:,} items are due after {overlay.windows} windows, {compared:,} were read again "
            "for the comparison"
        )
    if overlay is None and compared != manifest:
        reasons.append(f"the manifest says {manifest:,} items, {compared:,} were read again for the comparison")
    due = (
        compared
        if loaded is None or overlay is not None
        else (counts["items_written"] or 0) + (counts.get("items_present") or 0)
    )
    expected = due - found["expired"]
    if held != expected + found["extra"]:
        more = f", {found['extra']:,} of them extra" if found["extra"] else ""
        reasons.append(f"{expected:,} items should be in the target, a scan finds {held:,}{more}")
    if counts["items_quarantined"]:
        reasons.append(f"{_items(counts['items_quarantined'])} in quarantine and not written")
    for kind in ("missing", "different"):
        if found[kind]:
            reasons.append(f"{_items(found[kind])} {kind}")
    if (extra := found["extra"] - found.get("there_before", 0)) > 0:
        known = unknown or f"none of which was there, as it is now, before this run's first write{_changed(found)}"
        reasons.append(f"{_items(extra)} extra, {known if loaded else 'and this run cannot know since when'}")
    return reasons


def _import_disagreements(counts: dict[str, int | None], loaded: ImportFact) -> list[str]:
    reasons = []
    if loaded.status == ImportStatus.LOADING:  # nothing is wrong with it
        reasons.append(
            "its import was stopped before its end; go on with the import (20_import) with the same run id, which "
            "writes what is left"
        )
    elif loaded.status != ImportStatus.COMPLETED:
        reasons.append(f"the import is {loaded.status}: {loaded.failure or 'it did not reach its end'}")
    for name, value in (
        ("lines read", counts["lines_read"] or 0),
        (
            "written, present or quarantined",
            sum(counts.get(name) or 0 for name in ("items_written", "items_present", "items_quarantined")),
        ),
    ):
        if value != counts["in_manifest"]:
            reasons.append(f"the manifest says {counts['in_manifest']:,} items, {value:,} were {name}")
    if loaded.bulk_put is not None and reasons and not loaded.bulk_put.not_begun:
        reasons.append(_left_over(loaded.bulk_put, counts["in_manifest"] or 0))
    return reasons


def _left_over(bulk: BulkPutFact, items: int) -> str:
    """What a bulk put did not write, as far as it says so."""
    where = f"s3://{bulk.bucket}/{bulk.output}"
    if bulk.written is None:
        return (
            f"nobody knows how many items the bulk put wrote: it is {bulk.status}, processed {bulk.processed}, refused "
            f"{bulk.failed}, and what it says of conditions in {where} could not be read"
        )
    codes = ", ".join(f"{count:,} {code}" for code, count in (bulk.refused or {}).items())
    return (
        f"the bulk put ended {bulk.status} and left {items - bulk.written:,} items over: {bulk.failed:,} refused, "
        f"{bulk.conditions:,} kept out by a condition, the rest not read ({codes or 'no record'} in {where}, which "
        "holds items)"
    )


def _changed(found: dict[str, int]) -> str:
    """Extra items that are somebody's who had them there before, and changed them."""
    if not (count := found.get("otherwise_before", 0)):
        return ""
    return f"; {_items(count)} under a key that was there, so somebody has changed it since, and no repair deletes it"


def not_transformed(fact: TransformFact | None) -> list[str]:
    """Items of the export that no transform could be made of, and are in no target."""
    refused = fact.counts.quarantined if fact is not None and fact.counts is not None else 0
    return [f"{_items(refused)} in quarantine, for a transform could not be made of them"] if refused else []


def _items(count: int) -> str:
    return "1 item is" if count == 1 else f"{count:,} items are"
