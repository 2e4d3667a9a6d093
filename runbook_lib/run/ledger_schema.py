"""The tables of a ledger, and the versions of them: an older one is brought up to date, a newer one is refused.

`PRAGMA user_version` says which version a file is of. Version 0 is what 0.1.0 wrote, which did not say. What separates
two versions is a step in `UPGRADES`, made in one transaction at the first write and never before: a ledger that is
only looked at, or sealed, stays as it is to the byte, and what it lacks is laid beside it in memory.
"""

from __future__ import annotations

import sqlite3
from functools import cache
from pathlib import Path

from runbook_lib.errors import LedgerError

TABLES = {
    "fact": "(topic TEXT, name TEXT, value TEXT NOT NULL, PRIMARY KEY (topic, name)) WITHOUT ROWID",
    "call": "(side TEXT, operation TEXT, count INTEGER NOT NULL, PRIMARY KEY (side, operation))",
    "file": """(
        source TEXT, key TEXT, ordinal INTEGER NOT NULL, md5 TEXT NOT NULL, items INTEGER NOT NULL,
        lines INTEGER, acknowledged INTEGER NOT NULL DEFAULT 0, written INTEGER NOT NULL DEFAULT 0,
        bytes INTEGER NOT NULL DEFAULT 0, beyond TEXT NOT NULL DEFAULT '[]', PRIMARY KEY (source, key))""",
    "quarantine": """(
        source TEXT, key TEXT, line INTEGER, key_hash TEXT, reason TEXT NOT NULL, PRIMARY KEY (source, key, line))""",
    "present": """(
        source TEXT, key TEXT, first INTEGER, last INTEGER NOT NULL, PRIMARY KEY (source, key, first)) WITHOUT ROWID""",
    "held_before": "(source TEXT, key BLOB, digest BLOB NOT NULL, PRIMARY KEY (source, key)) WITHOUT ROWID",
    "sample": """(
        source TEXT, at REAL, seconds REAL, items INTEGER, bytes INTEGER, wcu REAL, throttles INTEGER,
        PRIMARY KEY (source, at))""",
    "shift": """(
        step TEXT, source TEXT, worker TEXT, began REAL NOT NULL, ended REAL NOT NULL, items INTEGER NOT NULL,
        PRIMARY KEY (step, source, worker))""",
    "throttle": """(
        source TEXT, reason TEXT, resource TEXT, items INTEGER NOT NULL, PRIMARY KEY (source, reason, resource))""",
    "request_time": """(
        source TEXT, bucket INTEGER, requests INTEGER NOT NULL, PRIMARY KEY (source, bucket)) WITHOUT ROWID""",
    "difference": "(source TEXT, kind TEXT NOT NULL, key_hash TEXT NOT NULL, key TEXT, paths TEXT)",
    "wrong_item": """(
        source TEXT, look TEXT, key BLOB, kind TEXT NOT NULL, held BLOB, single INTEGER NOT NULL,
        sent INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (source, look, key)) WITHOUT ROWID""",
    "repaired": "(source TEXT, key BLOB, PRIMARY KEY (source, key)) WITHOUT ROWID",
    "tally": """(
        source TEXT, side TEXT, binding TEXT NOT NULL, began TEXT NOT NULL, done TEXT NOT NULL, buckets BLOB NOT NULL,
        PRIMARY KEY (source, side))""",
    "window_file": """(
        source TEXT, arn TEXT, key TEXT, ordinal INTEGER NOT NULL, md5 TEXT NOT NULL, items INTEGER NOT NULL,
        acknowledged INTEGER NOT NULL DEFAULT 0, written INTEGER NOT NULL DEFAULT 0,
        bytes INTEGER NOT NULL DEFAULT 0, beyond TEXT NOT NULL DEFAULT '[]', PRIMARY KEY (source, arn, key))""",
    "window_quarantine": """(
        source TEXT, number INTEGER, key TEXT, line INTEGER, key_hash TEXT, reason TEXT NOT NULL,
        PRIMARY KEY (source, number, key, line))""",
    "change": """(
        source TEXT, key BLOB, number INTEGER, digest BLOB, old BLOB, known INTEGER NOT NULL,
        PRIMARY KEY (source, key, number)) WITHOUT ROWID""",
    "state_around": "(source TEXT, key BLOB, digest BLOB, PRIMARY KEY (source, key, digest)) WITHOUT ROWID",
}
# From each version to the next, statement by statement. Version 1 has the tables and facts of 0.1.0, and says so.
# Version 2 adds the windows of a catch-up, version 3 what a comparison found wrong, for a repair, version 4 what
# a repair has written, version 5 how long the requests of an import took, version 6 in which states a full export may
# have caught an item that was written at about its moment.
UPGRADES: tuple[tuple[str, ...], ...] = ((), (), (), (), (), ())
VERSION = len(UPGRADES)


def version_of(db: sqlite3.Connection, path: Path) -> int:
    """Which version a database is of; raises LedgerError for one that this code does not know."""
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    if not 0 <= version <= VERSION:
        raise LedgerError(
            f"{path} is a ledger of version {version}, and this runbook knows versions up to {VERSION}: go on with the "
            "version of the runbook that wrote it; nothing was changed"
        )
    return version


def bring_up_to_date(db: sqlite3.Connection, path: Path) -> None:
    """Make what is missing and upgrade what is older, all of it or nothing."""
    if version_of(db, path) == VERSION:
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        for step in UPGRADES[version_of(db, path) :]:  # once more: another process may have been here first
            for statement in step:
                db.execute(statement)
        held = _columns(db)
        for name in TABLES.keys() - held.keys():
            db.execute(f"CREATE TABLE {name} {TABLES[name]}")
        _refuse_others(held, path)
        db.execute(f"PRAGMA user_version = {VERSION}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def lay_missing_beside(db: sqlite3.Connection, path: Path) -> None:
    """Let a database that may not be changed answer as one of this version: what it lacks is empty, in memory.

    Raises LedgerError for one that is no ledger, or is of a version that cannot be read in this way.
    """
    version = version_of(db, path)
    held = _columns(db)
    if "fact" not in held:
        raise LedgerError(f"{path} is no ledger: it has no table of facts")
    if not any(UPGRADES[version:]):
        _refuse_others(held, path)
        for name in TABLES.keys() - held.keys():
            db.execute(f"CREATE TEMP TABLE {name} {TABLES[name]}")
        return
    raise LedgerError(
        f"{path} is a ledger of version {version}, which can be read once it was brought up to {VERSION}, and that "
        "would change it: look at it with the version of the runbook that wrote it"
    )


def _refuse_others(held: dict[str, tuple[str, ...]], path: Path) -> None:
    """Raise LedgerError unless each table that is there has the columns that this code knows."""
    for name, columns in _expected().items():
        if name in held and held[name] != columns:
            raise LedgerError(
                f"{path} is no ledger that this runbook can read: its table {name} should have the columns "
                f"{', '.join(columns)}, and has {', '.join(held[name])}; start a new run with another run id"
            )


@cache
def _expected() -> dict[str, tuple[str, ...]]:
    db = sqlite3.connect(":memory:")
    try:
        for name, columns in TABLES.items():
            db.execute(f"CREATE TABLE {name} {columns}")
        return _columns(db)
    finally:
        db.close()


def _columns(db: sqlite3.Connection) -> dict[str, tuple[str, ...]]:
    names = [str(row[0]) for row in db.execute("SELECT name FROM main.sqlite_schema WHERE type = 'table'")]
    asked = {n: db.execute("SELECT name FROM pragma_table_info(?, 'main')", (n,)).fetchall() for n in names}
    return {name: tuple(str(row[0]) for row in rows) for name, rows in asked.items()}
