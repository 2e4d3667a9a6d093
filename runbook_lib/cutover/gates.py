"""The gates of a cut-over: when each was begun and ended is recorded, and what is passed is not passed again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from runbook_lib.errors import GateFailed, RunbookError
from runbook_lib.run.facts.cut_over.gates import GATES, CutOverFault, Gate, GateFact, GateState
from runbook_lib.run.run import Run
from runbook_lib.timestamps import format_timestamp

GateWatch = Callable[[Gate, GateFact], None]


def is_passed(run: Run, gate: Gate) -> bool:
    """Whether a gate need not be passed again."""
    known = GATES.of(run.ledger, gate)
    return known is not None and known.state in (GateState.PASSED, GateState.NOTHING)


@contextmanager
def passing(run: Run, gate: Gate, watch: GateWatch) -> Iterator[None]:
    """Record that a gate is begun, and what came of it; a kill leaves it begun, and the next start goes on there."""
    known = GATES.of(run.ledger, gate)
    resumed = known is not None and known.state is GateState.BEGUN
    began = known.began if known and resumed else format_timestamp(run.now())
    fact = _record(run, gate, GateFact(GateState.BEGUN, began), watch)
    try:
        yield
    except RunbookError as error:
        if (failed := GATES.of(run.ledger, gate)) is None or failed.state is GateState.BEGUN:
            failed = replace(fact, state=GateState.FAILED, ended=format_timestamp(run.now()), why=str(error))
        _record(run, gate, failed, watch)
        raise
    now = GATES.of(run.ledger, gate) or fact
    state = now.state if now.state is GateState.NOTHING else GateState.PASSED
    _record(run, gate, replace(now, state=state, ended=format_timestamp(run.now())), watch)


def stay_shut(run: Run, gate: Gate, fault: CutOverFault, why: str) -> GateFailed:
    """Record why a gate does not open; the error to be raised, which begins with the fault's name."""
    known = GATES.of(run.ledger, gate)
    now = format_timestamp(run.now())
    GATES.record(run.ledger, gate, GateFact(GateState.FAILED, known.began if known else now, now, fault, why))
    return GateFailed(f"{fault}: {why}")


def _record(run: Run, gate: Gate, fact: GateFact, watch: GateWatch) -> GateFact:
    GATES.record(run.ledger, gate, fact)
    watch(gate, fact)
    return fact
