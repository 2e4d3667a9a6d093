"""The moments of a cut-over: as they are typed, and as the sources' own clock says; this machine's may be wrong."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime

from runbook_lib.aws.account import server_time
from runbook_lib.aws.dynamodb.backups import recovery_of
from runbook_lib.catchup.table import open_table
from runbook_lib.cutover.gates import stay_shut
from runbook_lib.errors import ConfigError
from runbook_lib.export_format.change import SKEW
from runbook_lib.plan.pair import Pair
from runbook_lib.run.facts.cut_over.gates import CutOverFault, Gate
from runbook_lib.run.run import Run
from runbook_lib.timestamps import format_timestamp

EARLIEST = datetime.min.replace(tzinfo=UTC)


def moment_of(text: str) -> datetime:
    """A moment with its zone; raises ConfigError for anything else."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = datetime.min
    if moment.tzinfo is None:
        raise ConfigError(f"--frozen-at: expected a moment with its zone like 2026-01-14T10:20:00Z, found {text!r}")
    return moment.astimezone(UTC)


def source_time(run: Run, pairs: Iterable[Pair]) -> datetime:
    """The time at the sources: the latest that any of them tells."""
    times = [EARLIEST]
    for pair in pairs:
        times.append(server_time(run.clients.source, pair.source))
        times.append(recovery_of(run.clients.source, pair.source).latest or EARLIEST)
    return max(times)


def refuse_strange(run: Run, pairs: list[Pair], frozen: datetime) -> None:
    """Refuse a moment that has not come yet, or lies before a table was exported."""
    for pair in pairs:
        now = source_time(run, [pair])
        began = open_table(run, pair, None, lambda window, done: None, time.sleep).began
        if not began < frozen <= now + SKEW:
            raise stay_shut(
                run, Gate.FREEZE, CutOverFault.FREEZE_UNKNOWN,
                f"the writers should have been stopped after the export of {pair.source} ({format_timestamp(began)}) "
                f"and before now ({format_timestamp(now)}), and {format_timestamp(frozen)} was typed",
            )  # fmt: skip
