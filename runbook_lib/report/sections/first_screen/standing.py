"""What is true now and what comes next: where the run was, what became of it since, and the command to go on with."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace

from runbook_lib.aws.endpoints import is_aws
from runbook_lib.record.model.table import SKIPPED
from runbook_lib.record.model.windows import WindowRecord
from runbook_lib.record.reasons import ReasonId
from runbook_lib.record.remedy import DELETE_EXTRA, only_held_back
from runbook_lib.record.run_json import RunRecord
from runbook_lib.report.figures.run_figures import RunFigures
from runbook_lib.report.sections.cost_rows import last_estimate
from runbook_lib.report.sections.first_screen.commands import (
    command_of_step,
    command_to_clean_up,
    command_to_run,
    confirm_first,
    may_write,
    while_it_is_up,
)
from runbook_lib.report.sections.first_screen.taken_on_trust import ANEW, take_back_first
from runbook_lib.report.sections.masking.unmade import unmade_in_short
from runbook_lib.report.sections.repairs import kept_for
from runbook_lib.report.text import count, moment, pluralize
from runbook_lib.run.facts.cut_over.gates import Gate
from runbook_lib.run.facts.windows import WindowState
from runbook_lib.run.steps import CATCH_UP, CUT_OVER, LEAK_SCAN, MOMENT_LOST, PLAN_OUTDATED, REPAIR, STEPS
from runbook_lib.run.verdicts import DRY_RUN, FAIL, INTERRUPTED, NOT_MIGRATED, PASS

HELD_BACK = " Items in quarantine it leaves as they are, and with them this run stays a FAIL: see Quarantine."
STOPPED = ("failed", "interrupted", "running")


@dataclass(frozen=True, slots=True)
class NextStep:
    """What to do, the commands for it, each to be copied as it is, and the steps that the first one does."""

    what: str
    commands: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()


def not_aws(record: RunRecord) -> str | None:
    """Where the run was, if that was not AWS: `NOT AWS: http://127.0.0.1:5511`."""
    sides = (record.identity.source, record.identity.target)
    elsewhere = dict.fromkeys(who.endpoint for who in sides if who.endpoint and not is_aws(who.endpoint))
    return f"NOT AWS: {', '.join(map(str, elsewhere))}" if elsewhere else None


def since_then(figures: RunFigures) -> str | None:
    """What has become of the targets since their numbers were measured, where this tool knows that they changed."""
    record = figures.record
    if record.rolled_back and not record.cleaned:
        done = sum(back.restored + back.deleted for back in record.rollbacks)
        kept = sum(back.kept for back in record.rollbacks)
        disputed = sum(back.disputed or 0 for back in record.rollbacks)
        return (
            f"Rolled back at {moment(record.rolled_back)}: {pluralize(done, 'item')} of the targets as before this "
            f"run, {kept_for(kept, disputed)}. What this page says of the targets was true before that."
        )
    if not record.cleaned:
        return None
    gone = sum(removal.table_deleted for removal in record.cleanup)
    kept = sum(bool(removal.kept) for removal in record.cleanup)
    items = sum(removal.items_deleted for removal in record.cleanup)
    left = f"; something of {pluralize(kept, 'table')} was left" if kept else ""
    return (
        f"Cleaned up at {moment(record.cleaned)}: {_deleted(gone, items)}{left}. What this page says of the targets "
        "was true before that."
    )


def _deleted(tables: int, items: int) -> str:
    """`2 target tables and 5 items in others were deleted`."""
    if not tables:
        return f"{pluralize(items, 'item')} of the targets {'was' if items == 1 else 'were'} deleted"
    if not items:
        return f"{pluralize(tables, 'target table')} {'was' if tables == 1 else 'were'} deleted"
    return f"{pluralize(tables, 'target table')} and {pluralize(items, 'item')} in others were deleted"


def next_step(figures: RunFigures) -> NextStep | None:
    """The next step, with the exact command; None while the run goes on."""
    found = _following(figures)
    if found is None:
        return None
    more = (confirm_first(figures.record, found.commands), while_it_is_up(figures.record, found.commands))
    return replace(found, what=" ".join(filter(None, (found.what, *more))))


def _following(figures: RunFigures) -> NextStep | None:
    record = figures.record
    if record.cleaned or record.rolled_back:
        return NextStep(
            f"This run was {'cleaned up' if record.cleaned else 'rolled back'} and cannot be resumed. To migrate "
            "again, start a new run.",
            (command_to_run(record, new=True),),
        )
    if record.verdict == PASS:
        return _after_a_pass(record)
    if record.verdict == DRY_RUN:
        return _after_a_dry_run(figures)
    if record.verdict == INTERRUPTED:
        on = command_of_step(record, _stopped_at(record)) or command_to_run(record, execute=may_write(record))
        return NextStep("Continue where it stopped; what is done is not repeated.", (on,))
    return _after_a_fail(figures) if record.verdict == FAIL else None


def _after_a_pass(record: RunRecord) -> NextStep:
    known = record.cut_over
    if known and known.go_at and not any(gate.gate == Gate.AFTERWARDS for gate in known.gates):
        return NextStep(
            "Point the application to the targets. 15 minutes after the go, look for late writes to the sources, then "
            "sign.",
            tuple(filter(None, [command_of_step(record, CUT_OVER)])),
        )
    keep = "keep the digest of SHA256SUMS where nobody can change it, and sign at the report's end (Sign-off)"
    return NextStep(f"Verify the folder, {keep}.", (f"runbook verify {shlex.quote(f'reports/{record.run_id}')}",))


def _after_a_dry_run(figures: RunFigures) -> NextStep:
    record = figures.record
    if opened := sum(u.is_open for u in figures.unknown):
        return NextStep(
            f"Not ready: {pluralize(opened, 'check')} that a proof needs could not run, see Not checked. Fix or "
            "accept this, then run again.",
            (command_to_run(record),),
        )
    exported = any(s.name == "export" and s.status == "completed" for s in record.steps)
    reused = ": its exports are reused and not paid for again" if exported else ""
    again = f"The command continues this run{reused}."
    known = last_estimate(figures)
    cost = f"Estimated: {known}. " if known else ""
    command = command_to_run(record, execute=True)
    ready = (
        "Ready, but for confirm_target." if confirm_first(record, [command]) else "Ready: nothing stands in the way."
    )
    return NextStep(f"{ready} {cost}{again}", (command,), () if record.windows else ("import", *_proving(record)))


def _deletes(command: str) -> str:
    """What is to be known before an item is deleted that somebody else may want."""
    if DELETE_EXTRA not in command.split():
        return ""
    return f" {DELETE_EXTRA} deletes items that the export does not have: leave it out if somebody wants them there."


def _after_a_fail(figures: RunFigures) -> NextStep:
    record = figures.record
    grounds = {ground.id for ground in record.grounds}
    if record.blockers:
        return NextStep(
            f"Remove what stands in the way ({pluralize(len(record.blockers), 'blocker')}, under Pre-flight with what "
            "to do), then run again. If that means changing your migration file, start a new run with that file "
            "instead: this one keeps the settings it began with.",
            (command_to_run(record, execute=may_write(record)),),
        )
    if half := [window for window in record.windows if window.state == WindowState.APPLYING]:
        return _finish_windows(record, half)
    if any(window.secret_lost for window in record.windows):
        return _read_windows_anew(record)
    wrong = [t for t in figures.chosen if (t.missing or 0) + (t.different or 0) + (t.extra or 0)]
    if wrong:
        if record.repair_command:
            return NextStep(
                f"Not as exported: {pluralize(len(wrong), 'target')}. Once whatever changed the items has stopped, "
                "write only those that are wrong (without --execute and --confirm the command only shows what it would "
                f"write and what that costs); then everything is validated again.{_deletes(record.repair_command)} "
                "If the comparison only ran too early, validate again."
                f"{HELD_BACK if any(t.items_quarantined for t in wrong) else ''} {take_back_first(wrong)}".rstrip(),
                (record.repair_command, command_to_run(record, execute=may_write(record), start="validate")),
                (REPAIR, *_proving(record)),
            )
        if all(only_held_back(t) for t in wrong):
            return NextStep(
                f"Not as exported: {pluralize(len(wrong), 'target')}. Another item stands under the key of one in "
                "quarantine, and no repair replaces it. Decide under Quarantine which is right: if the target's, this "
                "run stays a FAIL that shows so; if the exported one, start a new run with import.on_non_empty: "
                "overwrite, and export.reuse with the ARNs under Exports and digests.",
                (command_to_run(record, new=True, execute=True),),
            )
        return NextStep(
            f"Not as exported: {pluralize(len(wrong), 'target')}. {take_back_first(wrong) or ANEW} If the comparison "
            "only ran too early, validate again.",
            (
                command_to_run(record, new=True, execute=True),
                command_to_run(record, execute=may_write(record), start="validate"),
            ),
        )
    if (unmade := unmade_in_short(figures.chosen)) and _stopped_at(record) in (None, "validate", LEAK_SCAN):
        return NextStep(unmade, (command_to_run(record, new=True, execute=may_write(record)),))
    left = [t for t in figures.chosen if t.method == SKIPPED or t.verdict == NOT_MIGRATED]
    if left:
        return NextStep(
            f"Not migrated: {pluralize(len(left), 'table')}, which going on with this run does not change. In your "
            "migration file name them in tables.exclude, or let them be read (export.without_pitr: scan, or "
            "point-in-time recovery on), and start a new run. What this one wrote can be removed before:",
            (command_to_clean_up(record),),
        )
    if grounds == {ReasonId.NOT_CHECKED}:
        return NextStep(
            "Let the checks run that could not, or accept them in the migration file (see Not checked), then validate "
            "again.",
            (command_to_run(record, execute=may_write(record), start="validate"),),
            _proving(record),
        )
    if any(step.status in STOPPED and step.because == MOMENT_LOST for step in record.steps):
        return NextStep(
            "Turn point-in-time recovery on where the reasons say so, then start a new run: this one exports every "
            "table as of one moment, and AWS can no longer show that one of them.",
            (command_to_run(record, new=True, execute=may_write(record)),),
        )
    start = _stopped_at(record)
    if (again := command_of_step(record, start)) is not None:
        return _go_on_live(record, start, again)
    done = f" The steps before {start} are not repeated." if start and start != STEPS[0] else ""
    where = start if start in STEPS[1:] else None
    return NextStep(
        f"Fix what the reasons name, then continue this run.{done}",
        (command_to_run(record, execute=may_write(record), start=where),),
        _proving(record) if where == "validate" else (),
    )


def _read_windows_anew(record: RunRecord) -> NextStep:
    """What nobody knows to be in a target can neither be repaired nor removed: it is read again first."""
    lost = list(dict.fromkeys(window.source for window in record.windows if window.secret_lost))
    return NextStep(
        f"The windows of {pluralize(len(lost), 'table')} were read under a secret of this run that is lost, so nobody "
        "knows what they left in the target. Catch up again, which reads them anew; it is validated then, and what is "
        "still wrong can be repaired.",
        (command_of_step(record, CATCH_UP) or command_to_run(record, execute=may_write(record)),),
    )


def _finish_windows(record: RunRecord, half: list[WindowRecord]) -> NextStep:
    """What is in a target in part can neither be repaired nor removed: the rest of it comes first."""
    named = ", ".join(f"{window.number} of {window.source}" for window in half)
    switching = any(s.name == CUT_OVER and s.status in STOPPED for s in record.steps)
    again = command_of_step(record, CUT_OVER if switching else CATCH_UP)
    return NextStep(
        f"Applied in part: {'window' if len(half) == 1 else 'windows'} {named}. Finish this first; it is validated "
        "then, and what is still wrong can be repaired.",
        (again or command_to_run(record, execute=may_write(record)),),
    )


def _proving(record: RunRecord) -> tuple[str, ...]:
    """The steps from the validation on."""
    scanned = any(step.name == LEAK_SCAN for step in record.steps)
    return ("validate", LEAK_SCAN, "report") if scanned else ("validate", "report")


def _stopped_at(record: RunRecord) -> str | None:
    """The first step that did not come to its end; of a plan that does not hold any more, the one that makes it."""
    stopped = next((s for s in record.steps if s.status in STOPPED), None)
    if stopped is None:
        return None
    return STEPS[0] if stopped.because == PLAN_OUTDATED else stopped.name


def _go_on_live(record: RunRecord, step: str | None, again: str) -> NextStep:
    """After a catch-up or a cut-over that failed: with itself, or anew where what is missing cannot be got any more."""
    if step == CUT_OVER:
        return NextStep(
            "Fix what the reasons name, then run the cut-over again; gates that were passed are not repeated. If the "
            "writers were stopped anew, add --frozen-at with that moment.",
            (again,),
        )
    if step == REPAIR:
        return NextStep(
            "The repair did not come to its end, and no comparison since then says what is wrong. Fix what the reasons "
            "name, then validate again: that proves the tables, or names what is left to repair.",
            (again,),
            _proving(record),
        )
    return NextStep(
        "Fix what the reasons name, then catch up again; windows that were applied are not repeated. Where a reason "
        "says GAP, no export can fill it: start a new run instead.",
        (again, command_to_run(record, new=True, execute=may_write(record))),
    )


def passed_of(figures: RunFigures) -> str | None:
    """`30 of 31 tables PASS`, where not all are alike."""
    passed = sum(t.verdict == PASS for t in figures.chosen)
    if passed in (0, len(figures.chosen)):
        return None
    return f"{count(passed)} of {pluralize(len(figures.chosen), 'table')} PASS"
