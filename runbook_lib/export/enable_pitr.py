"""Turn point-in-time recovery on, the one change a source may see: asked for by name, and only with --execute."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial

from runbook_lib.aws.dynamodb.backups import recovery_of, turn_on
from runbook_lib.errors import ExportError, GateFailed, MomentLost
from runbook_lib.plan.naming import wants_recovery
from runbook_lib.plan.pair import Pair
from runbook_lib.run.admission.confirmation import check_confirmation
from runbook_lib.run.facts.export import RECOVERIES, RecoveryFact, fixed_moment
from runbook_lib.run.run import Run
from runbook_lib.run.waiting import Sleep, Wait
from runbook_lib.timestamps import format_timestamp

POLL_SECONDS = 2.0
PATIENCE_SECONDS = 900.0


def enable_recovery(run: Run, pairs: list[Pair], sleep: Sleep) -> None:
    """Turn recovery on where `export.enable_pitr` asks for it and it is off, and wait until exports can be made.

    An export shows a moment inside the recovery window, and that begins when recovery is turned on: so this comes
    before the run chooses its moment, and afterwards the clock has passed the beginning of every window.
    """
    asked = [p for p in pairs if p.method == "export" and wants_recovery(run.config.export.enable_pitr, p.source)]
    off = [p.source for p in asked if not recovery_of(run.clients.source, p.source).on]
    known = RECOVERIES.all(run.ledger)
    if off and not run.execute:
        raise GateFailed(
            f"point-in-time recovery of {', '.join(off)} is off and is turned on with --execute only; "
            "run 00_preflight again for a dry run"
        )
    if off and (lost := moment_lost(run, off)):
        raise lost
    if off:
        check_confirmation(run.confirmation, run.clients)
        client = run.clients.recovery(frozenset(off))
        for source in off:
            fact = RecoveryFact(format_timestamp(run.now()), earliest=None)
            RECOVERIES.record(run.ledger, source, fact)  # before the call, so that no change goes unrecorded
            turn_on(client, source)

    def late(failure: str) -> ExportError:
        return ExportError(
            f"point-in-time recovery was turned on and gives no moment to export after {PATIENCE_SECONDS / 60:g} "
            f"minutes{failure}; run again with the same run id to go on waiting"
        )

    wait = Wait(PATIENCE_SECONDS, POLL_SECONDS, late, sleep)
    for source in {*off, *(s for s, fact in known.items() if fact.earliest is None)}:
        earliest = wait.until(partial(_window, run, source))
        fact = RECOVERIES.needed(run.ledger, source)
        RECOVERIES.record(run.ledger, source, replace(fact, earliest=format_timestamp(earliest)))


def moment_lost(run: Run, sources: list[str]) -> MomentLost | None:
    """The error for tables of which recovery does not reach back to the moment that exports of this run may show.

    Recovery that is turned on begins then, so whatever is done about it, this run never comes to their moment.
    """
    moment = fixed_moment(run.ledger)
    beyond = [name for name in sources if moment and not _reaches(run, name, datetime.fromisoformat(moment))]
    if not beyond:
        return None
    return MomentLost(
        f"point-in-time recovery of {', '.join(beyond)} is off, or was since {moment}, which is the moment of this "
        "run's exports: they cannot be exported as of then any more. Turn it on and start a new run, which is runbook "
        "run without --run-id"
    )


def _reaches(run: Run, source: str, moment: datetime) -> bool:
    """By whole seconds, as a moment is chosen: of a table whose recovery has just begun it may be the same second."""
    recovery = recovery_of(run.clients.source, source)
    return recovery.on and (recovery.earliest is None or recovery.earliest.replace(microsecond=0) <= moment)


def _window(run: Run, source: str) -> datetime | None:
    """The first moment of recovery, once it is on and that has passed, by a whole second as the API takes it."""
    recovery = recovery_of(run.clients.source, source)
    passed = recovery.on and recovery.earliest and run.now().replace(microsecond=0) >= recovery.earliest
    return recovery.earliest if passed else None
