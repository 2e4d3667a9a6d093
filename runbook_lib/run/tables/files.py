"""The data files of each table's export, and how far the import of each is known to be."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from runbook_lib.export_format.manifest import DataFile
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.tables.json_column import held_in, held_spans

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class FileRow:
    """One data file: `lines` is None until it was read to its end and checked.

    Everything up to the line `acknowledged` is, and the spans of lines in `beyond` are too.
    """

    data_file: DataFile
    lines: int | None
    acknowledged: int
    written: int
    bytes: int
    beyond: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class FileProgress:
    """How far the import of a file has come, to be written down."""

    key: str
    acknowledged: int
    written: int
    bytes: int
    beyond: Iterable[Span]


@dataclass(frozen=True, slots=True)
class FileCounts:
    """What law 1 holds against each other, for one file."""

    key: str
    items: int
    lines: int | None
    written: int
    quarantined: int
    present: int

    @property
    def add_up(self) -> bool:
        return self.items == self.lines == self.written + self.quarantined + self.present


@dataclass(frozen=True, slots=True)
class FileSums:
    """The files of one table together; `lines` is None where none was read to its end."""

    source: str
    files: int
    exported: int
    lines: int | None
    written: int
    quarantined: int
    present: int


def keep_files(ledger: Ledger, source: str, files: Iterable[DataFile]) -> None:
    """Record the files of a manifest in place of those known before; nothing of them is loaded yet."""
    with ledger.batch():
        ledger.write("DELETE FROM file WHERE source = ?", [(source,)])
        ledger.write(
            "INSERT INTO file (source, key, ordinal, md5, items) VALUES (?, ?, ?, ?, ?)",
            [(source, f.key, f.ordinal, f.md5, f.items) for f in files],
        )


def file_rows(ledger: Ledger, source: str) -> list[FileRow]:
    """The files of a table in the order of its manifest."""
    return [
        FileRow(
            DataFile(row["ordinal"], row["key"], row["md5"], row["items"]),
            row["lines"],
            row["acknowledged"],
            row["written"],
            row["bytes"],
            held_in(ledger, "file.beyond", row["key"], row["beyond"], held_spans),
        )
        for row in ledger.rows("SELECT * FROM file WHERE source = ? ORDER BY ordinal", source)
    ]


def file_keys(ledger: Ledger, source: str) -> list[str]:
    """The S3 keys of a table's files."""
    return [row["key"] for row in ledger.rows("SELECT key FROM file WHERE source = ?", source)]


def lines_of(ledger: Ledger, source: str) -> dict[str, int | None]:
    """How many lines each file of a table has, by key; None for one that was not read to its end."""
    return {r["key"]: r["lines"] for r in ledger.rows("SELECT key, lines FROM file WHERE source = ?", source)}


def was_read(ledger: Ledger, source: str, key: str) -> bool:
    """Whether a file was read to its end and checked."""
    rows = ledger.rows("SELECT 1 FROM file WHERE source = ? AND key = ? AND lines IS NOT NULL", source, key)
    return bool(rows)


def keep_lines(ledger: Ledger, source: str, key: str, lines: int) -> None:
    """Record how many lines a file has."""
    ledger.write("UPDATE file SET lines = ? WHERE source = ? AND key = ?", [(lines, source, key)])


def keep_progress(ledger: Ledger, source: str, files: Iterable[FileProgress]) -> None:
    """Record what is acknowledged of some files of a table."""
    ledger.write(
        "UPDATE file SET acknowledged = ?, written = ?, bytes = ?, beyond = ? WHERE source = ? AND key = ?",
        [(f.acknowledged, f.written, f.bytes, json.dumps(list(f.beyond)), source, f.key) for f in files],
    )


def counts_by_file(ledger: Ledger, source: str) -> list[FileCounts]:
    """Every count of each file of a table."""
    rows = ledger.rows(
        "SELECT f.*, (SELECT COUNT(*) FROM quarantine q WHERE q.source = f.source AND q.key = f.key) AS quarantined, "
        "(SELECT COALESCE(SUM(last - first + 1), 0) FROM present p WHERE p.source = f.source AND p.key = f.key) "
        "AS present FROM file f WHERE f.source = ?",
        source,
    )
    names = ("key", "items", "lines", "written", "quarantined", "present")
    return [FileCounts(*(row[name] for name in names)) for row in rows]


def sums_by_table(ledger: Ledger) -> dict[str, FileSums]:
    """Every count of all files of each table; a table whose manifest has no files is not among them."""
    rows = ledger.rows(
        "SELECT source, COUNT(*) AS files, SUM(items) AS exported, SUM(lines) AS lines, SUM(written) AS written, "
        "(SELECT COUNT(*) FROM quarantine q JOIN file g ON g.source = q.source AND g.key = q.key "
        "WHERE q.source = f.source) AS quarantined, "
        "(SELECT COALESCE(SUM(last - first + 1), 0) FROM present p WHERE p.source = f.source) AS present "
        "FROM file f GROUP BY source"
    )
    return {row["source"]: FileSums(**dict(row)) for row in rows}


def written_so_far(ledger: Ledger) -> tuple[int, int]:
    """Of all tables together: the items in their files, and those acknowledged."""
    row = ledger.rows("SELECT COALESCE(SUM(items), 0) AS items, COALESCE(SUM(written), 0) AS written FROM file")[0]
    return row["items"], row["written"]
