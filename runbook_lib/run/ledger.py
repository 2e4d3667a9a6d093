"""What a run knows, in one SQLite file that survives a kill at any instant.

Facts are written when they are true and never before: an acknowledged line after its
acknowledgement, a call before it is sent. One process writes; readers may look on.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from runbook_lib.errors import LedgerError
from runbook_lib.run.ledger_schema import bring_up_to_date, lay_missing_beside, version_of

ROWS = 100  # that are added with one statement
LOOKS = 20  # at a file that changes under one's eyes


def storable(value: Any) -> Any:
    """A value as SQLite takes it: what UTF-8 cannot hold, a lone surrogate, is spelled as JSON does."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


class Ledger:
    """The facts of one run, by topic and name; values are JSON.

    With `admit` the file is only looked at, without a trace beside it, until the first write, which `admit` has to
    allow by not raising; a file that is not there is empty until then.
    """

    def __init__(self, path: Path, admit: Callable[[], None] | None = None) -> None:
        self._lock = threading.RLock()
        self._path = path
        self._admit = admit
        self._look = _Look(path)
        self._open: sqlite3.Connection | None = None
        if admit is None:
            self._begin()

    @property
    def path(self) -> Path:
        return self._path

    @property
    def _db(self) -> sqlite3.Connection:
        """The connection that may write."""
        if self._open is None:
            if self._admit is not None:
                self._admit()
            self._begin()
        assert self._open is not None
        return self._open

    def allow(self) -> None:
        """Have the first write allowed now; raises what `admit` raises."""
        with self._lock:
            _ = self._db

    def _begin(self) -> None:
        # Autocommit: every statement is on the disk when it returns, whatever happens then; `batch` groups some.
        with self._explained():
            self._look.close()
            db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=30)
            try:
                version_of(db, self._path)  # of a ledger that this code does not know, not a byte is changed
                db.row_factory = sqlite3.Row
                db.execute("PRAGMA journal_mode=WAL")
                db.execute("PRAGMA synchronous=FULL")
                bring_up_to_date(db, self._path)
            except BaseException:
                db.close()
                raise
            self._open = db

    def settle(self) -> None:
        """Fold the write-ahead log into the file, so that the file alone is the ledger."""
        with self._lock, self._explained():
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        with self._lock:
            self._look.close()
            if self._open is not None:
                self.settle()
                self._open.close()

    @contextmanager
    def batch(self) -> Iterator[None]:
        """All or nothing, also when the process dies inside; one inside another is a part of it."""
        with self._lock, self._explained():
            if self._db.in_transaction:
                yield
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # a full disk has rolled it back already
                    self._db.execute("ROLLBACK")
                raise

    def put(self, topic: str, name: str, value: Any) -> None:
        self.write(
            "INSERT INTO fact VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
            [(topic, name, storable(json.dumps(value, ensure_ascii=False)))],
        )

    def get(self, topic: str, name: str) -> Any:
        """The value, or None if it was never put."""
        rows = self.rows("SELECT value FROM fact WHERE topic = ? AND name = ?", topic, name)
        return self._fact(topic, name, rows[0]["value"]) if rows else None

    def all(self, topic: str) -> dict[str, Any]:
        rows = self.rows("SELECT name, value FROM fact WHERE topic = ? ORDER BY name", topic)
        return {row["name"]: self._fact(topic, row["name"], row["value"]) for row in rows}

    def _fact(self, topic: str, name: str, text: Any) -> Any:
        try:
            return json.loads(text)
        except (TypeError, ValueError, RecursionError) as error:
            raise self.damaged(f"the fact {topic} of {name}", error) from None

    def damaged(self, what: str, why: object) -> LedgerError:
        """The refusal of something in this ledger that is not as it was written."""
        return LedgerError(
            f"{self.path}: {what} is not as this runbook writes it: {why}; the ledger is damaged or another tool's, "
            "start a new run with another run id"
        )

    def forget(self, topic: str, name: str) -> None:
        self.write("DELETE FROM fact WHERE topic = ? AND name = ?", [(topic, name)])

    def count_call(self, side: str, operation: str, count: int = 1) -> None:
        """Add to the calls; a kill does not undo it, and after the next fact a loss of power does not either.

        Each page of a scan is a call: to sync the disk for each of them would take longer than the page.
        """
        with self._lock, self._explained():
            alone = not self._db.in_transaction
            if alone:
                self._db.execute("PRAGMA synchronous=NORMAL")
            try:
                self.write(
                    "INSERT INTO call VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
                    [(side, operation, count)],
                )
            finally:
                if alone:
                    self._db.execute("PRAGMA synchronous=FULL")

    def calls(self, side: str) -> dict[str, int]:
        rows = self.rows("SELECT operation, count FROM call WHERE side = ? ORDER BY operation", side)
        return {row["operation"]: row["count"] for row in rows}

    def write(self, statement: str, values: Iterable[Iterable[Any]]) -> None:
        """Run one statement for each row of values: all or none of them, with one sync of the disk."""
        rows = [tuple(map(storable, row)) for row in values]
        with self._lock, self._explained():
            if len(rows) < 2 or self._db.in_transaction:
                self._db.executemany(statement, rows)
                return
            with self.batch():
                self._db.executemany(statement, rows)

    def add(self, table: str, rows: Sequence[Sequence[Any]]) -> None:
        """Add rows to a table but for those that are there, all or none: faster than `write` where they are many."""
        with self._lock, self._explained(), self.batch():
            for at in range(0, len(rows), ROWS):
                some = rows[at : at + ROWS]
                one = f"({', '.join('?' * len(some[0]))})"
                values = [storable(value) for row in some for value in row]
                self._db.execute(f"INSERT OR IGNORE INTO {table} VALUES {', '.join([one] * len(some))}", values)

    def rows(self, query: str, *values: Any) -> list[sqlite3.Row]:
        values = tuple(map(storable, values))
        with self._lock, self._explained():
            if self._open is None:
                return self._look.rows(query, values)
            return self._open.execute(query, values).fetchall()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OverflowError) as error:  # a number that no honest server says
            raise LedgerError(
                f"{self._path} cannot be read or written: {error}; free space or fix the disk, "
                "then run again with the same run id: what is recorded is not lost"
            ) from error


class _Look:
    """Reads a database without writing a byte beside it, not even SQLite's shared memory.

    Where there is a write-ahead log, both are copied elsewhere and read there; what changes meanwhile is read again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log = path.with_name(path.name + "-wal")
        self._db: sqlite3.Connection | None = None
        self._state: tuple[Any, Any] | None = None

    def rows(self, query: str, values: tuple[Any, ...]) -> list[sqlite3.Row]:
        for _ in range(LOOKS):
            state = self._stat()
            if state[0] is None:
                return []
            try:
                if self._db is None or state != self._state:
                    self._connect(state)
                assert self._db is not None
                found = self._db.execute(query, values).fetchall()
            except (sqlite3.Error, FileNotFoundError):
                self.close()
                if state == self._stat():
                    raise
                continue
            if state == self._stat():
                return found
        raise sqlite3.OperationalError("it changes all the time")

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
        self._db = None

    def _connect(self, state: tuple[Any, Any]) -> None:
        self.close()
        if state[1] is not None and state[1][1]:
            with tempfile.TemporaryDirectory(prefix="runbook-look-") as place:
                self._db = _as_it_is(self._copy(Path(place)), self._path)  # what is open stays when its name is gone
        else:
            self._db = _as_it_is(self._path, self._path)
        self._state = state

    def _copy(self, place: Path) -> Path:
        """A copy with the log folded into it."""
        file = place / self._path.name
        shutil.copyfile(self._path, file)
        shutil.copyfile(self._log, file.with_name(self._log.name))
        db = sqlite3.connect(file)
        db.execute("PRAGMA journal_mode=DELETE").fetchall()
        db.close()
        return file

    def _stat(self) -> tuple[Any, Any]:
        """What changes with every write."""

        def of(file: Path) -> tuple[int, int, int] | None:
            try:
                known = file.stat()
            except FileNotFoundError:
                return None
            return known.st_mtime_ns, known.st_size, known.st_ino

        return of(self._path), of(self._log)


def _as_it_is(file: Path, path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(f"file:{quote(str(file))}?immutable=1", uri=True, check_same_thread=False)
    try:
        db.row_factory = sqlite3.Row
        lay_missing_beside(db, path)
    except BaseException:
        db.close()
        raise
    return db
