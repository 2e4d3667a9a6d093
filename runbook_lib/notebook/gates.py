"""The conditions for going on. A gate raises GateFailed, so a notebook stops there whoever runs it."""

from __future__ import annotations

from typing import Any

from runbook_lib.cost.reestimate import over_limits, reestimate
from runbook_lib.errors import GateFailed
from runbook_lib.plan.check import together
from runbook_lib.preflight.plan import Plan
from runbook_lib.record.build import not_checked
from runbook_lib.record.not_checked import counted_ids
from runbook_lib.record.verdict import REPEATED
from runbook_lib.run.admission.confirmation import check_confirmation
from runbook_lib.run.run import Run
from runbook_lib.undo.cleanup import check_cleanup


def gate_plan(run: Run, plan: Plan) -> str:
    """Nothing stands in the way; what would yet stand against a PASS is told."""
    said = f"{len(plan.pairs)} tables{_left(plan)}, no blocker"
    if unknown := [u for u in not_checked(run.ledger) if u.is_open]:
        said += f"; not checked, which ends as a FAIL unless accept.not_checked names it: {counted_ids(unknown)}"
    return _decide(run, "preflight", together(plan.blockers), said)


def _left(plan: Plan) -> str:
    return f", {len(plan.not_chosen)} not chosen" if plan.not_chosen else ""


def gate_planned(run: Run) -> str:
    """The run has a plan, and its pre-flight found nothing in the way."""
    pairs = run.planned_pairs()
    blockers = run.ledger.get("plan", "blockers") or []
    if blockers:
        found = "; ".join(f"{b['table']}: {b['found']}" for b in blockers)
        raise GateFailed(f"the pre-flight found blockers: {found}; mend them and run 00_preflight again")
    return f"GO: {len(pairs)} tables are planned"


def gate_exports(run: Run) -> str:
    """Each planned table has a completed export with a checked manifest, or is skipped knowingly."""
    exports = run.ledger.all("export")
    wrong = [
        f"{pair.source}: {exports[pair.source]['status'] if pair.source in exports else 'not exported'}"
        for pair in run.planned_pairs()
        if (exports.get(pair.source) or {}).get("status") not in ("COMPLETED", "SKIPPED")
    ]
    items = sum(e.get("items") or 0 for e in exports.values())
    return _decide(run, "export", wrong, f"{len(exports)} tables, {items:,} items according to the manifests")


def gate_writes(run: Run) -> str:
    """Writing is allowed: asked for, confirmed by name, nothing in the way, everything exported."""
    gate_planned(run)
    gate_exports(run)
    if run.execute:
        check_confirmation(run.confirmation, run.clients)
    if over := over_limits(run, reestimate(run, "export")):
        raise GateFailed("; ".join(over))
    who = run.clients.target_identity
    if not run.execute:
        return f"DRY RUN: nothing will be written to {who.account}/{who.region}; set execute to True to write"
    return f"WRITING to {who.account}/{who.region}, confirmed by confirm_target"


def gate_import(run: Run) -> str:
    """Each table was loaded to its end, or checked and measured to its end in a dry run."""
    if not run.execute:
        reestimate(run, "dry run")
    imports = run.ledger.all("import")
    wrong = [
        f"{pair.source}: {(imports.get(pair.source) or {}).get('status', 'not begun')}"
        for pair in run.planned_pairs()
        if pair.method != "skip" and (imports.get(pair.source) or {}).get("status") not in ("completed", "dry-run")
    ]
    return _decide(run, "import", wrong, f"{len(imports)} tables, nothing left over")


def gate_canary(run: Run) -> str:
    """Writing a canary is asked for and confirmed by name, or there is none."""
    who = run.clients.target_identity
    if not run.config.validate_.canary:
        return "OFF: validate.canary is false, nothing will be written"
    if not run.execute:
        return f"DRY RUN: nothing will be written to {who.account}/{who.region}"
    check_confirmation(run.confirmation, run.clients)
    return f"WRITING one item to each target in {who.account}/{who.region}, and deleting it"


def gate_validation(run: Run) -> str:
    """Each table is proved; in a dry run there is nothing to prove."""
    facts = run.ledger.all("validation")
    wrong = [
        f"{source}: {fact['verdict']}: {'; '.join(fact['reasons'])}"
        for source, fact in facts.items()
        if fact["verdict"] not in ("PASS", "DRY-RUN")
    ]
    wrong += [f"canary of {s}: {c['why']}" for s, c in run.ledger.all("canary").items() if c["state"] == "failed"]
    passed = {source for source, fact in facts.items() if fact["verdict"] == "PASS"}
    unknown = [u for u in not_checked(run.ledger) if u.is_open] if passed else []
    proved = passed - {u.source for u in unknown}
    said = f"{len(proved)} of {len(facts)} tables proved"
    return _decide(run, "validate", wrong + [str(u) for u in unknown], said, because=REPEATED)


def gate_cleanup(run: Run, confirm: str) -> str:
    """Removing is allowed: asked for, confirmed by the run's id, and by the name of the target."""
    if not check_cleanup(run, confirm):
        return f"DRY RUN: nothing will be removed; set execute to True and confirm_cleanup to {run.id!r} to remove"
    return f"REMOVING what run {run.id} created, confirmed by confirm_cleanup"


def _decide(run: Run, step: str, wrong: list[str], good: str, because: str | None = None) -> str:
    if not wrong:
        return f"GO: {good}"
    message = "; ".join(wrong)
    known: dict[str, Any] = run.ledger.get("step", step) or {"seconds": 0.0}
    run.ledger.put("step", step, known | {"status": "failed", "message": message, "because": because})
    raise GateFailed(message)
