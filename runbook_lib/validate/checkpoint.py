"""The buckets of one side of a comparison, added up part by part; the export's are kept, so that a killed run goes on.

A part is a data file or a segment of the Scan. An export cannot change, and its files are checked by MD5: the numbers
of its finished files, and the buckets they add up to, are kept in the ledger, sealed with the run's secret: no key and
no item. What was kept is used again only under the same binding. A target can change: it is read anew, all of it.
"""

from __future__ import annotations

import json
import threading
import time
import zlib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from runbook_lib.items.keyed import RunSecret
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.tables.comparison import TallyRow, forget_tallies, keep_tally, tally_of
from runbook_lib.validate.bucket_digest import BucketDigest

KEEP_SECONDS = 2.0


def utc_now() -> datetime:
    return datetime.now(UTC)


class DigestCheckpoint:
    """Buckets of the finished parts; thread-safe. `began` is when the first of them was begun."""

    def __init__(self, secret: RunSecret, now: Callable[[], datetime] = utc_now) -> None:
        self._lock = threading.Lock()
        self.secret = secret
        self.buckets, self.done, self.began = BucketDigest(secret), set[int](), now()

    def finish(self, part: int, buckets: BucketDigest) -> None:
        """Take in a part that was read to its end."""
        self.finish_all([part], buckets)

    def finish_all(self, parts: Iterable[int], buckets: BucketDigest) -> None:
        """Take in parts that were read to their ends, and whose buckets were added up."""
        with self._lock:
            self.buckets.merge(buckets)
            self.done.update(parts)

    def keep(self) -> None:
        """Nothing is kept of this one."""

    def forget(self) -> None:
        """There is nothing to forget."""


class KeptDigestCheckpoint(DigestCheckpoint):
    """The tally of an export, kept in the ledger every few seconds and taken up from there."""

    def __init__(
        self,
        ledger: Ledger,
        source: str,
        binding: object,
        secret: RunSecret,
        now: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(secret, now)
        self._ledger, self._name, self._monotonic = ledger, (source, "export"), monotonic
        self._binding = json.dumps([binding, secret.fingerprint])
        self._kept_at = float("-inf")
        self._take_up()

    def _take_up(self) -> None:
        kept = tally_of(self._ledger, *self._name)
        packed = self.secret.opened(kept.buckets) if kept and kept.binding == self._binding else None
        if kept is not None and packed is not None:
            self.buckets = BucketDigest.unpack(zlib.decompress(packed), self.secret)
            self.began, self.done = datetime.fromisoformat(kept.began), set(kept.done)

    def finish_all(self, parts: Iterable[int], buckets: BucketDigest) -> None:
        super().finish_all(parts, buckets)
        with self._lock:
            if self._monotonic() - self._kept_at >= KEEP_SECONDS:
                self._keep()

    def keep(self) -> None:
        """Write what is finished into the ledger."""
        with self._lock:
            self._keep()

    def _keep(self) -> None:
        done, buckets = tuple(sorted(self.done)), self.secret.sealed(zlib.compress(self.buckets.pack(), 1))
        keep_tally(self._ledger, TallyRow(*self._name, self._binding, self.began.isoformat(), done, buckets))
        self._kept_at = self._monotonic()

    def forget(self) -> None:
        """Drop what was kept: the comparison has come to its end, the next one reads anew."""
        forget_tallies(self._ledger, self._name[0])
