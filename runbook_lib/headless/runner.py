"""Run the notebooks headless, one after the other, and own the verdict.

papermill executes; what came of it is never read from papermill's metadata, which calls killed and
timed-out notebooks completed. A step counts as done when no exception reached us and the step's
own record in the ledger says so.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from runbook_lib.aws.session.clients import connect
from runbook_lib.cluster.connect import check_engine
from runbook_lib.config.model import has_chain, load_config
from runbook_lib.errors import ConfigError
from runbook_lib.headless.books import FILES
from runbook_lib.headless.console import StepEnd, first_line, outcome_line, seconds_of_step
from runbook_lib.headless.heartbeat import heartbeat
from runbook_lib.headless.process import execute_late as execute_notebook
from runbook_lib.headless.process import import_ahead, kernel_of, terminable
from runbook_lib.headless.warm_kernel import WarmKernel
from runbook_lib.notices.send import tell
from runbook_lib.paths import notebooks
from runbook_lib.preflight.hold_to_plan import hold_to_plan
from runbook_lib.preflight.step import as_executed, plan_of, refuse_misconfigured
from runbook_lib.record.anchor import Anchor
from runbook_lib.record.build import build_record
from runbook_lib.record.run_json import RunRecord, write_record
from runbook_lib.record.signature import Signature
from runbook_lib.report.publish import publish
from runbook_lib.report.text import shortened
from runbook_lib.run.admission.admit import (
    LEDGER,
    folder_of,
    free_folder,
    is_begun,
    keep_settings,
    sole_runner,
)
from runbook_lib.run.admission.confirmation import check_confirmation, file_confirms
from runbook_lib.run.admission.ended import refuse_cleaned, refuse_cut_over
from runbook_lib.run.admission.hook_copy import refuse_another_hook
from runbook_lib.run.admission.permission import permission
from runbook_lib.run.attempts import add_attempt, note_interrupt
from runbook_lib.run.facts.cut_over.gates import CUT_OVER_ASKED, CutOverAsked
from runbook_lib.run.facts.plan import PLAN_FILE
from runbook_lib.run.facts.starts import RUNNER_TOKEN, STEP_FACTS, AttemptFact, StepStatus
from runbook_lib.run.facts.windows import UNTIL_LAG
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.run import Run, open_run
from runbook_lib.run.steps import (
    CATCH_UP,
    CUT_OVER,
    LEAK_SCAN,
    REPAIR,
    STEPS,
    SURROUNDINGS,
    TRANSFORM,
    fail_step,
    interrupt_running,
    put_aside,
    with_transform,
    with_windows,
)
from runbook_lib.timestamps import format_timestamp
from runbook_lib.transform.settings import refuse_untransformed

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Request:
    """What `runbook run`, `catch-up` or `repair` was asked to do.

    `before` holds actions to take just before a step; `after` hears of each that has ended. To `catch_up` is to
    begin there; `until_lag_minutes` is how far. To `repair` is to begin there, with these further parameters of its
    notebook; what was repaired is validated. `cut_over` is what was typed for it, `plan` the file to do as it says. Of
    `surroundings` nothing but the report follows. `kernel` is one that is on its way already.
    """

    config: Path
    run_id: str = ""
    only: str | None = None
    start_at: str | None = None
    tables: str = ""
    execute: bool = False
    catch_up: bool = False
    until_lag_minutes: float = 0.0
    repair: Mapping[str, Any] | None = None
    cut_over: CutOverAsked | None = None
    plan: Path | None = None
    surroundings: bool = False
    kernel: WarmKernel | None = None
    before: Mapping[str, Callable[[], None]] = field(default_factory=dict)
    after: Callable[[StepEnd], None] = lambda _: None

    def steps(self) -> tuple[str, ...]:
        if self.only and self.start_at:
            raise ConfigError("--only and --from exclude each other; give one of them")
        if self.cut_over:
            return (CUT_OVER, "report")  # which compares by itself, before the targets are in use
        if self.surroundings:
            return (SURROUNDINGS, "report")
        if self.catch_up:
            caught_up = (CATCH_UP, *STEPS[STEPS.index("validate") :])
            return with_transform(caught_up) if load_config(self.config).transform else caught_up
        if self.repair is not None:
            repaired = (REPAIR, "validate", "report")
            if not self.execute:
                return (REPAIR, "report")
            return with_transform(repaired) if load_config(self.config).transform else repaired
        if self.only and self.only not in (TRANSFORM, LEAK_SCAN):
            return (self.only,)
        config = load_config(self.config)
        steps = with_transform(STEPS) if config.transform else STEPS
        for name, asked in (("--only", self.only), ("--from", self.start_at)):
            if asked and asked not in steps:
                raise ConfigError(f"{name} {asked}: the migration file has no section 'transform'; nothing was done")
        if self.only:
            return (self.only,)
        steps = steps[steps.index(self.start_at) :] if self.start_at else steps
        return with_windows(steps) if has_chain(config) else steps


def run_notebooks(request: Request, say: Say) -> RunRecord:
    """Run the steps of a migration and publish its report; returns the record that is `run.json`.

    Raises ConfigError or ResumeRefused before anything has run, and before anything is on disk for
    a new run, if the request or the configuration is wrong. SIGINT and SIGTERM end with the verdict
    INTERRUPTED; the run can be taken up again.
    """
    steps = request.steps()
    with _admitted(request, steps) as run, terminable(), kernel_of(run, request.kernel, WarmKernel) as kernel:
        began = first_line(run.id, run.folder)
        _begin(run, request, steps)
        say(began)  # not before: another start may have begun the same run meanwhile, and this one be refused
        kernel.start()  # it gets ready while the first notebook is
        import_ahead()
        run.ledger.close()  # the kernels write it from here on
        interrupted = False
        try:
            for step in steps:
                if step != "report" and not _step(run, request, step, kernel, say):
                    break
        except KeyboardInterrupt:
            interrupted = True
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # what is left takes seconds and must be whole
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if interrupted:
            say("interrupted: writing a report of what is known")
        elif "report" in steps:
            _step(run, request, "report", kernel, say)
        kernel.stop()  # it lets go of the ledger, which is sealed next
        return tell(run.config.notify, _finish(run, interrupted=interrupted), say)


@contextmanager
def _admitted(request: Request, steps: tuple[str, ...]) -> Iterator[Run]:
    """The run, with this process as its only runner, after all that can be wrong with a start was looked at.

    Nothing has been written then, and nothing made; the first write begins it.
    """
    migration = load_config(request.config)
    refuse_untransformed(migration, catch_up=request.catch_up or request.cut_over is not None)
    folder = folder_of(request.run_id) if request.run_id else free_folder(migration.name)
    refuse_another_hook(migration, folder)
    with sole_runner(folder) as seat:
        if steps[0] != STEPS[0] and not is_begun(folder):
            raise ConfigError(
                f"--run-id: expected a run in {folder.parent} that {steps[0]} can go on with, found "
                f"{f'no {request.run_id!r}' if request.run_id else 'nothing'}; a new run begins with {STEPS[0]}"
            )
        clients = connect(migration)
        if {"import", "validate", CATCH_UP, CUT_OVER} & set(steps):
            check_engine(migration)
        if request.execute:
            check_confirmation(migration.confirm_target, clients)
        run = open_run(str(request.config), folder.name, request.execute, request.tables, clients, seat=seat)
        if steps != ("report",):
            refuse_cleaned(run.ledger, run.id)
            if not {CUT_OVER, SURROUNDINGS} & set(steps):
                refuse_cut_over(run.ledger, run.id)
        looked = cache(lambda: plan_of(run, around=False))
        if request.plan is not None or plan_of(run, around=False, deep=False).blockers:
            refuse_misconfigured(looked())  # whether the configuration alone is in the way takes all looks
        if "preflight" in steps or request.plan is not None:
            run.plan_file = hold_to_plan(run, lambda: as_executed(run, looked()), request.plan)
        yield run


def _begin(run: Run, request: Request, steps: tuple[str, ...]) -> None:
    run.ledger.allow()
    settings = run.keep_settings()
    assert run.seat is not None
    now = format_timestamp(run.now())
    confirmed = permission(run.clients, typed=False, at=now) if request.execute else None
    asked = tuple(steps), run.only, request.execute, settings.name
    spelled = file_confirms(run.config, run.clients)
    attempt = AttemptFact(now, *asked, confirmed=confirmed, file_confirms=spelled)
    with run.ledger.batch():
        add_attempt(run.ledger, attempt)
        RUNNER_TOKEN.record(run.ledger, run.seat.token)
        UNTIL_LAG.record(run.ledger, request.until_lag_minutes)
        if run.plan_file is not None:
            PLAN_FILE.record(run.ledger, run.plan_file)
        if request.cut_over is not None:
            CUT_OVER_ASKED.record(run.ledger, request.cut_over)
        for step in steps:
            put_aside(run.ledger, step)
    run.tell_calls()
    write_record(run.folder, build_record(run.ledger, run.id, run.config.name, running=True))


def _step(run: Run, request: Request, step: str, kernel: WarmKernel, say: Say) -> bool:
    """Execute one notebook; whether the step is done."""
    if action := request.before.get(step):
        action()
    say(f"{step:<9} running")
    began, clock = datetime.now(UTC), time.monotonic()
    with heartbeat(run.folder, step, say):
        failure = _execute(run, request, step, kernel)
    taken = time.monotonic() - clock
    ledger = Ledger(run.folder / LEDGER)
    fact = STEP_FACTS.of(ledger, step)
    if failure is None and (fact is None or fact.status != StepStatus.COMPLETED):
        failure = "the notebook ended without finishing its step"
    if failure is not None:
        fail_step(ledger, step, failure, request.execute, (began, datetime.now(UTC)), taken)
    state = build_record(ledger, run.id, run.config.name, running=True)
    write_record(run.folder, state)
    ledger.close()
    seconds = seconds_of_step(state, step, taken)
    told = shortened(failure, where="in the report") if failure else outcome_line(state, step)
    request.after(StepEnd(step, "failed" if failure else "completed", round(seconds, 3), failure or told))
    say(f"{step:<9} {'failed' if failure else 'done'} after {seconds:.1f} s{f': {told}' if told else ''}")
    return failure is None


def _execute(run: Run, request: Request, step: str, kernel: WarmKernel) -> str | None:
    """Execute the step's notebook; returns why it failed, or None."""
    parameters: dict[str, Any] = {
        "config": str(keep_settings(run.folder, run.settings)),
        "run_id": run.id,
        "execute": request.execute,
        "tables": run.only,
    }
    if step == REPAIR:
        parameters |= request.repair or {}
    book, result = notebooks() / FILES[step], run.folder / FILES[step]
    return execute_notebook(book, result, parameters, kernel, lambda: _has_begun(run, step))


def _has_begun(run: Run, step: str) -> bool:
    """Whether a notebook came as far as the step itself; before that it has done nothing."""
    ledger = Ledger(run.folder / LEDGER)
    try:
        return STEP_FACTS.of(ledger, step) is not None
    finally:
        ledger.close()


def _finish(run: Run, *, interrupted: bool) -> RunRecord:
    """Settle what a killed kernel left open, and publish."""
    ledger = Ledger(run.folder / LEDGER)
    if interrupted:
        note_interrupt(ledger, format_timestamp(datetime.now(UTC)))
    interrupt_running(ledger, datetime.now(UTC))
    anchor = Anchor.of(run.config, run.id)
    record = publish(
        run.folder,
        ledger,
        run.id,
        run.config.name,
        interrupted=interrupted,
        anchor=anchor,
        signature=Signature.of(run.config),
    )
    ledger.close()
    return record
