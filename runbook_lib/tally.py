"""The buckets of one side of a comparison, kept in the ledger part by part, so that a killed one goes on.

A part is a data file or a segment of the Scan. Kept are the numbers of the finished parts and the
buckets they add up to: sums and counts, no key and no item. What was kept is used again only under
the same binding and while it is young: a target that was written to since is read anew.
"""

from __future__ import annotations

import json
import threading
import time
import zlib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from runbook_lib.buckets import Buckets
from runbook_lib.ledger import Ledger

KEEP_SECONDS = 2.0
GOOD_FOR = timedelta(hours=6)


class Tally:
    """Buckets of the finished parts; thread-safe. `began` is when the first of them was begun."""

    def __init__(
        self,
        ledger: Ledger,
        source: str,
        side: str,
        binding: object,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger, self._name, self._monotonic = ledger, (source, side), monotonic
        self._binding = json.dumps(binding)
        self._lock = threading.Lock()
        self._kept_at = float("-inf")
        self.buckets, self.done, self.began = Buckets(), set[int](), now()
        self._take_up(now())

    def _take_up(self, now: datetime) -> None:
        rows = self._ledger.rows("SELECT * FROM tally WHERE source = ? AND side = ?", *self._name)
        for row in rows:
            began = datetime.fromisoformat(row["began"])
            if row["binding"] == self._binding and now - began < GOOD_FOR:
                self.buckets, self.began = Buckets.unpack(zlib.decompress(row["buckets"])), began
                self.done = set(json.loads(row["done"]))

    def finish(self, part: int, buckets: Buckets) -> None:
        """Take in a part that was read to its end."""
        self.finish_all([part], buckets)

    def finish_all(self, parts: Iterable[int], buckets: Buckets) -> None:
        """Take in parts that were read to their ends, and whose buckets were added up."""
        with self._lock:
            self.buckets.merge(buckets)
            self.done.update(parts)
            if self._monotonic() - self._kept_at >= KEEP_SECONDS:
                self._keep()

    def keep(self) -> None:
        """Write what is finished into the ledger."""
        with self._lock:
            self._keep()

    def _keep(self) -> None:
        kept = json.dumps(sorted(self.done)), zlib.compress(self.buckets.pack(), 1)
        self._ledger.write(
            "INSERT OR REPLACE INTO tally VALUES (?, ?, ?, ?, ?, ?)",
            [(*self._name, self._binding, self.began.isoformat(), *kept)],
        )
        self._kept_at = self._monotonic()

    def forget(self) -> None:
        """Drop what was kept: the comparison has come to its end, the next one reads anew."""
        self._ledger.write("DELETE FROM tally WHERE source = ? AND side = ?", [self._name])
