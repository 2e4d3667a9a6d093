"""The conditions for going on. A gate raises GateFailed, so a notebook stops there whoever runs it.

It is one line in the notebook: green, or red with the remedy above the error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import ParamSpec

from runbook_lib.cost.reestimate import over_limits, reestimate
from runbook_lib.errors import GateFailed, RunbookError
from runbook_lib.notebook.output import BAD, GOOD, OPEN, Line, show
from runbook_lib.plan.check import stopped_by
from runbook_lib.plan.writing import Method
from runbook_lib.preflight.plan import Plan
from runbook_lib.record.build import build_record, not_checked
from runbook_lib.record.not_checked import counted_ids
from runbook_lib.record.verdict import REPEATED
from runbook_lib.run.admission.confirmation import check_confirmation
from runbook_lib.run.admission.permission import permission
from runbook_lib.run.admission.sitting import to_go_on
from runbook_lib.run.facts.cut_over.gates import GateState
from runbook_lib.run.facts.export import EXPORTS, ExportStatus
from runbook_lib.run.facts.load import IMPORTS, ImportStatus
from runbook_lib.run.facts.plan import BLOCKERS
from runbook_lib.run.facts.starts import PERMISSION, STEP_FACTS, StepFact, StepStatus
from runbook_lib.run.facts.validation import CANARIES, VALIDATIONS, CanaryState
from runbook_lib.run.facts.windows import WindowState, windows_of
from runbook_lib.run.run import Run
from runbook_lib.run.verdicts import Verdict
from runbook_lib.timestamps import format_timestamp

P = ParamSpec("P")
ENDED = (ExportStatus.COMPLETED, ExportStatus.SKIPPED)
LOADED = (ImportStatus.COMPLETED, ImportStatus.DRY_RUN)
IMPORT_AGAIN = (
    "run 20_import again for this run: it goes on after the last acknowledged item, and what is complete stays as it "
    "is. Then run this notebook again. With the command: runbook run CONFIG --run-id ID --execute."
)
PLAN_FIRST = "run 00_preflight for this run, fix what it names, then run this notebook again."
NAME_IT = "If you meant a run that has its report already, set run_id to that run under Parameters."
LOOK_AT = (
    "look at the differences above and at what else writes to the target; 90_report writes all of it down, also now."
)


def stops(remedy: str) -> Callable[[Callable[P, Line]], Callable[P, Line]]:
    """Show a gate's refusal in red, with what to do, before it is raised."""

    def outer(gate: Callable[P, Line]) -> Callable[P, Line]:
        @wraps(gate)
        def inner(*args: P.args, **kwargs: P.kwargs) -> Line:
            try:
                return gate(*args, **kwargs)
            except RunbookError as error:
                if not error.shown:  # a gate within this one knows better what to do
                    show(Line("STOP", f": {error}", BAD, remedy))
                    error.shown = True
                raise

        return inner

    return outer


@stops("each blocker above says what to do in its last column; run this notebook again after it.")
def gate_plan(run: Run, plan: Plan) -> Line:
    """Nothing stands in the way; what would yet stand against a PASS is told."""
    said = f"{len(plan.pairs)} tables{_left(plan)}, no blocker"
    if unknown := [u for u in not_checked(run.ledger) if u.is_open]:
        said += f"; not checked, which ends as a FAIL unless accept.not_checked names it: {counted_ids(unknown)}"
    return decide(run, "preflight", [stopped_by(plan.blockers)] if plan.blockers else [], said)


def _left(plan: Plan) -> str:
    return f", {len(plan.not_chosen)} not chosen" if plan.not_chosen else ""


def gate_planned(run: Run) -> Line:
    """The run has a plan, and its pre-flight found nothing in the way."""
    return stops(_plan_first(run))(_planned)(run)


def need_plan(run: Run) -> Line:
    """Before a gate goes through the plan: without one, its own remedy would lead astray."""
    return stops(_plan_first(run))(_has_plan)(run)


def _plan_first(run: Run) -> str:
    meant = to_go_on(run.id, run.sitting)
    return f"{meant}. If you meant a new run: {PLAN_FIRST}" if meant else f"{PLAN_FIRST} {NAME_IT}"


def _has_plan(run: Run) -> Line:
    return Line("GO", f": {len(run.planned_pairs())} tables are planned", GOOD)


def _planned(run: Run) -> Line:
    line, blockers = _has_plan(run), BLOCKERS.of(run.ledger)
    if blockers:
        raise GateFailed(f"the pre-flight found blockers: {stopped_by(blockers)}; fix them and run 00_preflight again")
    return line


@stops("run the export cell of 10_export again when the cause is gone: what is complete is not repeated.")
def gate_exports(run: Run) -> Line:
    """Each planned table has a completed export with a checked manifest, or is skipped knowingly."""
    need_plan(run)
    exports = EXPORTS.all(run.ledger)
    wrong = [
        f"{pair.source}: {exports[pair.source].status if pair.source in exports else 'not exported'}"
        for pair in run.planned_pairs()
        if pair.source not in exports or exports[pair.source].status not in ENDED
    ]
    items = sum(e.items or 0 for e in exports.values())
    return decide(run, "export", wrong, f"{len(exports)} tables, {items:,} items according to the manifests")


@stops(
    "enter the target in confirm_target of the migration file, or in the form above, if it is the one you mean; "
    "then run this cell and all below."
)
def gate_confirmed(run: Run) -> Line:
    """The target is spelled, by the migration file or by a person."""
    check_confirmation(run.confirmation, run.clients)
    return Line("GO", ": the target is confirmed", GOOD)


@stops("raise the limit in the migration file, or make the run smaller with tables; then run this notebook again.")
def gate_writes(run: Run) -> Line:
    """Writing is allowed: asked for, confirmed by name, nothing in the way, everything exported."""
    gate_planned(run)
    gate_exports(run)
    if run.execute:
        gate_confirmed(run)
    if over := over_limits(run, reestimate(run, "export")):
        raise GateFailed("; ".join(over))
    who = run.clients.target_identity
    if not run.execute:
        return dry_line(f"nothing will be written to {who.account}/{who.region}; set execute to True to write")
    given = permission(run.clients, typed=bool(run.confirmed), at=format_timestamp(run.now()))
    PERMISSION.record(run.ledger, PERMISSION.of(run.ledger) or given)
    return Line("WRITING", f" to {who.account}/{who.region}, confirmed by {given.how}", BAD)


@stops("run the import cell again when the cause is gone: it goes on after the last acknowledged item.")
def gate_import(run: Run) -> Line:
    """Each table was loaded to its end, or checked and measured to its end in a dry run."""
    need_plan(run)
    if not run.execute:
        reestimate(run, "dry run")
    imports = IMPORTS.all(run.ledger)
    wrong = [
        f"{pair.source}: {imports[pair.source].status if pair.source in imports else 'not begun'}"
        for pair in run.planned_pairs()
        if pair.method != Method.SKIP and (pair.source not in imports or imports[pair.source].status not in LOADED)
    ]
    return decide(run, "import", wrong, f"{len(imports)} tables, nothing left over")


@stops("run the cell that catches up again when the cause is gone: what was applied stays applied.")
def gate_windows(run: Run) -> Line:
    """Each window is applied to its end; in a dry run it is read to its end."""
    windows = windows_of(run.ledger)
    good = {WindowState.APPLIED} if run.execute else {WindowState.APPLIED, WindowState.READ}
    wrong = [f"{w.source}: window {w.number} is {w.state}" for w in windows if w.state not in good]
    return decide(run, "catch_up", wrong, f"{len(windows)} windows {'applied' if run.execute else 'read'}")


@stops("up to the go, start the writers again at the sources and nothing is lost; fix the cause and run this again.")
def gate_cut_over(run: Run) -> Line:
    """The targets are in the place of the sources, or only a forecast was asked for."""
    record = build_record(run.ledger, run.id, run.config.name).cut_over
    wrong = [f"{gate.gate}: {gate.why}" for gate in record.gates if gate.state == GateState.FAILED] if record else []
    if wrong:
        raise GateFailed("; ".join(wrong))
    if record and record.go_at:
        return Line("GO", f": the targets are in the place of the sources since {record.go_at}", GOOD)
    return dry_line("only the forecast was made; stop the writers and type the moment and the run's id to cut over")


def _not_loaded(run: Run) -> dict[str, str]:
    """The tables that an import of this run which was stopped has not brought to an end, and how far each is.

    One that failed said why, and can be compared; what this run has never begun to write, something else may have.
    """
    facts, step = IMPORTS.all(run.ledger), STEP_FACTS.of(run.ledger, "import")
    stopped = step is not None and step.execute and step.status in (StepStatus.RUNNING, StepStatus.INTERRUPTED)
    if not stopped and not any(fact.has_begun for fact in facts.values()):
        return {}
    going = {ImportStatus.LOADING: "stopped while loading", ImportStatus.DRY_RUN: "not begun"}
    found = {
        pair.source: going.get(facts[pair.source].status, "") if pair.source in facts else "not begun"
        for pair in run.planned_pairs()
        if pair.method != Method.SKIP
    }
    return {source: how for source, how in found.items() if how}


@stops(IMPORT_AGAIN)
def gate_loaded(run: Run) -> Line:
    """No import of this run was stopped on its way: the rest is missing then, and nothing is wrong with it."""
    if left := _not_loaded(run):
        how = {
            how: ", ".join(s for s, h in left.items() if h == how) for how in sorted(set(left.values()), reverse=True)
        }
        named = "; ".join(f"{how}: {sources}" for how, sources in how.items())
        raise GateFailed(f"the import was stopped before its end: {named}")
    return Line("GO", ": no import was stopped on its way", GOOD)


@stops("spell the target in confirm_target, or type it into the form above; or turn validate.canary off.")
def gate_canary(run: Run) -> Line:
    """Writing a canary is asked for and confirmed by name, or there is none.

    A run without a plan goes no further, nor one whose import was stopped on its way.
    """
    gate_planned(run)
    gate_loaded(run)
    who = run.clients.target_identity
    if not run.config.validate_.canary:
        return Line("OFF", ": validate.canary is false, no reserved item will be written", OPEN)
    if not run.execute:
        return dry_line(f"no reserved item will be written to {who.account}/{who.region}")
    check_confirmation(run.confirmation, run.clients)
    return Line("WRITING", f" one item to each target in {who.account}/{who.region}, and deleting it", BAD)


def gate_validation(run: Run) -> Line:
    """Each table is proved; in a dry run there is nothing to prove."""
    need_plan(run)
    left = _not_loaded(run)
    return stops(IMPORT_AGAIN if left else LOOK_AT)(_gate_proved)(run, left)


def _gate_proved(run: Run, left: dict[str, str]) -> Line:
    facts = VALIDATIONS.all(run.ledger)
    wrong = [
        f"{source}: {fact.verdict}: {'; '.join(fact.reasons)}"
        for source, fact in facts.items()
        if fact.verdict not in (Verdict.PASS, Verdict.DRY_RUN)
    ]
    compared = {source for source, fact in facts.items() if fact.verdict != Verdict.DRY_RUN}
    wrong += [
        f"{source}: {Verdict.UNKNOWN}: its import was {how}" for source, how in left.items() if source not in compared
    ]
    known = {*facts, *left}
    wrong += [
        f"{pair.source}: not compared"
        for pair in run.planned_pairs()
        if pair.method != Method.SKIP and pair.source not in known
    ]
    wrong += [f"canary of {s}: {c.why}" for s, c in CANARIES.all(run.ledger).items() if c.state == CanaryState.FAILED]
    passed = {source for source, fact in facts.items() if fact.verdict == Verdict.PASS}
    unknown = [u for u in not_checked(run.ledger) if u.is_open] if passed else []
    proved = passed - {u.source for u in unknown}
    said = f"{len(proved)} of {len(facts)} tables proved"
    return decide(run, "validate", wrong + [str(u) for u in unknown], said, because=REPEATED)


def dry_line(text: str) -> Line:
    return Line("DRY RUN", f": {text}", OPEN)


def decide(run: Run, step: str, wrong: list[str], good: str, because: str | None = None) -> Line:
    if not wrong:
        return Line("GO", f": {good}", GOOD)
    message = "; ".join(wrong)
    known = STEP_FACTS.of(run.ledger, step) or StepFact(StepStatus.FAILED, seconds=0.0)
    stopped = replace(known, status=StepStatus.FAILED, message=message, because=because)
    STEP_FACTS.record(run.ledger, step, stopped)
    raise GateFailed(message)
