"""A map on the disk for as long as it is needed, of what is too much for the memory and belongs in no run's folder."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


class ScratchMap:
    """Bytes by bytes; what is put twice under a key is there as it was put last, what is added stands behind it."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        db.execute("CREATE TABLE held (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID")

    def put_all(self, rows: Iterable[tuple[bytes, bytes]]) -> None:
        """Put many, in one transaction."""
        with self._db:
            self._db.executemany("INSERT OR REPLACE INTO held VALUES (?, ?)", rows)

    def add_all(self, rows: Iterable[tuple[bytes, bytes]]) -> None:
        """Add many, each behind what is under its key already, in one transaction."""
        with self._db:
            self._db.executemany(
                "INSERT INTO held VALUES (?, ?) ON CONFLICT (key) "
                "DO UPDATE SET value = CAST(value || excluded.value AS BLOB)",
                rows,
            )

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Everything, in the order of the keys."""
        for key, value in self._db.execute("SELECT key, value FROM held ORDER BY key"):
            yield bytes(key), bytes(value)

    def get(self, key: bytes) -> bytes | None:
        row = self._db.execute("SELECT value FROM held WHERE key = ?", (key,)).fetchone()
        return bytes(row[0]) if row else None

    def __len__(self) -> int:
        return int(self._db.execute("SELECT COUNT(*) FROM held").fetchone()[0])


@contextmanager
def scratch_map() -> Iterator[ScratchMap]:
    """An empty map, which is gone afterwards; nobody else can read its file."""
    with tempfile.TemporaryDirectory(prefix="runbook-scratch-") as folder:
        db = sqlite3.connect(Path(folder) / "scratch.sqlite")
        try:
            db.execute("PRAGMA journal_mode=OFF")
            db.execute("PRAGMA synchronous=OFF")
            yield ScratchMap(db)
        finally:
            db.close()
