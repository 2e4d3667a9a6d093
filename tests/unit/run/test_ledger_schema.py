"""Which ledgers are read, which are brought up to date, and that looking at one changes nothing."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from runbook_lib.errors import LedgerError
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.ledger_schema import TABLES, VERSION
from runbook_lib.run.sealed_ledger import SealedLedger

# What 0.1.0 made, to the letter; `user_version` was not set.
OLD = """
CREATE TABLE fact (topic TEXT, name TEXT, value TEXT NOT NULL, PRIMARY KEY (topic, name)) WITHOUT ROWID;
CREATE TABLE call (side TEXT, operation TEXT, count INTEGER NOT NULL, PRIMARY KEY (side, operation));
CREATE TABLE file (
    source TEXT, key TEXT, ordinal INTEGER NOT NULL, md5 TEXT NOT NULL, items INTEGER NOT NULL,
    lines INTEGER, acknowledged INTEGER NOT NULL DEFAULT 0, written INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0, beyond TEXT NOT NULL DEFAULT '[]', PRIMARY KEY (source, key));
CREATE TABLE quarantine (
    source TEXT, key TEXT, line INTEGER, key_hash TEXT, reason TEXT NOT NULL, PRIMARY KEY (source, key, line));
CREATE TABLE sample (
    source TEXT, at REAL, seconds REAL, items INTEGER, bytes INTEGER, wcu REAL, throttles INTEGER,
    PRIMARY KEY (source, at));
CREATE TABLE difference (
    source TEXT, kind TEXT NOT NULL, key_hash TEXT NOT NULL, key TEXT, paths TEXT);
CREATE TABLE tally (
    source TEXT, side TEXT, binding TEXT NOT NULL, began TEXT NOT NULL, done TEXT NOT NULL, buckets BLOB NOT NULL,
    PRIMARY KEY (source, side));
INSERT INTO fact VALUES ('run', 'started', '"2026-11-25T00:00:00.000Z"');
INSERT INTO call VALUES ('source', 'Scan', 3);
INSERT INTO file (source, key, ordinal, md5, items) VALUES ('orders', 'k', 0, 'm', 7);
"""
LATER = ("present", "held_before", "shift", "throttle")  # the tables that it did not have in its first days


def of(path: Path, script: str, version: int = 0) -> Path:
    with closing(sqlite3.connect(path)) as db:
        db.executescript(f"{script}; PRAGMA user_version = {version}")
    return path


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def looked_at(path: Path) -> Ledger:
    return Ledger(path, admit=lambda: None)


def test_a_new_ledger_says_its_version_and_has_every_table(tmp_path: Path) -> None:
    with closing(Ledger(tmp_path / "l.sqlite")) as ledger:
        assert {name: ledger.rows(f"SELECT * FROM {name}") for name in TABLES} == {name: [] for name in TABLES}
    assert version(tmp_path / "l.sqlite") == VERSION > 0


def test_an_old_ledger_is_brought_up_to_date_by_the_first_write_and_loses_nothing(tmp_path: Path) -> None:
    path = of(tmp_path / "l.sqlite", OLD)
    with closing(Ledger(path)) as ledger:
        assert ledger.get("run", "started") == "2026-11-25T00:00:00.000Z"
        assert ledger.calls("source") == {"Scan": 3}
        assert [row["items"] for row in ledger.rows("SELECT * FROM file")] == [7]
        assert [ledger.rows(f"SELECT * FROM {name}") for name in LATER] == [[]] * len(LATER)
    assert version(path) == VERSION


@pytest.mark.parametrize("opened", [SealedLedger, looked_at])
def test_an_old_ledger_is_read_without_a_byte_of_it_being_changed(
    opened: Callable[[Path], Ledger], tmp_path: Path
) -> None:
    path = of(tmp_path / "l.sqlite", OLD)
    before = digest(path)
    ledger = opened(path)
    assert ledger.get("run", "started") == "2026-11-25T00:00:00.000Z"
    assert [ledger.rows(f"SELECT * FROM {name}") for name in LATER] == [[]] * len(LATER)
    if isinstance(ledger, SealedLedger):
        assert not set(LATER) & ledger.digests().keys()
        ledger.close()
    assert (digest(path), list(tmp_path.iterdir())) == (before, [path])


@pytest.mark.parametrize("opened", [Ledger, SealedLedger, looked_at])
@pytest.mark.parametrize("of_version", [VERSION + 1, 2**31 - 1, -1])
def test_a_ledger_of_a_version_nobody_here_knows_is_refused_and_left_as_it_is(
    opened: Callable[[Path], Ledger], of_version: int, tmp_path: Path
) -> None:
    path = of(tmp_path / "l.sqlite", OLD, of_version)
    before = digest(path)
    with pytest.raises(LedgerError, match=rf"is a ledger of version {of_version}, and this runbook knows versions up"):
        opened(path).get("run", "started")
    assert (digest(path), list(tmp_path.iterdir())) == (before, [path])


@pytest.mark.parametrize("opened", [Ledger, SealedLedger, looked_at])
def test_a_table_with_other_columns_is_refused_by_name(opened: Callable[[Path], Ledger], tmp_path: Path) -> None:
    path = of(tmp_path / "l.sqlite", "CREATE TABLE fact (topic, name, value); CREATE TABLE file (source, key)")
    with pytest.raises(LedgerError, match=r"its table file should have the columns source, key, ordinal, md5, .* and"):
        opened(path).get("run", "started")
    assert version(path) == 0


@pytest.mark.parametrize("opened", [SealedLedger, looked_at])
def test_a_database_without_facts_is_no_ledger(opened: Callable[[Path], Ledger], tmp_path: Path) -> None:
    path = of(tmp_path / "l.sqlite", "CREATE TABLE other (x)")
    with pytest.raises(LedgerError, match="is no ledger: it has no table of facts"):
        opened(path).get("run", "started")


def test_an_upgrade_that_cannot_be_finished_leaves_the_ledger_of_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = of(tmp_path / "l.sqlite", OLD)
    half = ("ALTER TABLE sample ADD COLUMN more INTEGER", "INSERT INTO nowhere VALUES (1)")
    monkeypatch.setattr("runbook_lib.run.ledger_schema.UPGRADES", (half,))
    with pytest.raises(LedgerError, match="nowhere"):
        Ledger(path)
    monkeypatch.undo()
    with closing(Ledger(path)) as ledger:
        assert ledger.get("run", "started") == "2026-11-25T00:00:00.000Z"


@pytest.mark.parametrize("opened", [SealedLedger, looked_at])
def test_a_ledger_that_would_have_to_be_rewritten_to_be_read_is_refused_where_it_may_not_be(
    opened: Callable[[Path], Ledger], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = of(tmp_path / "l.sqlite", OLD)
    monkeypatch.setattr("runbook_lib.run.ledger_schema.UPGRADES", (("UPDATE fact SET value = value",),))
    with pytest.raises(LedgerError, match="look at it with the version of the runbook that wrote it"):
        opened(path).get("run", "started")
