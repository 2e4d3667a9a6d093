"""Which tables a write may still reach after everything seems done, and until when.

A write whose answer was lost may be on its way: held by a proxy, or in a queue. What a process had sent last when it
was killed is as much in doubt. DynamoDB refuses a request whose signature is five minutes old; what may be wrong with
two clocks comes on top, so that nothing takes effect later than a quarter of an hour after it was sent. A single delete
is left out: it is always conditional on the very item that it deletes.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from runbook_lib.aws.guard.allowed_calls import PUTTING
from runbook_lib.aws.guard.call_counter import UNANSWERED
from runbook_lib.run.facts.topic import Note, Topic
from runbook_lib.run.ledger import Ledger
from runbook_lib.timestamps import format_timestamp

LIFE = timedelta(minutes=15)

UNANSWERED_WRITES = Topic("unanswered", str)  # by target: when the last answer to a write was given up
LAST_WRITES = Note("run", "last_writes", str)  # there while a step writes, and for good where it was killed
KILLED_WRITES = Note("run", "killed_writes", str)  # the last writes of a process that was killed, once another came


def note_call(ledger: Ledger, now: Callable[[], datetime], side: str, operation: str, count: int = 1) -> None:
    """Record calls, when items were written last, and writes to a table that were not answered."""
    if side == UNANSWERED:
        UNANSWERED_WRITES.record(ledger, operation, format_timestamp(now()))
    elif side == "target" and operation in PUTTING:
        with ledger.batch():
            ledger.count_call(side, operation, count)
            LAST_WRITES.record(ledger, format_timestamp(now()))
    else:
        ledger.count_call(side, operation, count)


def doubt_killed(ledger: Ledger) -> None:
    """At the beginning of a step: what a killed one had sent last is in doubt."""
    if (last := LAST_WRITES.of(ledger)) is not None:
        with ledger.batch():
            KILLED_WRITES.record(ledger, last)
            LAST_WRITES.forget(ledger)


def end_writes(ledger: Ledger) -> None:
    """At the end of a step, which waited for every answer: the last writes are in doubt no more."""
    if LAST_WRITES.of(ledger) is not None:
        LAST_WRITES.forget(ledger)


def was_unanswered(ledger: Ledger, target: str) -> bool:
    """Whether a write to a target was sent, ever, of which nobody heard whether it was done."""
    return UNANSWERED_WRITES.of(ledger, target) is not None


def may_land_until(ledger: Ledger, target: str) -> datetime | None:
    """Until when a write that nobody heard the end of could take effect in a target; None where there is none."""
    known = (UNANSWERED_WRITES.of(ledger, target), KILLED_WRITES.of(ledger), LAST_WRITES.of(ledger))
    moments = [datetime.fromisoformat(moment) for moment in known if moment is not None]
    return max(moments) + LIFE if moments else None


def still_in_doubt(ledger: Ledger, target: str, now: datetime) -> str:
    """Why a target is not to be relied on, or cleaned up, yet; empty where no write can take effect any more."""
    until = may_land_until(ledger, target)
    if until is None or until <= now:
        return ""
    return (
        f"table {target}: a write whose answer never came could still take effect until {format_timestamp(until)}; run "
        "the same command again after that"
    )
