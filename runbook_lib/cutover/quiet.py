"""Whether a source was quiet: every change of a window after a moment, but for what its time to live has removed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from runbook_lib.aws.dynamodb.describe.tables import ttl_attribute
from runbook_lib.catchup.damaged import asked_anew_if_damaged
from runbook_lib.catchup.streams.window import written_since
from runbook_lib.catchup.table import TableToCatchUp
from runbook_lib.export_format.change import BOTH_IMAGES, Change, ChangeWindow, parse_change
from runbook_lib.items.canonical import canonical_json
from runbook_lib.items.keys import KeyAttribute
from runbook_lib.run.facts.cut_over.gates import QuietFact
from runbook_lib.run.facts.windows import WindowFact
from runbook_lib.run.run import Run
from runbook_lib.timestamps import format_timestamp
from runbook_lib.transform.raw_windows import raw_window
from runbook_lib.validate.compare import TTL_REACH_SECONDS

NAMED = 20  # keys, as hashes


@dataclass(slots=True)
class _Heard:
    late: int = 0
    expired: int = 0
    hashes: list[str] = field(default_factory=list)


def quiet_since(
    run: Run, windows: Iterable[WindowFact], key: tuple[KeyAttribute, ...], since: datetime, source: str,
    *, whole: bool = False,
) -> QuietFact:  # fmt: skip
    """Read windows, as they were exported, and count what was written after `since`.

    Of `whole` windows everything counts: what is in them is in no target, and its time may be a minute off.

    A delete is forgiven where the old image says, by the attribute of the source's TTL, that the item had expired when
    it was deleted. Without old images no delete is.
    """
    ttl = ttl_attribute(run.clients.source, source)
    heard, end = _Heard(), format_timestamp(since)
    for window in windows:
        end = max(end, window.end)
        with asked_anew_if_damaged(run, window):
            for _, _, change in raw_window(run, window, key).changes():
                if whole or change.micros > since.timestamp() * 1_000_000:
                    _note(run, heard, change, ttl)
    return QuietFact(format_timestamp(since), end, heard.late, heard.expired, tuple(heard.hashes))


def quiet_by_stream(table: TableToCatchUp) -> QuietFact:
    """Look at a stream once more and count what was written since the last window, as `quiet_since` does."""
    run, source = table.run, table.pair.source
    ttl = ttl_attribute(run.clients.source, source)
    heard, since = _Heard(), format_timestamp(table.until)
    net = written_since(table.streamed)
    window = ChangeWindow(table.until, table.until, BOTH_IMAGES, table.key)
    for line in net.lines():
        _note(run, heard, parse_change(line, window), ttl)
    until = format_timestamp(table.streamed.now())
    return QuietFact(since, until, heard.late, heard.expired, tuple(heard.hashes))


def _note(run: Run, heard: _Heard, change: Change, ttl: str | None) -> None:
    if had_expired(change, ttl):
        heard.expired += 1
        return
    heard.late += 1
    if len(heard.hashes) < NAMED:
        heard.hashes.append(run.secret.key_hash(canonical_json(change.key)))


def had_expired(change: Change, ttl: str | None) -> bool:
    """Whether a change is the delete of an item that DynamoDB may have let expire.

    It heeds numbers only, and none that lies more than five years back: 0 is how some applications spell "never".
    """
    if ttl is None or change.new is not None or change.old is None:
        return False
    value = (change.old.get(ttl) or {}).get("N")
    at = change.micros / 1_000_000
    return value is not None and at - TTL_REACH_SECONDS <= float(value) <= at


def told_late(source: str, known: QuietFact) -> str:
    """What was written to a source when nothing should have been."""
    number = "1 change" if known.late == 1 else f"{known.late:,} changes"
    return f"{source}: {number}, of the keys (as hashes) {', '.join(known.hashes)}"
