"""What was written to a table and when, so that it can be shown as it was, and what changed in a stretch of time.

Kept for tables with point-in-time recovery alone, as DynamoDB does. Times are the sandbox's own, which tests let pass.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from runbook_lib.sandbox.emulator.hash_order import Token

# A full export may name a second that is this long ago, as a client does whose clock is a little behind: what was
# written since counts as written before that second, for this export and for every one that comes after it.
COARSE = timedelta(minutes=1)


class SandboxClock:
    """The time, which can be let pass: for every table, or for one alone."""

    def __init__(self) -> None:
        self._passed: dict[str, timedelta] = {}

    def let_pass(self, seconds: float, table_arn: str = "") -> None:
        """Move the clock of a table, or without one that of all, by so much."""
        self._passed[table_arn] = self._passed.get(table_arn, timedelta()) + timedelta(seconds=seconds)

    def now(self, table_arn: str = "") -> datetime:
        """The time in whole milliseconds, as AWS's interfaces tell it."""
        now = self.exact(table_arn)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def exact(self, table_arn: str = "") -> datetime:
        passed = self._passed.get("", timedelta())
        return datetime.now(UTC) + passed + (self._passed.get(table_arn, timedelta()) if table_arn else timedelta())


@dataclass(frozen=True, slots=True)
class LoggedWrite:
    """One write of one item: the key and both images as wire bytes; no image is no item."""

    micros: int
    token: Token
    key: bytes
    old: bytes | None
    new: bytes | None


@dataclass(slots=True)
class ChangeLog:
    """One table's writes in their order; `sealed` is the end of the latest window that was given out."""

    changes: list[LoggedWrite] = field(default_factory=list)
    sealed: int = 0

    def add(self, moment: datetime, token: Token, key: bytes, old: bytes | None, new: bytes | None) -> None:
        """Note a write; two never have the same time, and none is earlier than the one before."""
        last = self.changes[-1].micros if self.changes else 0
        self.changes.append(LoggedWrite(max(micros_of(moment), last + 1), token, key, old, new))

    def come_to_rest(self, moment: datetime, now: datetime) -> None:
        """Let what was written since `moment` count as before it, where that is COARSE or less ago."""
        cut = micros_of(moment)
        if now - moment <= COARSE and cut >= self.sealed:
            self.changes = [c if c.micros < cut else replace(c, micros=cut - 1) for c in self.changes]

    def before(self, moment: datetime) -> dict[Token, bytes | None]:
        """What was under the keys that were written to at `moment` or later, just before it."""
        cut, found = micros_of(moment), {}
        for change in reversed(self.changes):
            if change.micros < cut:
                break
            found[change.token] = change.old
        return found

    def between(self, start: datetime, end: datetime) -> list[LoggedWrite]:
        """One change per key written from `start` up to `end`: from what it was to what it became.

        An item that was made and removed in between is none. From now on these times stand.
        """
        first, last = micros_of(start), micros_of(end)
        self.sealed = max(self.sealed, last)
        found: dict[Token, LoggedWrite] = {}
        for change in self.changes:
            if first <= change.micros < last:
                known = found.get(change.token)
                found[change.token] = replace(change, old=known.old) if known else change
        return [change for change in found.values() if change.old is not None or change.new is not None]


def micros_of(moment: datetime) -> int:
    """Microseconds since 1970, exactly."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
