"""What a migration will cost and how long it will take, as ranges, before anything is spent.

Pure: works on what DescribeTable remembers (a hint, up to six hours old), then on the manifests, then on what a
dry run measured; the better it is known, the narrower the range. What a target holds already is always such a hint.
What is not known is None, and so is every sum with it. Write units: "DynamoDB read and write operations", Developer
Guide.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from runbook_lib.aws.dynamodb.describe.capacity import TableCapacity
from runbook_lib.config.model import Migration
from runbook_lib.cost.durations import (
    by_machine,
    divided,
    imports_together,
    machine_for,
    read_rates,
    total_of,
    validations_together,
    write_rates,
)
from runbook_lib.cost.prices import prices_of, sources_of
from runbook_lib.cost.table_size import TableSize
from runbook_lib.cost.target_reads import TargetReads, held_beside, pass_units, reads_of_target, says_nothing
from runbook_lib.plan.writing import Writing
from runbook_lib.run.facts.estimate import Basis, CostLine, Estimate, Range, TableEstimate
from runbook_lib.run.facts.plan import TableCapacities

GB = 1 << 30
WRITE_BYTES = 1024  # of one write unit
EXPORT_SECONDS = (300.0, 1_800.0)  # an export takes AWS minutes, however small it is; measured by others
SERVICE_SECONDS = (200.0, 600.0)
SMALL_FILES = 6  # manifests, their digests, a marker and one data file
# The two ways of writing; a put that finds something there costs as much as one that does not.
WRITTEN, APPENDED = "Writes of items", "Conditional puts of items, one in a request"
REPEATED = "Writes repeated in replicas"
NOT_KNOWN = TableCapacities(None, None)


def estimate(config: Migration, loads: Sequence[TableSize], capacities: Mapping[str, TableCapacities]) -> Estimate:
    """The estimate for all loads; those of skipped tables must not be among them."""
    stands = [capacities.get(load.source, NOT_KNOWN).to_fill for load in loads]
    reads = [
        reads_of_target(config, load, read_rates(stand, config.validate_.max_rcu))
        for load, stand in zip(loads, stands, strict=True)
    ]
    works = [_work(config, *each) for each in zip(loads, stands, reads, strict=True)]
    by_source = {load.source: load for load in loads}
    written = [w for w in works if by_source[w.source].writing == "batch_write"]
    writes = APPENDED if config.import_.on_non_empty in ("append", "sync") else WRITTEN
    parts = [
        _export(config, loads),
        _scans(config, loads, capacities),
        _transfer(config, loads),
        *_requests(config, loads),
        _writes(config, writes, [(w, w.write_units) for w in written], capacities),
        _writes(config, "Writes of indexes", [(w, w.index_units) for w in written], capacities),
        _imports(config, loads),
        *_bulk_puts(config, loads, works),
        _reads(config, [w for w in works if by_source[w.source].method != "skip"], capacities),
        *_repeated(config, written, capacities),
    ]
    to = prices_of(config.target.region, config.prices)
    gigabytes = total_of([_gigabytes(load) for load in loads])
    ranks = list(Basis)
    return Estimate(
        basis=max((load.basis for load in loads), key=ranks.index, default=Basis.UNKNOWN),
        parts=tuple(parts),
        usd=total_of([part.usd for part in parts]),
        hours=_hours(config, loads, works, capacities, reads),
        import_table_usd=_priced(gigabytes, to.import_gb),
        storage_usd_month=_priced(gigabytes, prices_of(config.staging.region, config.prices).storage_gb_month),
        tables=tuple(works),
        prices=sources_of({config.source.region, config.target.region, config.staging.region}, config.prices),
    )


def write_units(items: int | None, size: int | None) -> Range | None:
    """Write units of items of this size together: each item is rounded up to a whole unit by itself."""
    if items is None or size is None or (items > 0 and size == 0):
        return None
    return Range(max(items, math.ceil(size / WRITE_BYTES)), items + size // WRITE_BYTES) if items else Range(0, 0)


def index_units(load: TableSize) -> Range | None:
    """What the indexes add: nothing for items without their keys, and at most what each projection can hold."""
    if load.measured_index_units is not None:
        return Range(load.measured_index_units, load.measured_index_units)
    whole = write_units(load.items, load.bytes)
    if not load.indexes:
        return Range(0, 0)
    if whole is None or load.items is None:
        return None
    most = sum(load.items if index.projection == "KEYS_ONLY" else whole.high for index in load.indexes)
    return Range(0, most)


def _work(config: Migration, load: TableSize, target: TableCapacity | None, reads: TargetReads | None) -> TableEstimate:
    units = write_units(load.items, load.bytes)
    if load.measured_units is not None:
        units = Range(load.measured_units, load.measured_units)
    indexes, held = index_units(load), held_beside(config, load)
    own = by_machine(_import_seconds(config, units, indexes, load, target), load.items, machine_for(config.import_))
    own = own if load.writing == "batch_write" else _service_seconds(load)
    return TableEstimate(
        load.source, load.target, load.basis, load.items, load.bytes, units, indexes, _read_units(load),
        import_seconds=own + reads.before_seconds if own is not None and reads is not None else None,
        validate_seconds=reads.comparison_seconds if reads is not None else None,
        held_items=held.items,
        held_bytes=held.bytes,
        target_read_units=reads.units if reads is not None else None,
    )  # fmt: skip


def _import_seconds(
    config: Migration, units: Range | None, indexes: Range | None, load: TableSize, standing: TableCapacity | None
) -> Range | None:
    """The slowest of the table and its global indexes; on demand they take as much as a table, up to their limits."""
    seconds = divided(units, write_rates(standing, config.import_.max_wcu))
    if seconds is None or indexes is None or standing is None:
        return seconds
    each = indexes.high / max(1, len(load.indexes))
    limits = standing.index_limits if standing.on_demand else standing.index_units
    slowest = [each / max(1, units) for units in limits.values()]
    return Range(seconds.low, max([seconds.high, *slowest]))


def _service_seconds(load: TableSize) -> Range | None:
    """ImportTable takes minutes for a small table and up to two hours for 10 GB; measured by others."""
    size = _gigabytes(load)
    return size and Range(SERVICE_SECONDS[0], SERVICE_SECONDS[1] + 720.0 * size.high)


def _read_units(load: TableSize) -> Range | None:
    return None if load.bytes is None or says_nothing(load.items, load.bytes) else pass_units(load.bytes, load.bytes)


def _gigabytes(load: TableSize, billed: int | None = None) -> Range | None:
    size = load.bytes if billed is None else billed
    return None if size is None or (load.items and size == 0) else Range(size / GB, size / GB)


def _export(config: Migration, loads: Sequence[TableSize]) -> CostLine:
    size = total_of([_gigabytes(load, load.billed) for load in loads if load.method == "export"])
    return CostLine("Export to S3", size, "GB", _priced(size, prices_of(config.source.region, config.prices).export_gb))


def _scans(config: Migration, loads: Sequence[TableSize], capacities: Mapping[str, TableCapacities]) -> CostLine:
    """Tables that are scanned; what is read from provisioned capacity is paid for already."""
    scanned = [load for load in loads if load.method == "scan"]
    paid = [_scan_units(config, load) for load in scanned if _on_demand(capacities.get(load.source, NOT_KNOWN).source)]
    price = prices_of(config.source.region, config.prices).million_reads
    return CostLine("Scans of the source", total_of([_scan_units(config, load) for load in scanned]), "read units",
                _priced(total_of(paid), price, 1e-6))  # fmt: skip


def _scan_units(config: Migration, load: TableSize) -> Range | None:
    """A scan reads the table, its second witness counts it at the same cost, and each request costs a unit at least."""
    if load.scanned_units is not None:  # it was read: no other size of its items changes what that took
        return Range(load.scanned_units, load.scanned_units)
    # By segment, by those of the count, one more, and by what follows each segment's last item.
    once = _read_units(load)
    return once and once.times(2) + Range(0, 3 * config.export.scan_segments + 1)


def _transfer(config: Migration, loads: Sequence[TableSize]) -> CostLine:
    """An export into another region; what this machine fetches and sends depends on where it stands."""
    crosses = config.source.region != config.staging.region
    size = total_of([_gigabytes(load, load.billed) for load in loads if crosses and load.method == "export"])
    usd = _priced(size, prices_of(config.source.region, config.prices).transfer_gb)
    return CostLine("Transfer of the export between regions", size, "GB", usd and Range(0.0, usd.high))


def _requests(config: Migration, loads: Sequence[TableSize]) -> tuple[CostLine, CostLine]:
    prices = prices_of(config.staging.region, config.prices)
    files = total_of([_files(load) for load in loads])
    own = total_of([_files(load) for load in loads if load.method != "reuse"])
    gets = files and Range(2 * files.low, 3 * files.high)  # by the import, and once or twice by the validation
    if config.transform is not None:  # another export, made of each file; its keys and its raw values are read again
        own = own and files and Range(own.low + files.low, own.high + files.high)
        again = 3 if config.transform.mask is not None else 1
        gets = gets and files and Range(gets.low + files.low, gets.high + again * files.high)
    return (
        CostLine("S3 PUT requests", own, "requests", _priced(own, prices.thousand_puts, 1e-3)),
        CostLine("S3 GET requests", gets, "requests", _priced(gets, prices.thousand_gets, 1e-3)),
    )


def _files(load: TableSize) -> Range | None:
    """Objects of an export: at least one data file for each partition of 10 GB, at most some more."""
    if load.files is not None:
        return Range(load.files + SMALL_FILES - 1, load.files + SMALL_FILES - 1)
    size = _gigabytes(load)
    return size and Range(SMALL_FILES, SMALL_FILES + 8 * (1 + size.high / 10))


def _writes(
    config: Migration,
    name: str,
    units: Sequence[tuple[TableEstimate, Range | None]],
    capacities: Mapping[str, TableCapacities],
) -> CostLine:
    """Writes to the target; what is written with provisioned capacity is paid for already."""
    paid = [u for work, u in units if _on_demand(capacities.get(work.source, NOT_KNOWN).to_fill)]
    price = prices_of(config.target.region, config.prices).million_writes
    return CostLine(name, total_of([u for _, u in units]), "write units", _priced(total_of(paid), price, 1e-6))


def _repeated(
    config: Migration, works: Sequence[TableEstimate], capacities: Mapping[str, TableCapacities]
) -> list[CostLine]:
    """What replicas of the targets write again, nothing where there are none; a replica is billed as its table is."""
    copies: list[tuple[TableEstimate, Range | None]] = []
    for work in works:
        stand = capacities.get(work.source, NOT_KNOWN).to_fill
        units = total_of([work.write_units, work.index_units])
        copies += [(work, units)] * (len(stand.replicas) if stand else 0)
    return [_writes(config, REPEATED, copies, capacities)] if copies else []


def _imports(config: Migration, loads: Sequence[TableSize]) -> CostLine:
    """What ImportTable reads, uncompressed; it uses no write units, neither of tables nor of indexes."""
    size = total_of([_gigabytes(load) for load in loads if load.writing == "import_table"])
    return CostLine("ImportTable", size, "GB", _priced(size, prices_of(config.target.region, config.prices).import_gb))


def bulk_put_bytes(work: TableEstimate) -> Range:
    """What a bulk put is billed by: the bytes of the table, and those of its indexes, as far as units tell them."""
    size, units, index = work.bytes or 0, work.write_units, work.index_units
    share = index.high / units.low if index is not None and units is not None and units.low else 0.0
    return Range(size, size * (1 + share))


def _bulk_puts(config: Migration, loads: Sequence[TableSize], works: Sequence[TableEstimate]) -> list[CostLine]:
    """What bulk puts write, by bytes of tables and indexes; no line where there is none."""
    ways = {load.source: load.writing for load in loads}
    own = [work for work in works if ways[work.source] == Writing.BULK_PUT]
    if not own:
        return []
    unknown = any(work.bytes is None or (work.items and not work.bytes) for work in own)
    size = None if unknown else total_of([bulk_put_bytes(work).times(1 / GB) for work in own])
    price = prices_of(config.target.region, config.prices).bulk_put_gb
    return [CostLine("Bulk put", size, "GB", _priced(size, price))]


def _reads(config: Migration, works: Sequence[TableEstimate], capacities: Mapping[str, TableCapacities]) -> CostLine:
    """Whatever reads items of the targets: what they hold already, the comparison, the leak scan."""
    units = [(w, w.target_read_units) for w in works]
    paid = [own for w, own in units if _on_demand(capacities.get(w.source, NOT_KNOWN).to_fill)]
    price = prices_of(config.target.region, config.prices).million_reads
    return CostLine(
        "Reads of the target", total_of([own for _, own in units]), "read units", _priced(total_of(paid), price, 1e-6)
    )


def _on_demand(stand: TableCapacity | None) -> bool:
    """Whether a table's use is charged; one that is not known to be provisioned is taken to be on demand."""
    return stand is None or stand.on_demand


def _hours(
    config: Migration, loads: Sequence[TableSize], works: Sequence[TableEstimate],
    capacities: Mapping[str, TableCapacities], reads: Sequence[TargetReads | None],
) -> Range | None:  # fmt: skip
    """Exports run side by side, and so do imports and validations, as many as may; scans follow each other."""
    items = sum(load.items or 0 for load in loads)
    spans = [
        imports_together(config, items, [work.import_seconds for work in works]),
        validations_together(
            config, items + sum(work.held_items or 0 for work in works), [work.validate_seconds for work in works]
        ),
    ]
    for load, own in zip(loads, reads, strict=True):
        stand = capacities.get(load.source, NOT_KNOWN).to_fill
        spans.append(divided(own.leak_scan if own is not None else None, read_rates(stand, config.validate_.max_rcu)))
    if any(load.method == "export" and load.basis in (Basis.HINT, Basis.UNKNOWN) for load in loads):
        spans.append(Range(*EXPORT_SECONDS))
    for load in loads:
        if load.method == "scan" and load.basis in (Basis.HINT, Basis.UNKNOWN):
            stand = capacities.get(load.source, NOT_KNOWN).source
            spans.append(divided(_scan_units(config, load), read_rates(stand, config.export.scan_max_rcu)))
    whole = total_of(spans)
    return whole and whole.times(1 / 3600)


def _priced(quantity: Range | None, price: float | None, per: float = 1.0) -> Range | None:
    if quantity is not None and quantity.high == 0:
        return Range(0.0, 0.0)
    return None if quantity is None or price is None else quantity.times(price * per)
