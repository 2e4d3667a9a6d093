"""The steps of a run, and how to go on after one of them was stopped."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from runbook_lib.errors import MomentLost, PlanOutdated
from runbook_lib.run.facts.starts import (
    CODES,
    STEP_FACTS,
    STEP_SECONDS,
    STEP_STARTS,
    UNDONE_STEPS,
    StepFact,
    StepStart,
    StepStatus,
)
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.provenance import code_facts, code_name
from runbook_lib.timestamps import elapsed_seconds, format_timestamp

STEPS = ("preflight", "export", "import", "validate", "report")
TRANSFORM, LEAK_SCAN = "transform", "leak_scan"  # steps of a run whose migration file has a transform
CATCH_UP = "catch_up"  # a step of a command of its own, or of a run that was handed windows with its export
REPAIR = "repair"  # a step of a command of its own
CUT_OVER = "cut_over"  # a step of a command of its own
DRIFT = "drift"  # a command of its own, which reads only
SURROUNDINGS = "surroundings"  # a step of a command of its own, which reads only
CLEANUP = "cleanup"  # a command of its own, after which nothing is done any more
ROLLBACK = "rollback"  # a command of its own, after which nothing is written any more
OF_THEIR_OWN = (CATCH_UP, REPAIR, CUT_OVER, SURROUNDINGS)  # steps with a notebook that follows no other
BY_HAND = (*STEPS, TRANSFORM, LEAK_SCAN, *OF_THEIR_OWN)  # whose starts in a notebook are recorded
AFTERWARDS = ("report", CLEANUP, ROLLBACK)  # what may still be done with a run whose traces were removed
# Of which a start that may not write does all that one does that may, so that what it finds holds.
READING = frozenset({"preflight", "export", TRANSFORM, "validate", LEAK_SCAN, "report", DRIFT, SURROUNDINGS})
KEPT = {  # of a step that is stopped
    "preflight": "nothing was changed",
    "export": "exports that were started go on in AWS and are found again",
    "transform": "files that were made are recorded",
    "create": "a table that is being made is found again",
    "import": "what was acknowledged is recorded",
    "catch_up": "what was acknowledged is recorded",
    "repair": "what was written is recorded",
    "cut_over": "each gate is recorded",
    "surroundings": "it only reads",
    "rollback": "what was taken back stays so",
    "validate": "what was read of the export counts, the target is scanned anew",
    "leak_scan": "the targets are scanned anew",
    "report": "its pages are written anew",
    "drift": "nothing was changed",
    "cleanup": "what was removed is recorded",
}
# `because` of a step that does not get on from where it stopped: only from the pre-flight, or as a new run.
PLAN_OUTDATED, MOMENT_LOST = "plan outdated", "moment lost"
GO_ON = "Run it again with the same run id to go on."


def failed_by(fact: StepFact, error: BaseException) -> StepFact:
    """A step that an error has ended, and how the run gets on where that is not with the step itself."""
    because = PLAN_OUTDATED if isinstance(error, PlanOutdated) else None
    because = MOMENT_LOST if isinstance(error, MomentLost) else because
    return replace(fact, status=StepStatus.FAILED, message=str(error) or type(error).__name__, because=because)


def with_windows(steps: tuple[str, ...]) -> tuple[str, ...]:
    """The steps of a run with that which applies windows, after the import."""
    if "import" not in steps:
        return steps
    at = steps.index("import") + 1
    return (*steps[:at], CATCH_UP, *steps[at:])


def with_transform(steps: tuple[str, ...]) -> tuple[str, ...]:
    """The steps of a run with those that transform the exports, and scan the targets for what should not be there."""
    made: list[str] = []
    for step in steps:
        made += [TRANSFORM, step] if step == "import" else [LEAK_SCAN, step] if step == "report" else [step]
    return tuple(made)


def begin_step(ledger: Ledger, step: str, fact: StepFact) -> None:
    """Record that a step is begun; one that may write takes the place of whatever was left undone."""
    forget_step(ledger, step) if fact.execute else put_aside(ledger, step)
    STEP_FACTS.record(ledger, step, fact)


def step_outcome(ledger: Ledger, step: str) -> StepFact | None:
    """A step as its last start left it, or as one left it undone that might write: a look since has not done it."""
    last, undone = STEP_FACTS.of(ledger, step), UNDONE_STEPS.of(ledger, step)
    return replace(undone, seconds=(last and last.seconds) or 0.0) if undone else last


def put_aside(ledger: Ledger, step: str) -> None:
    """Add what the last start of a step has taken to the seconds of its starts before, and forget its record.

    What one that might write has left undone is kept, until another one that may begins it again.
    """
    undone, last = step_outcome(ledger, step), STEP_FACTS.of(ledger, step)
    if last is not None and last.seconds:
        STEP_SECONDS.record(ledger, step, (STEP_SECONDS.of(ledger, step) or 0.0) + last.seconds)
    STEP_FACTS.forget(ledger, step)
    if undone is None or not undone.execute or step in READING or undone.status == StepStatus.COMPLETED:
        return
    if undone.status == StepStatus.RUNNING:
        undone = replace(undone, status=StepStatus.INTERRUPTED, message="interrupted")
    UNDONE_STEPS.record(ledger, step, undone)


def forget_step(ledger: Ledger, step: str) -> None:
    """Forget the record of a step, but for the seconds that it has taken."""
    put_aside(ledger, step)
    UNDONE_STEPS.forget(ledger, step)


def sign_step(ledger: Ledger, step: str, fact: StepFact, arns: dict[str, str | None]) -> None:
    """Add who starts a step now, by side, and with which code, to those who started it before."""
    code = code_facts()
    CODES.record(ledger, code_name(code), code)
    start = StepStart(str(fact.started), fact.execute is True, arns, code_name(code))
    STEP_STARTS.record(ledger, step, (*(STEP_STARTS.of(ledger, step) or ()), start))


def fail_step(
    ledger: Ledger, step: str, failure: str, execute: bool, span: tuple[datetime, datetime], seconds: float
) -> None:
    """Record that a step's notebook failed; its own `span` and `seconds` stand where the step did not come so far."""
    known = STEP_FACTS.of(ledger, step) or StepFact(StepStatus.FAILED)
    began, ended = span
    failed = replace(
        known,
        status=StepStatus.FAILED,
        message=failure,
        execute=execute if known.execute is None else known.execute,
        started=known.started or format_timestamp(began),
        finished=known.finished or format_timestamp(ended),
        seconds=round(seconds, 3) if known.seconds is None else known.seconds,
    )
    STEP_FACTS.record(ledger, step, failed)


def interrupt_running(ledger: Ledger, now: datetime) -> None:
    """Settle what a killed process left open: each step that is still running was interrupted."""
    for step, fact in STEP_FACTS.all(ledger).items():
        if fact.status == StepStatus.RUNNING:
            stopped = replace(
                fact,
                status=StepStatus.INTERRUPTED,
                message="interrupted",
                finished=format_timestamp(now),
                seconds=elapsed_seconds(fact.started or now, now),
            )
            STEP_FACTS.record(ledger, step, stopped)
