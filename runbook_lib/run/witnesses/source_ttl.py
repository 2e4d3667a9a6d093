"""By which time to live an absent item may be explained: one that the source has too, recorded from the source.

What the target alone says excuses nothing: its TTL may be on an attribute that was never meant to let an item expire.
Where nobody could ask the source, for its table is gone or may not be asked, the fact is unknown and excuses nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from runbook_lib.aws.account import server_time
from runbook_lib.aws.dynamodb.describe.tables import ttl_attribute
from runbook_lib.aws.session.clients import Clients
from runbook_lib.errors import ConfigError
from runbook_lib.items.canonical import Item
from runbook_lib.plan.pair import Pair
from runbook_lib.run.facts.export import EXPORTS, ExportStatus, ManifestFact
from runbook_lib.run.facts.topic import Topic
from runbook_lib.run.run import Run, table_identity

WHOLE_SECOND = 1.0  # a Date has no fractions


@dataclass(frozen=True, slots=True)
class SourceTtl:
    """What the source said: the attribute by which its items expire, None where TTL is off.

    `table` is the identity of the table that was asked, `unknown` why none could be; empty if one was.
    """

    table: str
    attribute: str | None
    unknown: str = ""


SOURCE_TTLS = Topic("source_ttl", SourceTtl)


@dataclass(frozen=True, slots=True)
class Excuse:
    """The `attribute` by which items may have expired, or None, and then `why` the target's TTL explains nothing.

    `why` is empty where the target's TTL is off: there is nothing to be said. `at` is when the target's clock was
    asked, in Unix seconds by the earlier of its clock and this machine's, and `asked` the same by a clock that nobody
    sets.
    """

    attribute: str | None
    why: str = ""
    at: float = 0.0
    asked: float = 0.0

    def clock(self, now: Callable[[], datetime]) -> Callable[[], float]:
        """The time by which items have expired, in Unix seconds: this machine's, never ahead of the target's.

        A machine's clock may be set forward at any moment, so it counts for no more than what has passed since the
        target's was asked.
        """
        return lambda: min(now().timestamp(), self.at + time.monotonic() - self.asked)

    def expiry(self, item: Item) -> float | None:
        """When an exported item expires, in Unix seconds; DynamoDB heeds numbers only."""
        value = (item.get(self.attribute) or {}).get("N") if self.attribute else None
        return float(value) if value is not None else None


def keep_source_ttl(run: Run, pairs: Iterable[Pair], clients: Clients) -> None:
    """Ask each planned source for its TTL and record the answer; what was known when its export was complete stays."""
    for pair in pairs:
        export, known = EXPORTS.of(run.ledger, pair.source), SOURCE_TTLS.of(run.ledger, pair.source)
        complete = export is not None and export.status == ExportStatus.COMPLETED
        if not complete or known is None or known.unknown:
            SOURCE_TTLS.record(run.ledger, pair.source, _asked(pair, clients))


def _asked(pair: Pair, clients: Clients) -> SourceTtl:
    if pair.source_facts is None:
        return SourceTtl("", None, "there is no such table at the source")
    identity = table_identity(pair.source_facts)
    try:
        return SourceTtl(identity, ttl_attribute(clients.source, pair.source))
    except ConfigError as error:
        return SourceTtl(identity, None, str(error))


def excuse_for(run: Run, pair: Pair, manifest: ManifestFact, of_target: str | None) -> Excuse:
    """Whether the target's TTL, by the attribute `of_target`, explains that an exported item is absent."""
    if of_target is None:
        return Excuse(None)
    known = SOURCE_TTLS.of(run.ledger, pair.source) or SourceTtl("", None, "it was not asked at the pre-flight")
    if known.unknown:
        found = f"the source's is not known: {known.unknown}"
    elif known.table not in (manifest.table_id, manifest.table_arn):
        found = "the source is not the table that was exported"
    elif known.attribute != of_target:
        found = "the source's is off" if known.attribute is None else f"the source's is by {known.attribute}"
    else:
        try:
            target = server_time(run.clients.target, pair.target).timestamp() + WHOLE_SECOND
            return Excuse(of_target, at=min(run.now().timestamp(), target), asked=time.monotonic())
        except ConfigError as error:
            found = f"the target's clock is not known: {error}"
    return Excuse(None, f"the target's TTL, by {of_target}, excuses no item that is absent: {found}")
