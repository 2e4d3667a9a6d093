"""How fast tables were loaded, how long requests took, what throttled them, and which workers were at it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from runbook_lib.run.ledger import Ledger


@dataclass(frozen=True, slots=True)
class SampleRow:
    """What was added to a table in the `seconds` before the moment `at`, in Unix seconds."""

    source: str
    at: float
    seconds: float
    items: int
    bytes: int
    wcu: float
    throttles: int


@dataclass(frozen=True, slots=True)
class ThrottleRow:
    """How many items of a table were sent again, by the reason and the resource that DynamoDB named."""

    source: str
    reason: str
    resource: str
    items: int


@dataclass(frozen=True, slots=True)
class ShiftRow:
    """One worker's time at one table in one step, from when to when in Unix seconds, and the items it did."""

    step: str
    source: str
    worker: str
    began: float
    ended: float
    items: int


@dataclass(frozen=True, slots=True)
class SampleSum:
    """All samples of a table together."""

    source: str
    wcu: float | None
    throttles: int | None


def keep_sample(ledger: Ledger, sample: SampleRow) -> None:
    s = sample
    ledger.write(
        "INSERT OR REPLACE INTO sample VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(s.source, s.at, s.seconds, s.items, s.bytes, s.wcu, s.throttles)],
    )


def samples(ledger: Ledger) -> list[SampleRow]:
    """The samples of all tables, in the order of time."""
    return [SampleRow(**dict(row)) for row in ledger.rows("SELECT * FROM sample ORDER BY at, source")]


def sample_sums(ledger: Ledger) -> list[SampleSum]:
    """What the samples of each table come to; a table that has none is not among them."""
    rows = ledger.rows("SELECT source, SUM(wcu) AS wcu, SUM(throttles) AS throttles FROM sample GROUP BY source")
    return [SampleSum(**dict(row)) for row in rows]


def add_throttled(ledger: Ledger, source: str, items: Mapping[tuple[str, str], int]) -> None:
    """Add items that were throttled, by reason and resource, to those known."""
    ledger.write(
        "INSERT INTO throttle VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET items = items + excluded.items",
        [(source, reason, resource, count) for (reason, resource), count in items.items()],
    )


def add_request_times(ledger: Ledger, source: str, requests: Mapping[int, int]) -> None:
    """Add answered requests, by the bucket of their times (`load/engine/latency.py`), to those known."""
    ledger.write(
        "INSERT INTO request_time VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET requests = requests + excluded.requests",
        [(source, bucket, count) for bucket, count in requests.items()],
    )


def request_times(ledger: Ledger) -> dict[int, int]:
    """The answered requests of all tables by the bucket of their times."""
    rows = ledger.rows("SELECT bucket, SUM(requests) AS requests FROM request_time GROUP BY bucket ORDER BY bucket")
    return {row["bucket"]: row["requests"] for row in rows}


def throttled(ledger: Ledger) -> list[ThrottleRow]:
    """What throttled all tables, the most items first."""
    rows = ledger.rows("SELECT * FROM throttle ORDER BY items DESC, reason, resource")
    return [ThrottleRow(**dict(row)) for row in rows]


def keep_shifts(ledger: Ledger, rows: Iterable[ShiftRow]) -> None:
    """Record what workers have done so far, in place of what was known of the same time."""
    ledger.write(
        "INSERT INTO shift VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET ended = excluded.ended, "
        "items = excluded.items",
        [(r.step, r.source, r.worker, r.began, r.ended, r.items) for r in rows],
    )


def shifts(ledger: Ledger) -> list[ShiftRow]:
    """What every worker did, by the order in which the run met them."""
    rows = ledger.rows(
        "SELECT step, source, worker, began, ended, items FROM shift ORDER BY length(worker), worker, began"
    )
    return [ShiftRow(**dict(row)) for row in rows]
