"""Turn point-in-time recovery on, the one change a source may see: asked for by name, and only with --execute."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from runbook_lib.aws.recovery import recovery_of, turn_on
from runbook_lib.errors import ExportError, GateFailed
from runbook_lib.moments import stamp
from runbook_lib.plan import Pair, wants_recovery
from runbook_lib.preflight import check_confirmation
from runbook_lib.run import Run

POLL_SECONDS = 2.0
PATIENCE_SECONDS = 900.0


def enable_recovery(run: Run, pairs: list[Pair], sleep: Callable[[float], None]) -> None:
    """Turn recovery on where `export.enable_pitr` asks for it and it is off, and wait until exports can be made.

    An export shows a moment inside the recovery window, and that begins when recovery is turned on: so this comes
    before the run chooses its moment, and afterwards the clock has passed the beginning of every window.
    """
    asked = [p for p in pairs if p.method == "export" and wants_recovery(run.config.export.enable_pitr, p.source)]
    off = [p.source for p in asked if not recovery_of(run.clients.source, p.source).on]
    known = run.ledger.all("recovery")
    if off and not run.execute:
        raise GateFailed(
            f"point-in-time recovery of {', '.join(off)} is off and is turned on with --execute only; "
            "run 00_preflight again for a dry run"
        )
    if off and (moment := run.ledger.get("run", "export_time")):
        raise ExportError(
            f"point-in-time recovery of {', '.join(off)} is off, and this run exports the moment {moment}, which "
            "would lie before it; start a new run with another run id"
        )
    if off:
        check_confirmation(run.confirmation, run.clients)
        client = run.clients.recovery(frozenset(off))
        for source in off:
            fact: dict[str, Any] = {"turned_on": stamp(run.now()), "earliest": None}
            run.ledger.put("recovery", source, fact)  # before the call, so that no change goes unrecorded
            turn_on(client, source)
    deadline = time.monotonic() + PATIENCE_SECONDS
    for source in {*off, *(s for s, fact in known.items() if fact["earliest"] is None)}:
        earliest = _window(run, source, sleep, deadline)
        run.ledger.put("recovery", source, run.ledger.get("recovery", source) | {"earliest": stamp(earliest)})


def _window(run: Run, source: str, sleep: Callable[[float], None], deadline: float) -> datetime:
    """Wait until recovery is on and its first moment has passed, by a whole second as the API takes it."""
    while True:
        recovery = recovery_of(run.clients.source, source)
        if recovery.on and recovery.earliest and run.now().replace(microsecond=0) >= recovery.earliest:
            return recovery.earliest
        if time.monotonic() > deadline:
            raise ExportError(
                f"point-in-time recovery of {source} was turned on and gives no moment to export after "
                f"{PATIENCE_SECONDS / 60:g} minutes; run again with the same run id to go on waiting"
            )
        sleep(POLL_SECONDS)
