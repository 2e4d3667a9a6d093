"""Items that an import did not write: in quarantine, or found there already; and what a target held before it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from runbook_lib.run.ledger import Ledger

REASONS_SHOWN = 100


@dataclass(frozen=True, slots=True)
class QuarantinedRow:
    """One item that was refused: where it stands in the export, and why; `key_hash` is None where it has no key."""

    source: str
    key: str
    line: int
    key_hash: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class PresentRow:
    """Lines of a file, from `first` to `last`, whose very items were in the target already."""

    key: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class RefusedReason:
    """How many items of a table are in quarantine for one reason."""

    source: str
    reason: str
    items: int


@dataclass(frozen=True, slots=True)
class HeldRow:
    """One item that a target held before, as keyed digests of its key and of all of it."""

    key: bytes
    digest: bytes


def keep_quarantined(ledger: Ledger, rows: Iterable[QuarantinedRow]) -> None:
    """Record what was refused; a line that is known already is not counted twice."""
    ledger.write(
        "INSERT OR IGNORE INTO quarantine VALUES (?, ?, ?, ?, ?)",
        [(r.source, r.key, r.line, r.key_hash, r.reason) for r in rows],
    )


def quarantined_rows(ledger: Ledger, source: str) -> list[QuarantinedRow]:
    """What was refused of a table, in the order of its files and lines."""
    rows = ledger.rows("SELECT * FROM quarantine WHERE source = ? ORDER BY key, line", source)
    return [QuarantinedRow(**dict(row)) for row in rows]


def quarantined_lines(ledger: Ledger, source: str) -> dict[str, frozenset[int]]:
    """The lines that were refused of a table, by the key of their file."""
    lines: dict[str, set[int]] = {}
    for row in ledger.rows("SELECT key, line FROM quarantine WHERE source = ?", source):
        lines.setdefault(row["key"], set()).add(row["line"])
    return {key: frozenset(numbers) for key, numbers in lines.items()}


def count_quarantined(ledger: Ledger, source: str) -> int:
    return int(ledger.rows("SELECT COUNT(*) AS n FROM quarantine WHERE source = ?", source)[0]["n"])


def refused_reasons(ledger: Ledger) -> list[RefusedReason]:
    """Why items of all tables are in quarantine, the most frequent reasons first, and not all of them."""
    rows = ledger.rows(
        "SELECT source, reason, COUNT(*) AS items FROM quarantine "
        "GROUP BY source, reason ORDER BY items DESC, source, reason LIMIT ?",
        REASONS_SHOWN,
    )
    return [RefusedReason(**dict(row)) for row in rows]


def keep_present(ledger: Ledger, source: str, rows: Iterable[PresentRow]) -> None:
    """Record lines whose items were there; a span that has grown since replaces itself."""
    ledger.write("INSERT OR REPLACE INTO present VALUES (?, ?, ?, ?)", [(source, r.key, r.first, r.last) for r in rows])


def count_present(ledger: Ledger, source: str) -> int:
    rows = ledger.rows("SELECT SUM(last - first + 1) AS n FROM present WHERE source = ?", source)
    return int(rows[0]["n"] or 0)


def present_in(ledger: Ledger, source: str, key: str) -> list[PresentRow]:
    """The lines of one file whose items were there."""
    rows = ledger.rows("SELECT key, first, last FROM present WHERE source = ? AND key = ?", source, key)
    return [PresentRow(**dict(row)) for row in rows]


def forget_held(ledger: Ledger, source: str) -> None:
    """Drop what an interrupted reading of a target has left."""
    ledger.write("DELETE FROM held_before WHERE source = ?", [(source,)])


def keep_held(ledger: Ledger, source: str, rows: Iterable[HeldRow]) -> None:
    """Record some of what a target holds, all of them or none."""
    with ledger.batch():
        ledger.write("INSERT OR REPLACE INTO held_before VALUES (?, ?, ?)", [(source, r.key, r.digest) for r in rows])


def count_held(ledger: Ledger, source: str) -> int:
    return int(ledger.rows("SELECT COUNT(*) AS n FROM held_before WHERE source = ?", source)[0]["n"])


def held_digest(ledger: Ledger, source: str, key: bytes) -> bytes | None:
    """The digest of the item that was under a key, or None if none was."""
    rows = ledger.rows("SELECT digest FROM held_before WHERE source = ? AND key = ?", source, key)
    return rows[0]["digest"] if rows else None
