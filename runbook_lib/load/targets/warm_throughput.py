"""Raise the warm throughput of targets, where the migration file names them; it cannot be lowered again."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from runbook_lib.aws.dynamodb.describe.capacity import describe_capacity, raise_warm_throughput
from runbook_lib.errors import TransferError
from runbook_lib.run.admission.confirmation import check_confirmation
from runbook_lib.run.facts.targets import WARMED, WarmedFact
from runbook_lib.run.run import Run
from runbook_lib.run.waiting import Sleep, Wait
from runbook_lib.timestamps import format_timestamp

POLL_SECONDS = 5.0
PATIENCE_SECONDS = 3_600.0


def warm_targets(run: Run, sleep: Sleep = time.sleep) -> dict[str, WarmedFact]:
    """Raise the warm throughput that `import.warm_throughput` sets and wait for it; returns the facts by target.

    Without `run.execute` nothing is done. A table that is as warm already is left as it is. Raises
    TransferError if a table is gone or does not get there.
    """
    wanted = {p.target: run.config.import_.warm_throughput.get(p.target) for p in run.planned_pairs()}
    asked = {target: units for target, units in wanted.items() if units is not None}
    if run.execute and asked:
        check_confirmation(run.confirmation, run.clients)
        client = run.clients.warming(frozenset(asked))
        for target, units in asked.items():
            _warm(run, client, target, units, sleep)
    return WARMED.all(run.ledger)


def _warm(run: Run, client: Any, target: str, units: int, sleep: Sleep) -> None:
    before = _warmth(client, target)
    if before is not None and before >= units:
        return
    fact = WarmedFact(units, before, format_timestamp(run.now()), reached=None)
    WARMED.record(run.ledger, target, fact)  # before the call: it is charged whatever comes after it
    raise_warm_throughput(client, target, units)

    def late(failure: str) -> TransferError:
        return TransferError(
            f"{target} is not at {units:,} warm write units after an hour{failure}; run again to go on"
        )

    wait = Wait(PATIENCE_SECONDS, POLL_SECONDS, late, sleep)
    wait.until(lambda: (_warmth(client, target) or 0) >= units or None)
    WARMED.record(run.ledger, target, replace(fact, reached=format_timestamp(run.now())))


def _warmth(client: Any, target: str) -> int | None:
    """Warm write units per second of an ACTIVE table; None while it is being changed."""
    found = describe_capacity(client, target)
    if found is None:
        raise TransferError(f"target {target} is gone; create it and run 00_preflight again")
    facts, stand = found
    return stand.warm_write_units if facts.status == "ACTIVE" else None
