"""What a table's record says of its transform and of the scan for raw values."""

from __future__ import annotations

from runbook_lib.record.model.transform import LeakScanRecord, MaskRuleRecord, TransformRecord
from runbook_lib.run.facts.codec import to_json
from runbook_lib.run.facts.export import ExportFact
from runbook_lib.run.facts.masking.leak_scan import LEAKS, LeakFact
from runbook_lib.run.facts.masking.transform import TransformFact, TransformStatus
from runbook_lib.run.facts.starts import STEP_FACTS, StepStatus
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.steps import LEAK_SCAN
from runbook_lib.run.verdicts import FAIL, PASS


def transform_record(fact: TransformFact | None, derived: ExportFact | None) -> TransformRecord | None:
    """None for a table of a run without a transform."""
    if fact is None:
        return None
    counts, done = fact.counts, fact.status == TransformStatus.COMPLETED
    made = derived if done else None
    return TransformRecord(
        status=fact.status.value,
        failure=fact.failure,
        source_manifest_md5=fact.binding.manifest_md5,
        rules_sha256=fact.binding.rules,
        hook_sha256=fact.binding.hook,
        masks=fact.masks is True,
        derived_arn=made.arn if made else None,
        derived_folder=f"s3://{made.bucket}/{made.folder}" if made else None,
        items_kept=counts.kept if counts else None,
        items_added=counts.added if counts else None,
        items_filtered=counts.filtered if counts else None,
        items_quarantined=counts.quarantined if counts else None,
        items_derived=counts.derived if counts else None,
        keys_rewritten=counts.keys_rewritten if counts else None,
        replication_dropped=counts.replication if counts else None,
        collisions=fact.collisions,
        rules=[MaskRuleRecord.model_validate(to_json(rule)) for rule in fact.rules or ()],
        seconds=fact.seconds,
    )


def leak_record(fact: LeakFact | None) -> LeakScanRecord | None:
    """None for a target that was not scanned."""
    return LeakScanRecord.model_validate(to_json(fact)) if fact else None


def leaks_judged(ledger: Ledger, source: str, masks: bool, verdict: str, reasons: list[str]) -> tuple[str, list[str]]:
    """A table's verdict and reasons, with what the scan for raw values says; before the scan, as they are."""
    step, found = STEP_FACTS.of(ledger, LEAK_SCAN), LEAKS.of(ledger, source)
    if not masks or verdict not in (PASS, FAIL):
        return verdict, reasons
    if found is None:
        ended = step is not None and step.status == StepStatus.COMPLETED
        return (FAIL, [*reasons, "the target was not scanned for raw values"]) if ended else (verdict, reasons)
    if not found.hits:
        return verdict, reasons
    places = sorted({f"{hit.path} ({hit.rule}; {hit.encoding})" for hit in found.first})
    told = f"{found.hits:,} raw values were found in the target, at {', '.join(places[:5])}"
    return FAIL, [*reasons, told + (f" and {len(places) - 5} more paths" if len(places) > 5 else "")]
