"""How far a target is from its live source by now: for information, and never part of a verdict.

The export shows one moment and the verdict is about that. Whoever plans the switch wants to know
what has changed in the source since. Reads the source by Scan, held to `validate.drift_max_rcu`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

from runbook_lib.aws.dynamodb.read.batch_get import read_keys
from runbook_lib.aws.dynamodb.read.limiter import RateLimit
from runbook_lib.aws.dynamodb.read.scan import Segment, scan_items
from runbook_lib.aws.transport.retry import Backoff
from runbook_lib.errors import RunbookError
from runbook_lib.items.canonical import Item
from runbook_lib.plan.pair import Pair
from runbook_lib.run.facts.validation import DriftFact
from runbook_lib.run.run import Run
from runbook_lib.timestamps import format_timestamp
from runbook_lib.validate.bucket_digest import BucketDigest
from runbook_lib.validate.compare import Rules, compare
from runbook_lib.validate.readers import TableReader


def drift_of(run: Run, pair: Pair, target: TableReader, target_buckets: BucketDigest) -> DriftFact:
    """Compare the target, as it was just read, with the source as it is now; returns counts, no keys.

    `only_in_source` are items written to the source since the export, `only_in_target` items deleted
    there since, `changed` the rest. What cannot be read is said in `failure`; nothing is raised.
    """
    began, clock = format_timestamp(run.now()), time.monotonic()
    try:
        facts = _compare(run, pair, target, target_buckets)
    except RunbookError as error:
        facts = DriftFact(failure=str(error))
    ended, seconds = format_timestamp(run.now()), round(time.monotonic() - clock, 3)
    return replace(facts, started=began, finished=ended, seconds=seconds)


def _compare(run: Run, pair: Pair, target: TableReader, target_buckets: BucketDigest) -> DriftFact:
    key = (pair.source_facts or pair.target_facts).key  # type: ignore[union-attr]
    limit = RateLimit(run.config.validate_.drift_max_rcu)

    def live() -> Iterator[Item]:
        return scan_items(Segment(run.clients.source_wire, pair.source, limit), tuple(k.name for k in key))

    source = BucketDigest(run.secret)
    source.add_items(live(), key)
    found = compare(
        source, target_buckets, live, target.items, key,
        look_again=lambda keys: read_keys(target.transport, target.table, keys, Backoff()),
        rules=Rules(run.secret, expires=lambda item: None, clock=lambda: 0.0, limit=0),
    )  # fmt: skip
    counts = found.counts
    return DriftFact(found.exported, counts["missing"], counts["extra"], counts["different"])
