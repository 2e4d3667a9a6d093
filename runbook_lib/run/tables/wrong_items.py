"""Every item that a comparison found wrong, by the digest of its key and without its contents.

There are two looks at a table: that of its validation, and a repair's own, just before it writes. What only the second
has, or what of the first is gone without this run having written it, was written by somebody else in between.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from runbook_lib.items.keyed import RunSecret
from runbook_lib.run.ledger import Ledger

PIECE = 8  # bytes of a key's digest that are held in memory
MOST_WRONG = 1_000_000  # of one table, beyond which loading it again is the shorter way
ROWS_AT_ONCE = 2_000


class WrongLook(StrEnum):
    """Who found an item wrong."""

    VALIDATION = "validation"
    REPAIR = "repair"


class SentState(IntEnum):
    """What this run did about an item: nothing, sent a write, heard that it was done."""

    NOTHING = 0
    SENT = 1
    DONE = 2


@dataclass(frozen=True, slots=True)
class WrongItem:
    """What is wrong under a key: `held` is the keyed digest of what is there, None for nothing.

    It is `single` unless the export says more than one thing about the key, or what it says is in quarantine.
    """

    key: bytes
    kind: str
    held: bytes | None
    single: bool


@dataclass(slots=True)
class WrongItemsNote:
    """Takes down what a comparison finds, in place of what the same look found before; see `Rules.note`."""

    ledger: Ledger
    source: str
    look: WrongLook
    secret: RunSecret
    counts: Counter[str] = field(default_factory=Counter)
    _rows: list[WrongItem] = field(default_factory=list)

    def begin(self) -> None:
        forget_wrong(self.ledger, self.source, self.look)

    def note(self, kind: str, name: bytes, held: bytes, single: bool) -> None:
        self.counts[kind] += 1
        if self.counts.total() > MOST_WRONG:
            return
        self._rows.append(WrongItem(self.secret.key_digest(name), kind, held or None, single))
        if len(self._rows) >= ROWS_AT_ONCE:
            self.end()

    def end(self) -> None:
        """Write down what was noted last."""
        rows, self._rows = self._rows, []
        self.ledger.write(
            "INSERT OR REPLACE INTO wrong_item (source, look, key, kind, held, single) VALUES (?, ?, ?, ?, ?, ?)",
            [(self.source, self.look, r.key, r.kind, r.held, r.single) for r in rows],
        )


def forget_wrong(ledger: Ledger, source: str, look: WrongLook) -> None:
    """Drop what one look has found."""
    ledger.write("DELETE FROM wrong_item WHERE source = ? AND look = ?", [(source, look)])


def written_by_others(ledger: Ledger, source: str) -> int:
    """How many keys the repair's look sees otherwise than the validation's, and not through this run's own writes.

    A write that was sent and never heard of may have come or not. What it left wrong is wrong still.
    """
    appeared = ledger.rows(
        "SELECT COUNT(*) AS n FROM wrong_item r WHERE source = ? AND look = ? AND NOT EXISTS (SELECT 1 FROM wrong_item "
        "v WHERE v.source = r.source AND v.look = ? AND v.key = r.key AND v.kind = r.kind AND v.held IS r.held "
        "AND v.sent < ?)",
        source, WrongLook.REPAIR, WrongLook.VALIDATION, int(SentState.DONE),
    )[0]["n"]  # fmt: skip
    went = ledger.rows(
        "SELECT COUNT(*) AS n FROM wrong_item v WHERE source = ? AND look = ? AND sent = ? AND NOT EXISTS (SELECT 1 "
        "FROM wrong_item r WHERE r.source = v.source AND r.look = ? AND r.key = v.key)",
        source, WrongLook.VALIDATION, int(SentState.NOTHING), WrongLook.REPAIR,
    )[0]["n"]  # fmt: skip
    return int(appeared) + int(went)


def may_repair(ledger: Ledger, source: str, kind: str) -> bool:
    """Whether the validation has found an item of this kind that a repair would touch."""
    return bool(
        ledger.rows(
            "SELECT 1 FROM wrong_item WHERE source = ? AND look = ? AND kind = ? AND single LIMIT 1",
            source, WrongLook.VALIDATION, kind,
        )
    )  # fmt: skip


def take_over_look(ledger: Ledger, source: str) -> None:
    """Let the repair's look stand for the validation's from now on."""
    with ledger.batch():
        forget_wrong(ledger, source, WrongLook.VALIDATION)
        ledger.write(
            "UPDATE wrong_item SET look = ? WHERE source = ? AND look = ?",
            [(WrongLook.VALIDATION, source, WrongLook.REPAIR)],
        )


def mark_sent(ledger: Ledger, source: str, keys: Iterable[bytes], state: SentState) -> None:
    """Note what is about to be sent for these keys, or was done."""
    rows = [(source, WrongLook.VALIDATION, key) for key in keys]
    with ledger.batch():
        ledger.write(
            "UPDATE wrong_item SET sent = ? WHERE source = ? AND look = ? AND key = ?", [(int(state), *r) for r in rows]
        )
        if state is SentState.SENT:
            ledger.write(
                "INSERT OR IGNORE INTO repaired SELECT source, key FROM wrong_item "
                "WHERE source = ? AND look = ? AND key = ? AND kind != 'extra'",
                rows,
            )


def count_repaired(ledger: Ledger, source: str) -> int:
    """How many items this run's repairs have put and the last comparison does not find wrong."""
    rows = ledger.rows(
        "SELECT COUNT(*) AS n FROM repaired r WHERE source = ? AND NOT EXISTS (SELECT 1 FROM wrong_item v "
        "WHERE v.source = r.source AND v.look = ? AND v.key = r.key)",
        source, WrongLook.VALIDATION,
    )  # fmt: skip
    return int(rows[0]["n"])


class WrongItems:
    """What one look found wrong of a table, by key; memory is eight bytes a key."""

    def __init__(self, ledger: Ledger, source: str, look: WrongLook) -> None:
        self._ledger, self._source, self._look = ledger, source, look
        rows = ledger.rows("SELECT key FROM wrong_item WHERE source = ? AND look = ? ORDER BY key", source, look)
        self._pieces = array("Q", (int.from_bytes(row["key"][:PIECE]) for row in rows))

    def __len__(self) -> int:
        return len(self._pieces)

    def get(self, key: bytes) -> WrongItem | None:
        """What is wrong under a key, by its digest; None if nothing is."""
        piece = int.from_bytes(key[:PIECE])
        at = bisect_left(self._pieces, piece)
        if at == len(self._pieces) or self._pieces[at] != piece:
            return None
        rows = self._ledger.rows(
            "SELECT * FROM wrong_item WHERE source = ? AND look = ? AND key = ?", self._source, self._look, key
        )
        return WrongItem(key, rows[0]["kind"], rows[0]["held"], bool(rows[0]["single"])) if rows else None
