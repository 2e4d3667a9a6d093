"""What a run has really used, out of its ledger, to be set against the estimate; None is what nobody measured."""

from __future__ import annotations

from collections.abc import Mapping

from runbook_lib.aws.dynamodb.describe.capacity import TableCapacity
from runbook_lib.plan.writing import Method
from runbook_lib.run.facts.afterwards.repair import REPAIRS
from runbook_lib.run.facts.afterwards.used_units import TARGET_USES, units_read
from runbook_lib.run.facts.estimate import PRICES_USED
from runbook_lib.run.facts.export import EXPORTS, ExportStatus
from runbook_lib.run.facts.load import IMPORTS
from runbook_lib.run.facts.plan import CAPACITIES, planned_pairs_of
from runbook_lib.run.facts.validation import VALIDATIONS
from runbook_lib.run.facts.windows import windows_of
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.tables.files import sums_by_table
from runbook_lib.run.tables.throughput import sample_sums

GB = 1 << 30
Units = Mapping[str, float | None]
Capacities = Mapping[str, TableCapacity | None]


def actual_usage(ledger: Ledger, seconds: float) -> dict[str, float | None]:
    """Quantities and, where prices are known, USD: of this run's own exports, reads, writes and S3 requests."""
    exports, checked = EXPORTS.all(ledger), VALIDATIONS.all(ledger)
    sizes = {
        source: fact.manifest.billed_bytes if fact.manifest is not None else None
        for source, fact in exports.items()
        if fact.status == ExportStatus.COMPLETED and fact.method == Method.EXPORT
    }
    scans = {source: fact.read_units for source, fact in exports.items() if fact.method == Method.SCAN}
    validated = {source: fact.read_units for source, fact in checked.items() if fact.export_digest is not None}
    reads = validated | {source: use.read for source, use in TARGET_USES.all(ledger).items()}
    all_reads = _reads_of_targets(ledger, reads)
    services = {source: f.import_table for source, f in IMPORTS.all(ledger).items() if f.import_table is not None}
    exported, writes = _total(sizes), _writes(ledger)
    bulk = {source: f.bulk_put for source, f in IMPORTS.all(ledger).items() if f.bulk_put is not None}
    put = _total({source: fact.bytes_billed for source, fact in bulk.items()})
    imported = _total({source: service.bytes for source, service in services.items()})
    staging = ledger.calls("staging")
    quantities: dict[str, float | None] = {
        "export_gb": None if exported is None else exported / GB,
        "write_units": _total(writes),
        "import_gb": None if imported is None else imported / GB,
        "bulk_put_gb": None if put is None else put / GB,
        "scan_units": _total(scans),
        "validation_units": _total(reads),
        "target_read_units": _total(all_reads),
        "puts": staging.get("PutObject", 0),
        "gets": staging.get("GetObject", 0),
    }
    capacities = CAPACITIES.all(ledger)
    sources = {source: both.source for source, both in capacities.items()}
    targets = {source: both.to_fill for source, both in capacities.items()}
    paid = quantities | {
        "write_units": _total(_with_replicas(_on_demand(writes, targets), targets)),
        "scan_units": _total(_on_demand(scans, sources)),
        "target_read_units": _total(_on_demand(all_reads, targets)),
    }
    return quantities | {"hours": seconds / 3600, "usd": _usd(PRICES_USED.of(ledger), paid)}


def _writes(ledger: Ledger) -> dict[str, float | None]:
    """Consumed write units by source table, also where no item came of it; None where items came and no units.

    They are those of the import, and of the windows and repairs of all starts.
    """
    loaded = {table.source: table.wcu for table in sample_sums(ledger) if table.wcu}
    since = {source: use.written for source, use in TARGET_USES.all(ledger).items() if use.written}
    units = {source: loaded.get(source, 0.0) + since.get(source, 0.0) for source in loaded | since}
    filled = {source for source, table in sums_by_table(ledger).items() if table.written > 0}
    changed = {fact.source for fact in windows_of(ledger) if fact.acknowledged}
    changed |= {source for source, made in REPAIRS.all(ledger).items() if any(fact.counts.written for fact in made)}
    return {**units, **dict.fromkeys((filled - loaded.keys()) | (changed - since.keys()))}


def _reads_of_targets(ledger: Ledger, compared: Units) -> dict[str, float | None]:
    """Read units by source table of whatever read its target; None where it was read before all of them were counted.

    `compared` are those of comparisons, which are not all.
    """
    counted = units_read(ledger)
    if counted is None:
        return dict.fromkeys(compared.keys() | IMPORTS.all(ledger).keys())
    sources = {pair.target: pair.source for pair in planned_pairs_of(ledger)}
    return {sources.get(target, target): units for target, units in counted.items()}


def _on_demand(units: Units, capacities: Capacities) -> dict[str, float | None]:
    """Those of tables whose use is charged; provisioned capacity is paid by the hour, used or not."""

    def is_charged(source: str) -> bool:
        known = capacities.get(source)
        return known is None or known.on_demand

    return {source: value for source, value in units.items() if is_charged(source)}


def _with_replicas(units: Units, capacities: Capacities) -> dict[str, float | None]:
    """Units of writes that are charged: those of a table once more in each of its replicas."""

    def times(source: str) -> int:
        known = capacities.get(source)
        return 1 + (len(known.replicas) if known is not None else 0)

    return {source: None if value is None else value * times(source) for source, value in units.items()}


def _total(units: Units) -> float | None:
    known = [value for value in units.values() if value is not None]
    return sum(known) if len(known) == len(units) else None


def _usd(prices: Mapping[str, Mapping[str, float | None]] | None, used: Units) -> float | None:
    """The bill for what was measured; None if a part of it was not, or has no price."""
    if not prices:
        return None
    total = 0.0
    for name, side, price, per in (
        ("export_gb", "source", "export_gb", 1.0),
        ("write_units", "target", "million_writes", 1e-6),
        ("import_gb", "target", "import_gb", 1.0),
        ("bulk_put_gb", "target", "bulk_put_gb", 1.0),
        ("scan_units", "source", "million_reads", 1e-6),
        ("target_read_units", "target", "million_reads", 1e-6),
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
