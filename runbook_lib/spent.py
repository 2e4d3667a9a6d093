"""What a run has really used, out of its ledger, to be set against the estimate; None is what nobody measured."""

from __future__ import annotations

from typing import Any

from runbook_lib.ledger import Ledger

GB = 1 << 30


def spent(ledger: Ledger, seconds: float) -> dict[str, Any]:
    """Quantities and, where prices are known, USD: of this run's own exports, reads, writes and S3 requests."""
    exports, checked = ledger.all("export"), ledger.all("validation")
    made = [e for e in exports.values() if e.get("status") == "COMPLETED" and e.get("method") == "export"]
    sizes = [(e.get("manifest") or {}).get("billed_bytes") for e in made]
    written = ledger.rows("SELECT SUM(wcu) AS units FROM sample")[0]["units"]
    sends = ledger.calls("target").get("BatchWriteItem", 0)
    exported = _total(sizes)
    quantities = {
        "export_gb": None if exported is None else exported / GB,
        "write_units": written if written else (None if sends else 0.0),
        "scan_units": _total([e.get("read_units") for e in exports.values() if e.get("method") == "scan"]),
        "validation_units": _total([c.get("read_units") for c in checked.values() if "export_digest" in c]),
        "puts": ledger.calls("staging").get("PutObject", 0),
        "gets": ledger.calls("staging").get("GetObject", 0),
        "hours": seconds / 3600,
    }
    return quantities | {"usd": _usd(ledger, quantities)}


def _total(values: list[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return sum(known) if len(known) == len(values) else None


def _usd(ledger: Ledger, used: dict[str, float | None]) -> float | None:
    """The bill for what was measured; None if a part of it was not, or has no price.

    Provisioned capacity is paid by the hour and not by use: a fleet that has both is priced as if on demand.
    """
    prices = ledger.get("estimate", "prices")
    if not prices:
        return None
    total = 0.0
    for name, side, price, per in (
        ("export_gb", "source", "export_gb", 1.0),
        ("write_units", "target", "million_writes", 1e-6),
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
