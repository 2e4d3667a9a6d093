"""The cut-over, gate by gate: forecast, freeze, last window, both proofs, smoke, go, and the look afterwards.

What is passed is recorded; after a kill it goes on at the gate that was open. Up to the go the writers may be started
again at the sources, and nothing is lost. After it the targets belong to their application.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

from runbook_lib.catchup.second_export import export_again
from runbook_lib.catchup.table import TableToCatchUp, Workers, no_workers, open_table, tables_fit, window_workers
from runbook_lib.config.sections.hooks import Hook
from runbook_lib.cutover.afterwards import look_afterwards
from runbook_lib.cutover.gates import GateWatch, is_passed, passing, stay_shut
from runbook_lib.cutover.last_window import behind_by_a_window, bring_to
from runbook_lib.cutover.moments import moment_of, refuse_strange, source_time
from runbook_lib.cutover.quiet import quiet_since, told_late
from runbook_lib.cutover.ready import asks_full_export, forecast_of, settling, why_not_ready
from runbook_lib.cutover.still_named import look_who_still_names
from runbook_lib.cutover.still_quiet import hold_to_quiet
from runbook_lib.errors import GateFailed
from runbook_lib.export.asked import each_of
from runbook_lib.export_format.change import SKEW
from runbook_lib.hooks.run_hooks import run_hooks, told_of
from runbook_lib.leak_scan.step import scan_for_leaks
from runbook_lib.plan.naming import is_among
from runbook_lib.plan.pair import Pair
from runbook_lib.plan.writing import Method
from runbook_lib.run.admission.confirmation import check_confirmation
from runbook_lib.run.facts.cut_over.gates import (
    CUT_OVER_ASKED,
    CUT_OVERS,
    FORECASTS,
    FROZEN,
    GATES,
    CutOverAsked,
    CutOverFact,
    CutOverFault,
    Gate,
    GateFact,
    GateState,
    forget_cut_over,
    went,
)
from runbook_lib.run.facts.doubt.late_writes import LIFE, may_land_until
from runbook_lib.run.facts.load import EXECUTED
from runbook_lib.run.facts.validation import VALIDATIONS
from runbook_lib.run.run import Run
from runbook_lib.run.steps import CUT_OVER
from runbook_lib.run.verdicts import Verdict
from runbook_lib.run.waiting import Sleep
from runbook_lib.run.witnesses.writers.own_marks import refuse_older_copy, say_in_use
from runbook_lib.run.witnesses.writers.writing_marks import marked_end
from runbook_lib.timestamps import format_timestamp
from runbook_lib.validate.step import validate_tables


def cut_over(
    run: Run,
    watch: GateWatch = lambda gate, fact: None,
    sleep: Sleep = time.sleep,
    *,
    asked: CutOverAsked | None = None,
) -> dict[str, GateFact]:
    """Cut over to the targets, or forecast how long that would take; returns the gates by name.

    `asked` is what a person typed, by default what the command or the form has recorded. Without the run's id typed,
    and `run.execute`, it only makes the forecast. Raises GateFailed at the gate that does not open; the same call goes
    on there. After the go it looks, each time that it is called, at what was written to the sources since.
    """
    said = asked or CUT_OVER_ASKED.of(run.ledger) or CutOverAsked("", confirmed=False)
    acting = run.execute and said.confirmed
    with run.step(CUT_OVER, only_looks=not acting):
        run.keep_accepted()
        pairs = _tables(run)
        gone = (known := CUT_OVERS.of(run.ledger)) is not None and known.go_at is not None
        if known is not None and gone:
            _refuse_another(known, said)
            look_afterwards(run, pairs, known, watch, sleep)
            return GATES.all(run.ledger)
        if not acting:
            _ready(run, pairs, watch)
            return GATES.all(run.ledger)
        check_confirmation(run.confirmation, run.clients)
        for pair in pairs:
            refuse_older_copy(run, pair)  # before a hook stops whoever writes to the targets by now
        EXECUTED.record(run.ledger, True)
        fact = _freeze(run, pairs, said, watch)
        with marked_end(run, *pairs):
            with window_workers(run) as workers:
                _last_window(run, _opened(run, pairs, sleep, acting=True, workers=workers), fact, watch)
            _prove_frozen(run, _opened(run, pairs, sleep, acting=True), fact, watch)
    _prove_data(run, pairs, watch, sleep)
    with run.step(CUT_OVER):
        _go(run, pairs, watch, sleep)
        return GATES.all(run.ledger)


def _tables(run: Run) -> list[Pair]:
    """The tables that are cut over; raises GateFailed for one that is not, and is not left out knowingly.

    Of one that was read by Scan nobody knows what was written since, and of one that was skipped nothing was moved.
    """
    every, known = run.planned_pairs(), ",".join(run.config.cut_over.leave_out)
    unsaid = [p.source for p in every if p.method == Method.SKIP and not is_among(p.source, known)]
    if unsaid and went(run.ledger) is None:
        raise stay_shut(
            run, Gate.READY, CutOverFault.NOT_READY,
            f"{', '.join(unsaid)}: skipped, so nothing of it is in its target. Turn point-in-time recovery on and "
            "begin anew, or name it in cut_over.leave_out if its application stays at the source",
        )  # fmt: skip
    planned = [pair for pair in every if pair.method != Method.SKIP]
    left = [pair for pair in planned if pair.method == Method.SCAN]
    if unsaid := [p.source for p in left if not is_among(p.source, known)]:
        raise stay_shut(
            run, Gate.READY, CutOverFault.NOT_READY,
            f"{', '.join(unsaid)}: read by Scan, so nobody can show what was written since. Turn point-in-time "
            "recovery on and begin anew, or name them in cut_over.leave_out if nothing writes to them",
        )  # fmt: skip
    return tables_fit(run, planned)


def _opened(
    run: Run, pairs: list[Pair], sleep: Sleep, *, acting: bool, workers: Workers = no_workers
) -> list[TableToCatchUp]:
    writer = run.clients.writer(frozenset(pair.target for pair in pairs)) if acting else None
    return [open_table(run, pair, writer, lambda window, done: None, sleep, workers) for pair in pairs]


def _refuse_another(known: CutOverFact, said: CutOverAsked) -> None:
    if said.frozen_at and moment_of(said.frozen_at) != moment_of(known.frozen_at):
        raise GateFailed(
            f"the cut-over is done: the writers were stopped at {known.frozen_at}, the targets took their place at "
            f"{known.go_at}; found another moment, {said.frozen_at}. Leave it out to look at what was written since"
        )


def _ready(run: Run, pairs: list[Pair], watch: GateWatch) -> None:
    with passing(run, Gate.READY, watch):
        forecast = forecast_of(run, pairs)
        FORECASTS.record(run.ledger, forecast)
        if wrong := list(why_not_ready(run, pairs, forecast)):
            raise stay_shut(run, Gate.READY, CutOverFault.NOT_READY, "; ".join(wrong))


def _freeze(run: Run, pairs: list[Pair], said: CutOverAsked, watch: GateWatch) -> CutOverFact:
    """Take the moment the writers were stopped; another one than before begins anew."""
    known = CUT_OVERS.of(run.ledger)
    if known and known.frozen_at and said.frozen_at and moment_of(known.frozen_at) != moment_of(said.frozen_at):
        forget_cut_over(run.ledger)
        known = CUT_OVERS.of(run.ledger)
    if known and known.frozen_at and is_passed(run, Gate.FREEZE):
        return known
    _ready(run, pairs, watch)
    with passing(run, Gate.FREEZE, watch):
        if not said.frozen_at:
            raise stay_shut(
                run, Gate.FREEZE, CutOverFault.FREEZE_UNKNOWN,
                "expected the moment at which the writers were stopped, like --frozen-at 2026-01-14T10:20:00Z; stop "
                "them first",
            )  # fmt: skip
        _hook(run, Gate.FREEZE, CutOverFault.FREEZE_FAILED, run.config.hooks.freeze)
        frozen = moment_of(said.frozen_at)
        refuse_strange(run, pairs, frozen)
        earlier = known.earlier if known else ()
        fact = CutOverFact(format_timestamp(frozen), by=run.clients.target_identity.arn, earlier=earlier)
        CUT_OVERS.record(run.ledger, fact)
    return fact


def _last_window(run: Run, tables: list[TableToCatchUp], fact: CutOverFact, watch: GateWatch) -> None:
    """Windows past the freeze; a start much later goes on from there to its own time, as writers may have gone on."""
    behind, now = list(tables), None
    if is_passed(run, Gate.LAST_WINDOW):
        behind, now = behind_by_a_window(tables)
        if now is None:
            return
        GATES.forget(run.ledger, Gate.FREEZE_PROOF)  # which is of the windows before
    with passing(run, Gate.LAST_WINDOW, watch):
        frozen = moment_of(fact.frozen_at)
        due = now or (frozen + settling(run) + timedelta(microseconds=999_999)).replace(microsecond=0)
        bring_to(behind, due, with_full_export=asks_full_export(run))
        until = format_timestamp(min(table.until for table in tables))
        CUT_OVERS.record(run.ledger, replace(fact, until=until))


def _prove_frozen(run: Run, tables: list[TableToCatchUp], fact: CutOverFact, watch: GateWatch) -> None:
    """Nothing was written after the freeze, by the clocks of those who write, which may differ by a minute."""
    if is_passed(run, Gate.FREEZE_PROOF):
        return
    with passing(run, Gate.FREEZE_PROOF, watch):
        since = moment_of(fact.frozen_at) + SKEW
        late = []
        for table in tables:
            over = [window for window in table.windows() if window.span[1] > since]
            found = quiet_since(run, over, table.key, since, table.pair.source)
            FROZEN.record(run.ledger, table.pair.source, found)
            if found.late:
                late.append(told_late(table.pair.source, found))
        if late:
            raise stay_shut(
                run, Gate.FREEZE_PROOF, CutOverFault.NOT_FROZEN,
                f"nothing should have been written after {fact.frozen_at} and a minute, and this was: "
                f"{'; '.join(late)}. Find the writer and stop it, then run the same command with the new moment",
            )  # fmt: skip


def _prove_data(run: Run, pairs: list[Pair], watch: GateWatch, sleep: Sleep) -> None:
    """Overlay, continuity and the second full export; always anew, for a proof is of the target as it is now."""
    with passing(run, Gate.DATA_PROOF, watch):
        if asks_full_export(run):
            opened = _opened(run, pairs, sleep, acting=False)
            each_of(partial(export_again, run, table.pair, table.until, sleep) for table in opened)
        _await_writes(run, pairs, sleep)
        validate_tables(run)
        wrong = [f"{pair.source}: {why}" for pair in pairs if (why := _unproved(run, pair))]
        leaks = scan_for_leaks(run)  # the last windows brought values that no scan before has looked for
        wrong += [
            f"{source}: {leak.hits:,} raw values are in its target" for source, leak in leaks.items() if leak.hits
        ]
        if wrong:
            raise stay_shut(
                run, Gate.DATA_PROOF, CutOverFault.NOT_PROVED,
                f"{'; '.join(wrong)}. Start the writers at the sources again; nothing was switched",
            )  # fmt: skip


def _await_writes(run: Run, pairs: list[Pair], sleep: Sleep) -> None:
    """Compare only what no unanswered write can change any more: after the go, one would undo what is newer."""
    moments = [until for pair in pairs if (until := may_land_until(run.ledger, pair.target))]
    if moments and (left := max(moments) - run.now()) > timedelta():
        sleep(min(left, LIFE).total_seconds())


def _unproved(run: Run, pair: Pair) -> str:
    """Why a table is not proved as of its last window; empty if it is."""
    fact = VALIDATIONS.of(run.ledger, pair.source)
    if fact is None or fact.verdict != Verdict.PASS:
        return "; ".join(fact.reasons) if fact and fact.reasons else "it was not compared"
    if fact.changes is None:
        return "it was compared without its windows"
    second = fact.changes.second_export
    if second is not None and second.moment == fact.changes.as_of:
        return ""
    if not fact.changes.old_images:  # whatever the file says by now
        return (
            f"its windows have no old images, and it was not compared with a full export of {fact.changes.as_of}, "
            "which alone would show that no change is missing; set cut_over.proof: full_export"
        )
    return f"it was not compared with a full export of {fact.changes.as_of}" if asks_full_export(run) else ""


def _go(run: Run, pairs: list[Pair], watch: GateWatch, sleep: Sleep) -> None:
    with passing(run, Gate.SMOKE, watch):
        _hook(run, Gate.SMOKE, CutOverFault.SMOKE_FAILED, run.config.hooks.smoke)
        if not run.config.hooks.smoke:
            GATES.record(run.ledger, Gate.SMOKE, replace(GATES.needed(run.ledger, Gate.SMOKE), state=GateState.NOTHING))
    look_who_still_names(run, watch)
    with passing(run, Gate.GO, watch):
        known = CUT_OVERS.of(run.ledger)
        if known is None or known.until is None:
            raise stay_shut(run, Gate.GO, CutOverFault.NOT_APPLIED, "the last window is not recorded; run again")
        quiet_until = hold_to_quiet(run, _opened(run, pairs, sleep, acting=False), known.until)
        go_at = format_timestamp(source_time(run, pairs))
        for pair in run.planned_pairs():
            say_in_use(run, pair)
        with run.ledger.batch():  # the one is not known without the other, whenever this is killed
            CUT_OVERS.record(run.ledger, replace(known, go_at=go_at, quiet_until=quiet_until))
            passed = replace(GATES.needed(run.ledger, Gate.GO), state=GateState.PASSED)
            GATES.record(run.ledger, Gate.GO, replace(passed, ended=format_timestamp(run.now())))


def _hook(run: Run, gate: Gate, fault: CutOverFault, hooks: Sequence[Hook]) -> None:
    if failed := run_hooks(run, gate, hooks):
        raise stay_shut(
            run, gate, fault,
            f"each of hooks.{gate} should be good, and was not: {'; '.join(map(told_of, failed))}. Fix it and run the "
            "same command again, or start the writers again at the sources",
        )  # fmt: skip
