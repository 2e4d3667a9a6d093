"""Columns of a ledger that hold JSON: whatever else stands there is refused by name, as in a damaged fact."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runbook_lib.errors import LedgerError
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.ledger_schema import TABLES
from runbook_lib.run.sealed_ledger import SealedLedger
from runbook_lib.run.tables.comparison import TallyRow, differences, keep_tally, tally_of
from runbook_lib.run.tables.files import file_rows
from runbook_lib.run.tables.windows import export_files
from tests.support.sealed_run import publish_passed_run

DAMAGED = ["{", "", None, b"\xff", 7, "null", "7", "{}", '"x"', "[[1]]", "[[1,2,3]]", '[["a","b"]]', "[{}]", "[" * 9000]
READERS: dict[str, Callable[[Ledger], Any]] = {
    "file.beyond": lambda ledger: file_rows(ledger, "a"),
    "window_file.beyond": lambda ledger: export_files(ledger, "a", "arn"),
    "difference.key": lambda ledger: list(differences(ledger)),
    "difference.paths": lambda ledger: list(differences(ledger)),
    "tally.done": lambda ledger: tally_of(ledger, "a", "export"),
}
FITS = {("difference.key", None), ("difference.paths", None), ("difference.key", "{}")}


@pytest.fixture(scope="module")
def passed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("passed")
    publish_passed_run(folder)
    ledger = Ledger(folder / "ledger.sqlite")
    keep_tally(ledger, TallyRow("a", "export", "b", "t", (0,), b""))
    ledger.write("INSERT INTO difference VALUES (?, ?, ?, ?, ?)", [("a", "missing", "h", "{}", "[]")])
    ledger.write(
        "INSERT INTO window_file (source, arn, key, ordinal, md5, items) VALUES (?, ?, ?, ?, ?, ?)",
        [("a", "arn", "k", 0, "m", 1)],
    )
    ledger.close()
    return folder / "ledger.sqlite"


def damaged(passed: Path, place: Path, column: str, value: Any) -> Path:
    """A copy in which a column holds something else in every row, as an editor of databases leaves it."""
    file = place / "ledger.sqlite"
    file.write_bytes(passed.read_bytes())
    db, (table, name) = sqlite3.connect(file), column.split(".")
    if value is None:  # past NOT NULL
        db.execute("PRAGMA writable_schema=ON")
        db.execute("UPDATE sqlite_schema SET sql = replace(sql, 'NOT NULL', '') WHERE name = ?", (table,))
        db.commit()
        db.close()
        db = sqlite3.connect(file)
    db.execute(f"UPDATE {table} SET {name} = ?", (value,))
    db.commit()
    db.close()
    return file


@pytest.mark.parametrize("column", READERS)
@pytest.mark.parametrize("value", DAMAGED, ids=lambda value: repr(value)[:12])
def test_a_damaged_column_is_a_refusal_that_names_it(passed: Path, tmp_path: Path, column: str, value: Any) -> None:
    ledger = Ledger(damaged(passed, tmp_path, column, value))
    try:
        if (column, value) in FITS:
            READERS[column](ledger)
            return
        with pytest.raises(LedgerError, match=rf"ledger.sqlite: {column} of (a|k) is not as this runbook writes it"):
            READERS[column](ledger)
    finally:
        ledger.close()


def test_a_sealed_ledger_refuses_it_too(passed: Path, tmp_path: Path) -> None:
    sealed = SealedLedger(damaged(passed, tmp_path, "difference.paths", "{"))
    try:
        with pytest.raises(LedgerError, match=r"difference\.paths of a"):
            list(differences(sealed))
    finally:
        sealed.close()


def test_every_column_with_json_is_here() -> None:
    """Those whose default is a list, and those that hold words of a user's item or numbers of parts."""
    listed = {f"{table}.{column}" for table, column in (name.split(".") for name in READERS)}
    defaults = {f"{table}.beyond" for table, definition in TABLES.items() if "beyond" in definition}
    assert defaults <= listed
