"""How far a target is from its live source by now: for information, and never part of a verdict.

The export shows one moment and the verdict is about that. Whoever plans the switch wants to know what has changed in
the source since. Reads the source by Scan, in segments, held to `validate.drift_max_rcu`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from runbook_lib.aws.account import server_time
from runbook_lib.aws.dynamodb.backups import recovery_of
from runbook_lib.aws.dynamodb.describe.tables import ttl_attribute
from runbook_lib.aws.dynamodb.read.batch_get import read_keys
from runbook_lib.aws.dynamodb.read.limiter import RateLimit
from runbook_lib.aws.transport.retry import Backoff
from runbook_lib.errors import ConfigError, RunbookError
from runbook_lib.items.canonical import Item, canonical_json
from runbook_lib.items.keys import KeyAttribute, key_of
from runbook_lib.plan.pair import Pair
from runbook_lib.run.facts.around.drift import DRIFT_LOOKS, DRIFTS, DriftedItem, DriftFact, DriftKind
from runbook_lib.run.facts.export import EXPORTS
from runbook_lib.run.facts.windows import applied_until, windows_of
from runbook_lib.run.run import Run
from runbook_lib.run.witnesses.source_ttl import Excuse
from runbook_lib.timestamps import format_timestamp
from runbook_lib.validate.bucket_digest import BucketDigest
from runbook_lib.validate.checkpoint import DigestCheckpoint
from runbook_lib.validate.compare import TTL_REACH_SECONDS, Comparison, Rules, compare
from runbook_lib.validate.readers import (
    Check,
    SegmentReader,
    Show,
    TableReader,
    segments_for,
    stoppable,
    table_buckets,
    threads_for,
    unstopped,
)

LISTED, PATHS = 100, 20
KINDS = {"missing": DriftKind.ONLY_IN_SOURCE, "extra": DriftKind.ONLY_IN_TARGET, "different": DriftKind.CHANGED,
         "expired": DriftKind.EXPIRED}  # fmt: skip


@dataclass(slots=True)
class _Gone:
    """The items that only the target holds and that have expired: the source's time to live has removed them."""

    excuse: Excuse
    now: float
    keys: set[bytes] = field(default_factory=set)
    count: int = 0

    def meet(self, name: bytes, item: Item) -> None:
        expires = self.excuse.expiry(item)
        if expires is not None and self.now - TTL_REACH_SECONDS < expires <= self.now:
            self.keys.add(name)

    def note(self, kind: str, name: bytes, held: bytes, single: bool) -> None:
        self.count += kind == "extra" and name in self.keys


def source_limit(run: Run) -> RateLimit:
    """How fast sources may be read."""
    return RateLimit(run.config.validate_.drift_max_rcu)


def live_source(run: Run, pair: Pair, limit: RateLimit | None = None) -> TableReader:
    """A source, in as many segments as its size asks for, and no faster than it may be, or all with this `limit`."""
    export, facts = EXPORTS.of(run.ledger, pair.source), pair.source_facts or pair.target_facts
    size = export.completed.manifest.billed_bytes if export and export.completed else 0
    threads, limit = run.config.validate_.segments or threads_for(size), limit or source_limit(run)
    key = facts.key if facts else ()
    return TableReader(run.clients.source_wire, pair.source, segments_for(threads, size), threads, limit, key)


def drift_of(
    run: Run, pair: Pair, target: TableReader, target_buckets: BucketDigest, *, source: SegmentReader | None = None,
    limit: RateLimit | None = None, show: Show = lambda done: None, check: Check = unstopped,
) -> DriftFact:  # fmt: skip
    """Compare the target, as it was just read, with the source as it is now, and record the look.

    `source` is what it is compared with, by default the live source itself. What cannot be read is said in `failure`;
    nothing is raised.
    """
    began, clock = format_timestamp(run.now()), time.monotonic()
    try:
        plain = live_source(run, pair, limit)
        fact = _compare(run, pair, target, target_buckets, source or plain, plain.key, show, check)
        fact = fact if source is not None else replace(fact, read_units=plain.limit.used)
    except RunbookError as error:
        fact = DriftFact(failure=str(error))
    ended, seconds = format_timestamp(run.now()), round(time.monotonic() - clock, 3)
    fact = replace(fact, started=began, finished=ended, seconds=seconds, as_of=_stands_at(run, pair))
    with run.ledger.batch():
        DRIFTS.record(run.ledger, pair.source, fact)
        looks = (*(DRIFT_LOOKS.of(run.ledger, pair.source) or ()), replace(fact, listed=None))
        DRIFT_LOOKS.record(run.ledger, pair.source, looks)
    return fact


def _stands_at(run: Run, pair: Pair) -> str | None:
    """Up to when what was written to a source has been brought to its target."""
    export = EXPORTS.of(run.ledger, pair.source)
    began = export.completed.manifest.export_time if export and export.completed else None
    return applied_until(windows_of(run.ledger, pair.source)) or began


def _compare(
    run: Run, pair: Pair, target: TableReader, target_buckets: BucketDigest, source: SegmentReader,
    key: tuple[KeyAttribute, ...], show: Show, check: Check,
) -> DriftFact:  # fmt: skip
    buckets = table_buckets(source, key, DigestCheckpoint(run.secret, run.now), show, check)
    at, excuse = _time_at(run.clients.source, pair.source), _excuse_of(run.clients.source, pair.source)
    now = at.timestamp() if at else 0.0  # where nobody knows the time, nothing has expired
    gone = _Gone(excuse, now)

    def look_again(keys: list[Item]) -> list[Item]:
        items = read_keys(target.transport, target.table, keys, Backoff())
        for item in items:
            gone.meet(canonical_json(key_of(item, key)), item)
        return items

    limit = min(LISTED, run.config.validate_.max_differences)
    found = compare(
        buckets, target_buckets, lambda: stoppable(source.items(), check), lambda: stoppable(target.items(), check),
        key, look_again=look_again,
        rules=Rules(run.secret, excuse.expiry, lambda: now, limit, note=gone.note),
    )  # fmt: skip
    counts = found.counts
    return DriftFact(
        found.exported, counts["missing"], counts["extra"] - gone.count, counts["different"],
        counts["expired"] + gone.count, at=format_timestamp(at) if at else None, listed=tuple(_listed(found, gone)),
    )  # fmt: skip


def _time_at(source: Any, table: str) -> datetime | None:
    """The time at a source, by its answers or its recovery; None where neither tells."""
    times = []
    with suppress(ConfigError):
        times.append(server_time(source, table))
    with suppress(ConfigError):
        times += [moment] if (moment := recovery_of(source, table).latest) else []
    return max(times, default=None)


def _excuse_of(source: Any, table: str) -> Excuse:
    """By which time to live items may be gone; where it cannot be asked for, by none."""
    with suppress(ConfigError):
        return Excuse(ttl_attribute(source, table))
    return Excuse(None)


def _listed(found: Comparison, gone: _Gone) -> Iterator[DriftedItem]:
    for one in found.listed:
        kind = DriftKind.EXPIRED if one.kind == "extra" and canonical_json(one.key) in gone.keys else KINDS[one.kind]
        yield DriftedItem(kind, one.key_hash, tuple(place.path for place in (one.paths or ())[:PATHS]))
