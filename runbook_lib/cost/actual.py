"""What a run has really used, out of its ledger, to be set against the estimate; None is what nobody measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runbook_lib.run.ledger import Ledger
from runbook_lib.run.tables.files import sums_by_table
from runbook_lib.run.tables.throughput import sample_sums

GB = 1 << 30
Units = Mapping[str, float | None]


def actual_usage(ledger: Ledger, seconds: float) -> dict[str, Any]:
    """Quantities and, where prices are known, USD: of this run's own exports, reads, writes and S3 requests."""
    exports, checked = ledger.all("export"), ledger.all("validation")
    sizes = {
        source: (fact.get("manifest") or {}).get("billed_bytes")
        for source, fact in exports.items()
        if fact.get("status") == "COMPLETED" and fact.get("method") == "export"
    }
    scans = {source: fact.get("read_units") for source, fact in exports.items() if fact.get("method") == "scan"}
    reads = {source: fact.get("read_units") for source, fact in checked.items() if "export_digest" in fact}
    exported, writes = _total(sizes), _writes(ledger)
    imported = _total({s: f["import_table"].get("bytes") for s, f in _by_service(ledger).items()})
    staging = ledger.calls("staging")
    quantities = {
        "export_gb": None if exported is None else exported / GB,
        "write_units": _total(writes),
        "import_gb": None if imported is None else imported / GB,
        "scan_units": _total(scans),
        "validation_units": _total(reads),
        "puts": staging.get("PutObject", 0),
        "gets": staging.get("GetObject", 0),
    }
    capacities = ledger.all("standing")
    paid = quantities | {
        "write_units": _total(_with_replicas(_on_demand(writes, capacities, "target"), capacities)),
        "scan_units": _total(_on_demand(scans, capacities, "source")),
        "validation_units": _total(_on_demand(reads, capacities, "target")),
    }
    return quantities | {"hours": seconds / 3600, "usd": _usd(ledger.get("estimate", "prices"), paid)}


def _by_service(ledger: Ledger) -> dict[str, Any]:
    return {source: fact for source, fact in ledger.all("import").items() if fact.get("import_table")}


def _writes(ledger: Ledger) -> dict[str, float | None]:
    """Consumed write units by source table; None for one that was written to and told none."""
    told = {table.source: table.wcu for table in sample_sums(ledger)}
    return {source: told.get(source) or None for source, table in sums_by_table(ledger).items() if table.written > 0}


def _on_demand(units: Units, capacities: Mapping[str, Any], side: str) -> dict[str, float | None]:
    """Those of tables whose use is charged; provisioned capacity is paid by the hour, used or not."""
    return {
        source: value
        for source, value in units.items()
        if ((capacities.get(source) or {}).get(side) or {"on_demand": True})["on_demand"]
    }


def _with_replicas(units: Units, capacities: Mapping[str, Any]) -> dict[str, float | None]:
    """Units of writes that are charged: those of a table once more in each of its replicas."""

    def times(source: str) -> int:
        return 1 + len(((capacities.get(source) or {}).get("target") or {}).get("replicas") or ())

    return {source: None if value is None else value * times(source) for source, value in units.items()}


def _total(units: Units) -> float | None:
    known = [value for value in units.values() if value is not None]
    return sum(known) if len(known) == len(units) else None


def _usd(prices: Mapping[str, Any] | None, used: Units) -> float | None:
    """The bill for what was measured; None if a part of it was not, or has no price."""
    if not prices:
        return None
    total = 0.0
    for name, side, price, per in (
        ("export_gb", "source", "export_gb", 1.0),
        ("write_units", "target", "million_writes", 1e-6),
        ("import_gb", "target", "import_gb", 1.0),
        ("scan_units", "source", "million_reads", 1e-6),
        ("validation_units", "target", "million_reads", 1e-6),
        ("puts", "staging", "thousand_puts", 1e-3),
        ("gets", "staging", "thousand_gets", 1e-3),
    ):
        quantity, unit = used[name], prices[side][price]
        if quantity == 0:
            continue
        if quantity is None or unit is None:
            return None
        total += quantity * unit * per
    return total
