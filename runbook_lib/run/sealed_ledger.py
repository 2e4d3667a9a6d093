"""A ledger that is looked at and never touched: not upgraded, not repaired, without a trace beside it."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from runbook_lib.errors import LedgerError
from runbook_lib.run.ledger import Ledger, storable
from runbook_lib.run.ledger_schema import lay_missing_beside

Digests = dict[str, dict[str, Any]]
# What answers in a table's place: a view can make up its rows, without an end.
FOREIGN = (
    "SELECT CASE type WHEN 'table' THEN 'virtual table' ELSE type END, name FROM sqlite_master "
    "WHERE type NOT IN ('table', 'index') OR sql LIKE 'CREATE VIRTUAL%'"
)


class SealedLedger(Ledger):
    """The facts of a sealed run; SQLite takes the file as one that nobody changes, and its logs are not heeded."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._sealed = sqlite3.connect(f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1", uri=True)
        except sqlite3.Error as error:
            raise LedgerError(f"{path} is no ledger: {error}") from error
        try:
            self._sealed.row_factory = sqlite3.Row
            self._sealed.execute("PRAGMA trusted_schema=OFF")
            _refuse_foreign(self._sealed, path)
            lay_missing_beside(self._sealed, path)
        except BaseException as error:
            self._sealed.close()
            if isinstance(error, sqlite3.Error):
                raise LedgerError(f"{path} is no ledger: {error}") from error
            raise

    def close(self) -> None:
        self._sealed.close()

    def settle(self) -> None:
        """Nothing is open that could be settled."""

    def rows(self, query: str, *values: Any) -> list[sqlite3.Row]:
        try:
            return self._sealed.execute(query, tuple(map(storable, values))).fetchall()
        except sqlite3.Error as error:
            raise LedgerError(f"{self._path} cannot be read: {error}") from error

    def write(self, statement: str, values: Iterable[Iterable[Any]]) -> None:
        raise LedgerError(f"{self._path} is sealed and nothing is written to it")

    def digests(self) -> Digests:
        """How many rows each of its tables has and one digest of them all, whatever their order."""
        names = [row["name"] for row in self.rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        return {name: self._digest(name) for name in names}

    def _digest(self, table: str) -> dict[str, Any]:
        count, total = 0, 0
        spelled = table.replace('"', '""')
        try:
            for row in self._sealed.execute(f'SELECT * FROM "{spelled}"'):
                total += int.from_bytes(hashlib.sha256(repr(tuple(row)).encode("utf-8", "replace")).digest())
                count += 1
        except sqlite3.Error as error:
            raise LedgerError(f"{self._path} cannot be read: {error}") from error
        return {"rows": count, "sha256": f"{total % (1 << 256):064x}"}


def _refuse_foreign(db: sqlite3.Connection, path: Path) -> None:
    for kind, name in db.execute(FOREIGN).fetchall():
        raise LedgerError(f"{path} is no ledger: it has a {kind} {name!r}, and a ledger has tables only")
