"""What an asking costs and how long it takes: estimated before anything is made, and held to its limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from runbook_lib.aws.guard.sent_bytes import SentBytes
from runbook_lib.config.money import Prices
from runbook_lib.conformance.question import Area, Need, Question
from runbook_lib.conformance.subject import WhyNot
from runbook_lib.cost.prices import PRICES, prices_of

DEFAULT_LIMIT = 1.0  # USD
DEFAULT_MINUTES = 30.0
LONG_MINUTES = 150.0
_COPIES = 6  # of an item: its table and five indexes at most
_WRITES = {"BatchWriteItem": 25, "PutItem": 1, "DeleteItem": 1}  # and how many items one has at most
_READ_UNITS = 256  # of a page of 1 MB, consistent; the most that one request reads
_MOVING = ("ExportTableToPointInTime", "ImportTable", "StartBulkPutItems")
_NO_PRICE = (
    "no price of StartBulkPutItems is known: each bulk put is counted as an import of {each:.0f} MB; what AWS bills "
    "for it may be more, and no limit holds it"
)
_EACH_IMPORT_OR_EXPORT = 0.02  # GB that one is billed for at most: twice the least size of a window


@dataclass(frozen=True, slots=True)
class AskingEstimate:
    """Dollars and minutes, each an upper bound; `priced` says by which region's prices, `notes` what has no price."""

    dollars: float
    minutes: float
    priced: str
    lines: tuple[tuple[str, float], ...]
    notes: tuple[str, ...] = ()


def priced_by(region: str) -> tuple[Prices, float, str]:
    """A region's prices; where none are built in, twice those of us-east-1."""
    if region in PRICES:
        return prices_of(region, Prices()), 1.0, region
    return PRICES["us-east-1"], 2.0, f"us-east-1, doubled: no price of {region} is built in"


def estimate_of(questions: tuple[Question, ...], region: str, *, long: bool) -> AskingEstimate:
    """What asking these questions costs at most."""
    prices, factor, priced = priced_by(region)
    asked = [one for one in questions if long or Need.LONG not in one.needs]
    moved = sum(Need.BUCKET in one.needs for one in asked)
    lines = (
        ("writes", 250_000 * (prices.million_writes or 0) / 1e6),
        ("reads", 60_000 * (prices.million_reads or 0) / 1e6),
        ("exports and imports", moved * _EACH_IMPORT_OR_EXPORT * max(prices.export_gb or 0, prices.import_gb or 0)),
        ("requests to S3", 2_000 * (prices.thousand_puts or 0) / 1e3),
        ("a provisioned table, one hour", 0.001),
    )
    minutes = 120.0 if long else 22.0
    bulk_puts = sum(one.topic is Area.BULK_PUT for one in asked)
    return _estimate(lines, minutes, factor, priced, bulk_puts)


def _estimate(
    lines: tuple[tuple[str, float], ...], minutes: float, factor: float, priced: str, bulk_puts: int
) -> AskingEstimate:
    dollars = round(sum(cost for _, cost in lines) * factor, 4)
    notes = (_NO_PRICE.format(each=_EACH_IMPORT_OR_EXPORT * 1000),) if bulk_puts else ()
    return AskingEstimate(
        dollars, minutes, priced, tuple((name, round(cost * factor, 4)) for name, cost in lines), notes
    )


def migrations_estimate(region: str, *, long: bool) -> AskingEstimate:
    """What small migrations between two regions cost at most: one, or with `long` three and a cut-over.

    A bulk put, whose price is not published, is counted as an import.
    """
    prices, factor, priced = priced_by(region)
    moved = 12 if long else 1  # exports, windows and imports
    lines = (
        ("writes and reads", 10_000 * max(prices.million_writes or 0, prices.million_reads or 0) / 1e6),
        ("exports and imports", moved * _EACH_IMPORT_OR_EXPORT * max(prices.export_gb or 0, prices.import_gb or 0)),
        ("requests to S3", 2_000 * (prices.thousand_puts or 0) / 1e3),
    )
    return _estimate(lines, 150.0 if long else 20.0, factor, priced, int(long))


def spent_at_most(sent: SentBytes, region: str) -> float:
    """Dollars that what was sent can have cost at most, by its bytes."""
    prices, factor, _ = priced_by(region)
    writes = sum(sent.bytes[name] / 1024 + items * sent.requests[name] for name, items in _WRITES.items()) * _COPIES
    reads = sum(sent.requests[name] for name in ("Scan", "Query", "BatchGetItem")) * _READ_UNITS
    reads += sent.requests["GetItem"] * 100
    moved = sum(sent.requests[name] for name in _MOVING)
    s3 = sent.requests["PutObject"] + sent.requests["ListObjectsV2"] + sent.requests["GetObject"]
    dollars = (
        writes * (prices.million_writes or 0) / 1e6
        + reads * (prices.million_reads or 0) / 1e6
        + moved * _EACH_IMPORT_OR_EXPORT * max(prices.export_gb or 0, prices.import_gb or 0)
        + s3 * (prices.thousand_puts or 0) / 1e3
    )
    return dollars * factor


@dataclass(frozen=True, slots=True)
class SpendingLimits:
    """Leave to ask on, while neither the time nor the cost is up."""

    clock: Callable[[], float]
    deadline: float
    dollars: float
    sent: SentBytes
    region: str

    def __call__(self) -> WhyNot | None:
        if self.clock() > self.deadline:
            return WhyNot.TIME_IS_UP
        if spent_at_most(self.sent, self.region) > self.dollars:
            return WhyNot.COST_IS_UP
        return None
