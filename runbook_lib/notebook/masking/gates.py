"""Where a notebook stops that transforms exports, or looks for raw values in targets."""

from __future__ import annotations

from runbook_lib.notebook.gates import decide, dry_line, need_plan, stops
from runbook_lib.notebook.output import Line
from runbook_lib.plan.writing import Method
from runbook_lib.run.facts.masking.leak_scan import LEAKS
from runbook_lib.run.facts.masking.transform import TRANSFORMS, TransformStatus
from runbook_lib.run.run import Run


@stops("fix the rules, the filter or the hook as the table above says, and start a new run.")
def gate_transform(run: Run) -> Line:
    """Each export is transformed, and everything exported is kept, filtered or in quarantine."""
    need_plan(run)
    facts = TRANSFORMS.all(run.ledger)
    wrong = [
        f"{pair.source}: {facts[pair.source].status if pair.source in facts else 'not transformed'}"
        for pair in run.planned_pairs()
        if run.config.transform is not None
        and pair.method != Method.SKIP
        and (pair.source not in facts or facts[pair.source].status != TransformStatus.COMPLETED)
    ]
    said = f"{len(facts)} tables transformed" if run.config.transform else "the migration file has no transform"
    return decide(run, "transform", wrong, said)


@stops("do not use the targets: fix the rule that is named, empty them, and start a new run.")
def gate_leaks(run: Run) -> Line:
    """No raw value of a masked path is in a target, as far as could be looked."""
    transform = run.config.transform
    if transform is None or transform.mask is None:
        return decide(run, "leak_scan", [], "the migration file masks nothing")
    if not run.execute and not run.config.validate_.without_import:
        return dry_line("nothing was written, so there is nothing to look through")
    need_plan(run)
    facts = LEAKS.all(run.ledger)
    wrong = [
        f"{pair.source}: {f'{facts[pair.source].hits:,} raw values' if pair.source in facts else 'not looked through'}"
        for pair in run.planned_pairs()
        if pair.method != Method.SKIP and (pair.source not in facts or facts[pair.source].hits)
    ]
    return decide(run, "leak_scan", wrong, f"{len(facts)} targets looked through, no raw value found")
