"""The differences that a comparison found, and the digests that a killed one goes on from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from runbook_lib.items.canonical import Item
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.tables.json_column import held_in, held_numbers, held_object, held_objects


@dataclass(frozen=True, slots=True)
class PathDifference:
    """One place: `how` is absent, added, type or value; `expected` and `found` are the types there.

    A path reads `address.lines[2]`; a name that is not plain is quoted: `address["zip.code"]`.
    """

    path: str
    how: str
    expected: str | None
    found: str | None


@dataclass(frozen=True, slots=True)
class DifferenceRow:
    """One item that differs: `key` only where the run keeps keys, `paths` only where they were looked into."""

    source: str
    kind: str
    key_hash: str
    key: Item | None
    paths: tuple[PathDifference, ...] | None


@dataclass(frozen=True, slots=True)
class TallyRow:
    """The buckets of the parts of one side that were read to their ends, sealed; `done` are the parts' numbers.

    It is of use under the same `binding` only.
    """

    source: str
    side: str
    binding: str
    began: str
    done: tuple[int, ...]
    buckets: bytes


def keep_differences(ledger: Ledger, source: str, rows: Iterable[DifferenceRow]) -> None:
    """Record the listed differences of a table in place of those of the comparison before."""
    with ledger.batch():
        ledger.write("DELETE FROM difference WHERE source = ?", [(source,)])
        ledger.write(
            "INSERT INTO difference VALUES (?, ?, ?, ?, ?)",
            [
                (r.source, r.kind, r.key_hash, _spelled(r.key), _spelled(r.paths and [asdict(p) for p in r.paths]))
                for r in rows
            ],
        )


def differences(ledger: Ledger) -> Iterator[DifferenceRow]:
    """The listed differences in the order of table, kind and key."""
    for row in ledger.rows("SELECT * FROM difference ORDER BY source, kind, key_hash, key, paths"):
        key, paths = row["key"], row["paths"]
        if key is not None:
            key = held_in(ledger, "difference.key", row["source"], key, held_object)
        if paths is not None:
            paths = held_in(ledger, "difference.paths", row["source"], paths, _places)
        yield DifferenceRow(row["source"], row["kind"], row["key_hash"], key, paths)


def count_differences(ledger: Ledger) -> int:
    return int(ledger.rows("SELECT COUNT(*) AS n FROM difference")[0]["n"])


def tally_of(ledger: Ledger, source: str, side: str) -> TallyRow | None:
    """What is kept of one side of a table's comparison."""
    for row in ledger.rows("SELECT * FROM tally WHERE source = ? AND side = ?", source, side):
        return TallyRow(**dict(row) | {"done": held_in(ledger, "tally.done", source, row["done"], held_numbers)})
    return None


def keep_tally(ledger: Ledger, tally: TallyRow) -> None:
    """Record one side's buckets in place of those kept before."""
    t = tally
    ledger.write(
        "INSERT OR REPLACE INTO tally VALUES (?, ?, ?, ?, ?, ?)",
        [(t.source, t.side, t.binding, t.began, json.dumps(t.done), t.buckets)],
    )


def forget_tallies(ledger: Ledger, source: str) -> None:
    ledger.write("DELETE FROM tally WHERE source = ?", [(source,)])


def _spelled(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)


def _places(value: Any) -> tuple[PathDifference, ...]:
    return tuple(PathDifference(**place) for place in held_objects(value))
