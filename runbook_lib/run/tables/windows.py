"""The changes of windows, by key and without their contents, and the files that hold them.

A change is a digest of the key, of what the item became (None for a delete) and of what it was. The last change of each
key is what a full export has to be overlaid with; the first says what the full export should hold under the key.
"""

from __future__ import annotations

import hashlib
import json
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple

from runbook_lib.export_format.manifest import DataFile
from runbook_lib.export_format.spelled_change import SpelledChange
from runbook_lib.items.keyed import RunSecret
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.tables.json_column import held_in, held_spans

PIECE = 8  # bytes of a key's digest that are held in memory


class ChangeRow(NamedTuple):
    """One change: `old` is what the item was, None for no item; it is `known` where the view has old images.

    `around` are the further states that a full export may have caught the item in; "no item" among them is `old`.
    """

    key: bytes
    digest: bytes | None
    old: bytes | None
    known: bool
    around: frozenset[bytes] = frozenset()


def rows_of(changes: Iterable[SpelledChange], secret: RunSecret, *, known: bool) -> Iterator[ChangeRow]:
    """What is kept of changes."""
    keys, items = secret.key_digests(), secret.item_digests()
    for change in changes:
        row = ChangeRow(_digest(keys, change.key), _optional(items, change.new), _optional(items, change.old), known)
        yield _with_around(row, {_optional(items, image) for image in change.around}) if change.around else row


def _with_around(row: ChangeRow, around: set[bytes | None]) -> ChangeRow:
    """A change whose key had further states: where the export may have no item, it may have any of the others."""
    first = row.old
    if None in around:
        around, first = {*around, first}, None
    return row._replace(old=first, around=frozenset(state for state in around if state is not None))


def _digest(empty: hashlib.blake2b, text: bytes) -> bytes:
    mac = empty.copy()
    mac.update(text)
    return mac.digest()


def _optional(empty: hashlib.blake2b, text: bytes | None) -> bytes | None:
    return None if text is None else _digest(empty, text)


@dataclass(frozen=True, slots=True)
class WindowFileRow:
    """A file of an incremental or second export, and how far it is sent."""

    file: DataFile
    acknowledged: int
    written: int
    bytes: int
    beyond: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class WindowCounts:
    """What a window holds, and how many of its changes do not go on from what was there."""

    puts: int
    deletes: int
    broken: int


def raw_side(source: str) -> str:
    """Under which name the changes of a table's windows stand as they were exported, where a transform made others."""
    return f"{source} (raw)"  # no table has such a name


def keep_export_files(ledger: Ledger, source: str, arn: str, files: Iterable[DataFile]) -> None:
    """Record the files of an export beside the first one, once."""
    ledger.write(
        "INSERT OR IGNORE INTO window_file (source, arn, key, ordinal, md5, items) VALUES (?, ?, ?, ?, ?, ?)",
        [(source, arn, f.key, f.ordinal, f.md5, f.items) for f in files],
    )


def export_files(ledger: Ledger, source: str, arn: str) -> list[WindowFileRow]:
    """The files of one export beside the first, in the manifest's order."""
    rows = ledger.rows("SELECT * FROM window_file WHERE source = ? AND arn = ? ORDER BY ordinal", source, arn)
    return [
        WindowFileRow(
            DataFile(r["ordinal"], r["key"], r["md5"], r["items"]), r["acknowledged"], r["written"],
            r["bytes"], held_in(ledger, "window_file.beyond", r["key"], r["beyond"], held_spans),
        )
        for r in rows
    ]  # fmt: skip


def keep_sent(
    ledger: Ledger, source: str, arn: str, rows: Iterable[tuple[str, int, int, int, list[tuple[int, int]]]]
) -> None:
    """Record how far files are sent: key, acknowledged, written, bytes, beyond."""
    ledger.write(
        "UPDATE window_file SET acknowledged = ?, written = ?, bytes = ?, beyond = ? "
        "WHERE source = ? AND arn = ? AND key = ?",
        [(a, w, b, json.dumps(beyond), source, arn, key) for key, a, w, b, beyond in rows],
    )


def keep_refused(ledger: Ledger, source: str, number: int, rows: Iterable[tuple[str, int, str | None, str]]) -> None:
    """Record changes that the target did not take: file, line, key hash, reason."""
    ledger.write(
        "INSERT OR IGNORE INTO window_quarantine VALUES (?, ?, ?, ?, ?, ?)",
        [(source, number, key, line, key_hash, reason) for key, line, key_hash, reason in rows],
    )


def forget_refused(ledger: Ledger, source: str, number: int) -> None:
    """Take back what is kept of changes that were refused, of a window that is exported anew."""
    ledger.write("DELETE FROM window_quarantine WHERE source = ? AND number = ?", [(source, number)])


def count_refused(ledger: Ledger, source: str, number: int, arn: str) -> int:
    """How many changes of a window's files were refused: by the target, or of the raw files by the transform."""
    row = ledger.rows(
        "SELECT COUNT(*) AS n FROM window_quarantine q JOIN window_file f ON f.source = q.source AND f.key = q.key "
        "WHERE q.source = ? AND q.number = ? AND f.arn = ?",
        source, number, arn,
    )[0]  # fmt: skip
    return int(row["n"])


def refused_lines(ledger: Ledger, source: str, number: int, key: str) -> frozenset[int]:
    """The lines of a window's file that the target did not take."""
    rows = ledger.rows(
        "SELECT line FROM window_quarantine WHERE source = ? AND number = ? AND key = ?", source, number, key
    )
    return frozenset(row["line"] for row in rows)


def forget_changes(ledger: Ledger, source: str, number: int) -> None:
    """Take back what an earlier start, which did not come to the end of the window, had read of it."""
    if number == 1:
        ledger.write("DELETE FROM state_around WHERE source = ?", [(source,)])
    ledger.write("DELETE FROM change WHERE source = ? AND number = ?", [(source, number)])


def keep_changes(ledger: Ledger, source: str, number: int, rows: Iterable[ChangeRow]) -> None:
    """Record changes of a window; of those that have one key only the first."""
    kept = sorted(rows, key=itemgetter(0))  # where SQLite puts them: what is near each other is added together
    ledger.add("change", [(source, row.key, number, row.digest, row.old, row.known) for row in kept])
    ledger.add("state_around", [(source, row.key, digest) for row in kept for digest in row.around])


def window_counts(ledger: Ledger, source: str, number: int) -> WindowCounts:
    """Puts and deletes of a window, and how many old images are not what the last window with the key had left."""
    row = ledger.rows(
        "SELECT COUNT(digest) AS puts, COUNT(*) - COUNT(digest) AS deletes FROM change WHERE source = ? AND number = ?",
        source, number,
    )[0]  # fmt: skip
    broken = ledger.rows(
        "SELECT COUNT(*) AS n FROM change c JOIN change p ON p.source = c.source AND p.key = c.key AND p.number = "
        "(SELECT MAX(number) FROM change e WHERE e.source = c.source AND e.key = c.key AND e.number < c.number) "
        "WHERE c.source = ? AND c.number = ? AND c.known AND c.old IS NOT p.digest",
        source, number,
    )[0]  # fmt: skip
    return WindowCounts(int(row["puts"]), int(row["deletes"]), int(broken["n"]))


def inserted_keys(ledger: Ledger, source: str, number: int) -> frozenset[bytes]:
    """The keys, by their digests, under which a window puts an item where it says none was, and no window before it."""
    rows = ledger.rows(
        "SELECT key FROM change c WHERE source = ? AND number = ? AND known AND old IS NULL AND digest IS NOT NULL "
        "AND NOT EXISTS (SELECT 1 FROM change e WHERE e.source = c.source AND e.key = c.key AND e.number < c.number)",
        source, number,
    )  # fmt: skip
    return frozenset(row["key"] for row in rows)


def inserted_before(ledger: Ledger, source: str, number: int) -> int:
    """How many items a window puts where it says none was, and a window before it has left one."""
    row = ledger.rows(
        "SELECT COUNT(*) AS n FROM change c JOIN change p ON p.source = c.source AND p.key = c.key AND p.number = "
        "(SELECT MAX(number) FROM change e WHERE e.source = c.source AND e.key = c.key AND e.number < c.number) "
        "WHERE c.source = ? AND c.number = ? AND c.known AND c.old IS NULL AND c.digest IS NOT NULL "
        "AND p.digest IS NOT NULL",
        source, number,
    )[0]  # fmt: skip
    return int(row["n"])


@dataclass(frozen=True, slots=True)
class OverlaidKey:
    """What windows say of one key: its last state and the window that has it, and what should have been there first.

    That is one of `first_old` and `around`; only with a stream there is more than one.
    """

    digest: bytes | None
    number: int
    first_old: bytes | None
    first_known: bool
    around: frozenset[bytes] = frozenset()

    def may_have_been(self, held: bytes) -> bool:
        """Whether the full export goes together with the first change if it holds an item with this digest."""
        return held == self.first_old or held in self.around


class Overlay:
    """The state of every key that a table's windows changed, as window `last` left it; memory is eight bytes a key.

    A later window may have been read already: what it says is not in the target yet, or not all of it.
    """

    def __init__(self, ledger: Ledger, source: str, last: int) -> None:
        self._ledger, self._source, self._last = ledger, source, last
        self._pieces = array("Q", self._keys())

    def _keys(self) -> Iterator[int]:
        for row in self._ledger.rows(
            "SELECT DISTINCT key FROM change WHERE source = ? AND number <= ? ORDER BY key", self._source, self._last
        ):
            yield int.from_bytes(row["key"][:PIECE])

    def __len__(self) -> int:
        return len(self._pieces)

    def get(self, key: bytes) -> OverlaidKey | None:
        """What is known of a key, by its digest; None if no window has it."""
        piece = int.from_bytes(key[:PIECE])
        at = bisect_left(self._pieces, piece)
        if at == len(self._pieces) or self._pieces[at] != piece:
            return None
        rows = self._ledger.rows(
            "SELECT * FROM change WHERE source = ? AND key = ? AND number <= ? ORDER BY number",
            self._source, key, self._last,
        )  # fmt: skip
        if not rows:
            return None
        around = self._ledger.rows("SELECT digest FROM state_around WHERE source = ? AND key = ?", self._source, key)
        return OverlaidKey(
            rows[-1]["digest"], rows[-1]["number"], rows[0]["old"], bool(rows[0]["known"]),
            frozenset(row["digest"] for row in around),
        )  # fmt: skip

    def present(self) -> int:
        """How many of the keys hold an item at the end of the last window."""
        return self._number(
            "SELECT COUNT(*) AS n FROM change c WHERE source = ? AND digest IS NOT NULL AND number = "
            "(SELECT MAX(number) FROM change l WHERE l.source = c.source AND l.key = c.key AND l.number <= ?)"
        )

    def in_full(self) -> int:
        """How many of the keys the full export should hold, by the old image of their first change."""
        return self._number(
            "SELECT COUNT(*) AS n FROM change c WHERE source = ? AND known AND old IS NOT NULL AND number = "
            "(SELECT MIN(number) FROM change f WHERE f.source = c.source AND f.key = c.key) AND number <= ?"
        )

    def _number(self, query: str) -> int:
        return int(self._ledger.rows(query, self._source, self._last)[0]["n"])


def has_lost_answers(ledger: Ledger, source: str, reason: str) -> bool:
    """Whether an import of the table has sent items again for this reason."""
    return bool(ledger.rows("SELECT 1 FROM throttle WHERE source = ? AND reason = ? LIMIT 1", source, reason))
