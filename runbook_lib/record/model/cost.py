"""What a run was estimated to cost, what a dry run measured, and what was used."""

from __future__ import annotations

from runbook_lib.record.model.base import Count, Moment, Name, Number, Section


class LowHigh(Section):
    """A range."""

    low: Number
    high: Number


class EstimateLine(Section):
    """One line of an estimate: a quantity, and its price where that is known."""

    name: str = ""
    quantity: LowHigh | None = None
    unit: str = ""
    usd: LowHigh | None = None


class TableShare(Section):
    """One table's part of an estimate; `held_items` are what its target holds by DescribeTable, up to six hours old."""

    source: Name = ""
    target: Name = ""
    basis: str = ""
    items: Count | None = None
    bytes: Count | None = None
    write_units: LowHigh | None = None
    index_units: LowHigh | None = None
    read_units: LowHigh | None = None
    import_seconds: LowHigh | None = None
    validate_seconds: LowHigh | None = None
    held_items: Count | None = None
    held_bytes: Count | None = None
    target_read_units: LowHigh | None = None


class WarmUp(Section):
    """A target that would be loaded faster with more warm throughput, which is charged once."""

    target: Name = ""
    units_now: Count | None = None
    units: Count | None = None
    seconds_now: Number | None = None
    seconds: Number | None = None
    usd: Number | None = None


class EstimateRecord(Section):
    """The bill as it was known at one stage."""

    basis: str = ""
    parts: list[EstimateLine] = []
    usd: LowHigh | None = None
    hours: LowHigh | None = None
    import_table_usd: LowHigh | None = None
    storage_usd_month: LowHigh | None = None
    tables: list[TableShare] = []
    prices: str = ""
    advice: list[WarmUp] = []


class Usage(Section):
    """What the run used; null is what nobody measured.

    `target_read_units` are of whatever read items of a target, `validation_units` of comparisons alone.
    """

    export_gb: Number | None = None
    write_units: Number | None = None
    import_gb: Number | None = None
    bulk_put_gb: Number | None = None
    scan_units: Number | None = None
    validation_units: Number | None = None
    target_read_units: Number | None = None
    puts: Count | None = None
    gets: Count | None = None
    hours: Number | None = None
    usd: Number | None = None


class WouldRefuse(Section):
    """Items that DynamoDB would not take, for one reason."""

    reason: str = ""
    about: str = ""
    items: Count = 0


class Measured(Section):
    """What a dry run measured of the items of a table that it would write."""

    requests: Count = 0
    items: Count = 0
    size: Count = 0
    units: Count = 0
    index_units: Count = 0
    refused: list[WouldRefuse] = []


class RecoveryTurnedOn(Section):
    """Point-in-time recovery that this run turned on, and since when there is a moment to export."""

    turned_on: Moment | None = None
    earliest: Moment | None = None


class WarmedUp(Section):
    """Warm throughput that this run raised."""

    units: Count | None = None
    units_before: Count | None = None
    asked: Moment | None = None
    reached: Moment | None = None
