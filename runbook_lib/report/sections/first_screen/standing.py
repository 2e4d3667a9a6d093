"""What is true now and what comes next: where the run was, what became of it since, and the command to go on with."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from runbook_lib.aws.endpoints import is_aws
from runbook_lib.record.model.table import SKIPPED
from runbook_lib.record.model.windows import WindowRecord
from runbook_lib.record.reasons import ReasonId
from runbook_lib.record.remedy import DELETE_EXTRA, REPAIR_FLAGS, only_held_back, repair_words, settings_of
from runbook_lib.record.run_json import RunRecord
from runbook_lib.report.figures.run_figures import RunFigures
from runbook_lib.report.sections.cost_rows import last_estimate
from runbook_lib.report.sections.first_screen.taken_on_trust import ANEW, take_back_first
from runbook_lib.report.sections.repairs import kept_for
from runbook_lib.report.text import count, moment, pluralize
from runbook_lib.run.facts.cut_over.gates import Gate
from runbook_lib.run.facts.windows import WindowState
from runbook_lib.run.steps import CATCH_UP, CUT_OVER, LEAK_SCAN, REPAIR, STEPS
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
    record = figures.record
    if record.cleaned or record.rolled_back:
        return NextStep(
            f"This run was {'cleaned up' if record.cleaned else 'rolled back'} and cannot be resumed. To migrate "
            "again, start a new run.",
            (_run(record, new=True),),
        )
    if record.verdict == PASS:
        return _after_a_pass(record)
    if record.verdict == DRY_RUN:
        return _after_a_dry_run(figures)
    if record.verdict == INTERRUPTED:
        on = _command_of(record, _stopped_at(record)) or _run(record, execute=_wrote(record))
        return NextStep("Continue where it stopped; what is done is not repeated.", (on,))
    return _after_a_fail(figures) if record.verdict == FAIL else None


def _after_a_pass(record: RunRecord) -> NextStep:
    known = record.cut_over
    if known and known.go_at and not any(gate.gate == Gate.AFTERWARDS for gate in known.gates):
        return NextStep(
            "Point the application to the targets. 15 minutes after the go, look for late writes to the sources, then "
            "sign.",
            tuple(filter(None, [_command_of(record, CUT_OVER)])),
        )
    keep = "keep the digest of SHA256SUMS where nobody can change it, and sign at the report's end (Sign-off)"
    return NextStep(f"Verify the folder, {keep}.", (f"runbook verify {shlex.quote(f'reports/{record.run_id}')}",))


def _after_a_dry_run(figures: RunFigures) -> NextStep:
    record = figures.record
    if opened := sum(u.is_open for u in figures.unknown):
        return NextStep(
            f"Not ready: {pluralize(opened, 'check')} that a proof needs could not run, see Not checked. Fix or "
            "accept this, then run again.",
            (_run(record),),
        )
    exported = any(s.name == "export" and s.status == "completed" for s in record.steps)
    reused = ": its exports are reused and not paid for again" if exported else ""
    again = f"The command continues this run{reused}."
    known = last_estimate(figures)
    cost = f"Estimated: {known}. " if known else ""
    return NextStep(f"Ready: nothing stands in the way. {cost}{again}", (_run(record, execute=True),))


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
            (_run(record, execute=_wrote(record)),),
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
                (record.repair_command, _run(record, execute=_wrote(record), start="validate")),
                (REPAIR, *_proving(record)),
            )
        if all(only_held_back(t) for t in wrong):
            return NextStep(
                f"Not as exported: {pluralize(len(wrong), 'target')}. Another item stands under the key of one in "
                "quarantine, and no repair replaces it. Decide under Quarantine which is right: if the target's, this "
                "run stays a FAIL that shows so; if the exported one, start a new run with import.on_non_empty: "
                "overwrite, and export.reuse with the ARNs under Exports and digests.",
                (_run(record, new=True, execute=True),),
            )
        return NextStep(
            f"Not as exported: {pluralize(len(wrong), 'target')}. {take_back_first(wrong) or ANEW} If the comparison "
            "only ran too early, validate again.",
            (_run(record, new=True, execute=True), _run(record, execute=_wrote(record), start="validate")),
        )
    left = [t for t in figures.chosen if t.method == SKIPPED or t.verdict == NOT_MIGRATED]
    if left:
        return NextStep(
            f"Not migrated: {pluralize(len(left), 'table')}, which going on with this run does not change. In your "
            "migration file name them in tables.exclude, or let them be read (export.without_pitr: scan, or "
            "point-in-time recovery on), and start a new run. What this one wrote can be removed before:",
            (_cleanup(record),),
        )
    if grounds == {ReasonId.NOT_CHECKED}:
        return NextStep(
            "Let the checks run that could not, or accept them in the migration file (see Not checked), then validate "
            "again.",
            (_run(record, execute=_wrote(record), start="validate"),),
            _proving(record),
        )
    start = _stopped_at(record)
    if (again := _command_of(record, start)) is not None:
        return _go_on_live(record, start, again)
    done = f" The steps before {start} are not repeated." if start and start != STEPS[0] else ""
    where = start if start in STEPS[1:] else None
    return NextStep(
        f"Fix what the reasons name, then continue this run.{done}",
        (_run(record, execute=_wrote(record), start=where),),
        _proving(record) if where == "validate" else (),
    )


def _read_windows_anew(record: RunRecord) -> NextStep:
    """What nobody knows to be in a target can neither be repaired nor removed: it is read again first."""
    lost = list(dict.fromkeys(window.source for window in record.windows if window.secret_lost))
    return NextStep(
        f"The windows of {pluralize(len(lost), 'table')} were read under a secret of this run that is lost, so nobody "
        "knows what they left in the target. Catch up again, which reads them anew; it is validated then, and what is "
        "still wrong can be repaired.",
        (_command_of(record, CATCH_UP) or _run(record, execute=_wrote(record)),),
    )


def _finish_windows(record: RunRecord, half: list[WindowRecord]) -> NextStep:
    """What is in a target in part can neither be repaired nor removed: the rest of it comes first."""
    named = ", ".join(f"{window.number} of {window.source}" for window in half)
    switching = any(s.name == CUT_OVER and s.status in STOPPED for s in record.steps)
    again = _command_of(record, CUT_OVER if switching else CATCH_UP)
    return NextStep(
        f"Applied in part: {'window' if len(half) == 1 else 'windows'} {named}. Finish this first; it is validated "
        "then, and what is still wrong can be repaired.",
        (again or _run(record, execute=_wrote(record)),),
    )


def _proving(record: RunRecord) -> tuple[str, ...]:
    """The steps from the validation on."""
    scanned = any(step.name == LEAK_SCAN for step in record.steps)
    return ("validate", LEAK_SCAN, "report") if scanned else ("validate", "report")


def _stopped_at(record: RunRecord) -> str | None:
    """The first step that did not come to its end."""
    return next((s.name for s in record.steps if s.status in STOPPED), None)


def _command_of(record: RunRecord, step: str | None) -> str | None:
    """The command that goes on with a step that `runbook run` does not do; None for a step that it does."""
    if step == REPAIR:
        return _repair_again(record) or _run(record, execute=_wrote(record), start="validate")
    if step not in (CATCH_UP, CUT_OVER) or any({step, "import"} <= {*attempt.steps} for attempt in record.attempts):
        return None  # a run that was handed windows with its export does them itself
    writes = record.starts[-1].execute if record.starts else record.executed
    settings = settings_of(record.run_id, record.attempts)
    words = ["runbook", step.replace("_", "-"), settings, "--run-id", record.run_id]
    return shlex.join([*words, *(["--execute", "--confirm", record.run_id] if writes else [])])


def _repair_again(record: RunRecord) -> str | None:
    """The repair that was interrupted, as it was asked for; None where it is not known, or failed."""
    last = max(record.repairs, key=lambda repaired: repaired.started or "", default=None)
    if last is None or record.verdict != INTERRUPTED:
        return None
    asked = repair_words(record.run_id, [REPAIR_FLAGS[kind] for kind in last.kinds], record.attempts)
    step = next((s for s in record.steps if s.name == REPAIR), None)
    asked += ["--even-after-cut-over"] if last.after_all else []
    return shlex.join([*asked, *(["--execute", "--confirm", record.run_id] if step and step.execute else [])])


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
        (again, _run(record, new=True, execute=_wrote(record))),
    )


def _wrote(record: RunRecord) -> bool:
    """Whether the last start was allowed to write, so that going on is, too."""
    return bool(record.executed or (record.starts and record.starts[-1].execute))


def _run(record: RunRecord, *, execute: bool = False, start: str | None = None, new: bool = False) -> str:
    """The command, with the settings that the run keeps of its last start."""
    words = ["runbook", "run", settings_of(record.run_id, record.attempts)]
    chosen = next((a.tables for a in record.attempts if a.tables), "*")
    words += (["--tables", chosen] if chosen != "*" else []) if new else ["--run-id", record.run_id]
    words += ["--from", start] if start else []
    return " ".join([*map(shlex.quote, words), *(["--execute"] if execute else [])])


def _cleanup(record: RunRecord) -> str:
    """The command that shows what a cleanup would remove."""
    settings = settings_of(record.run_id, record.attempts)
    return shlex.join(["runbook", "cleanup", settings, "--run-id", record.run_id])


def passed_of(figures: RunFigures) -> str | None:
    """`30 of 31 tables PASS`, where not all are alike."""
    passed = sum(t.verdict == PASS for t in figures.chosen)
    if passed in (0, len(figures.chosen)):
        return None
    return f"{count(passed)} of {pluralize(len(figures.chosen), 'table')} PASS"
