"""Cost and time before the spend, what a dry run measures, and what is set against it afterwards."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook_lib.aws.dynamodb.describe.capacity import TableCapacity
from runbook_lib.aws.dynamodb.describe.tables import Index
from runbook_lib.config.model import Migration
from runbook_lib.config.money import Prices
from runbook_lib.cost.actual import actual_usage
from runbook_lib.cost.durations import NEW_WRITES, TABLE_MOST, imports_together, read_rates, write_rates
from runbook_lib.cost.estimate import GB, estimate, write_units
from runbook_lib.cost.measure import Measure
from runbook_lib.cost.table_size import TableSize
from runbook_lib.cost.warmup_advice import advise
from runbook_lib.errors import GateFailed
from runbook_lib.items.keys import KeyAttribute
from runbook_lib.items.size import item_size, value_size
from runbook_lib.notebook.gates import gate_import, gate_writes
from runbook_lib.plan.writing import Method
from runbook_lib.preflight.step import preflight
from runbook_lib.record.build import build_record
from runbook_lib.report.sections.cost_rows import advice, cost_rows, dry_run_summary
from runbook_lib.run.facts.codec import to_json
from runbook_lib.run.facts.estimate import ESTIMATES, PRICES_USED, Basis, Estimate, Range
from runbook_lib.run.facts.export import EXPORTS, ExportFact, ExportStatus
from runbook_lib.run.facts.plan import CAPACITIES, PAIRS, TableCapacities
from runbook_lib.run.ledger import Ledger
from runbook_lib.sandbox import demo_config
from tests.support import records
from tests.support.facts import capacity, prove_table
from tests.support.recorded import export_tables, import_tables, validate_tables
from tests.support.world import World, things

ON_DEMAND = TableCapacity(True, None, None, None, None, None, None, {}, None, (), False)
PROVISIONED = replace(ON_DEMAND, on_demand=False, read_units=100, write_units=50)
GSI = Index("by-n", "GSI", (KeyAttribute("n", "N", "HASH"),), "ALL")


def config(**changes: Any) -> Migration:
    return Migration.model_validate(demo_config("https://aws", **changes))


def load(items: int | None = 1_000_000, size: int | None = GB, **more: Any) -> TableSize:
    return TableSize(
        "a", "b", more.pop("method", "export"), more.pop("basis", Basis.HINT), items, size, None, (), **more
    )


def made(one: TableSize, standing: TableCapacity = ON_DEMAND, **changes: Any) -> Estimate:
    return estimate(config(**changes), [one], {"a": TableCapacities(standing, standing)})


def part(known: Estimate, name: str) -> Any:
    return next(p for p in known.parts if p.name == name)


@given(st.lists(st.integers(1, 400_000), max_size=30))
def test_the_range_of_write_units_holds_the_true_number(sizes: list[int]) -> None:
    units = write_units(len(sizes), sum(sizes))
    assert units is not None
    assert units.low <= sum(-(-size // 1024) for size in sizes) <= units.high


def test_a_gigabyte_of_a_million_items_by_the_list_prices() -> None:
    known = made(load())
    assert part(known, "Export to S3").usd == Range(0.10, 0.10)
    assert part(known, "Writes of items").quantity == Range(1_048_576, 2_048_576)
    assert part(known, "Writes of items").usd.low == pytest.approx(0.655, abs=0.001)
    assert known.import_table_usd == Range(0.15, 0.15)
    assert known.usd is not None
    assert 0.78 < known.usd.low < known.usd.high < 1.6
    assert "2025-01" in known.prices


def test_indexes_are_part_of_the_bill() -> None:
    without, with_one = made(load()), made(replace(load(), indexes=(GSI,)))
    assert part(without, "Writes of indexes").quantity == Range(0, 0)
    assert part(with_one, "Writes of indexes").quantity == Range(0, 2_048_576)
    keys = made(replace(load(), indexes=(replace(GSI, projection="KEYS_ONLY"),)))
    assert part(keys, "Writes of indexes").quantity == Range(0, 1_000_000)


def test_replicas_are_part_of_the_bill() -> None:
    one, three = made(load()), made(load(), replace(ON_DEMAND, replicas=("eu-west-1", "us-west-2")))
    assert part(three, "Writes repeated in replicas").quantity == Range(2 * 1_048_576, 2 * 2_048_576)
    assert one.usd is not None
    assert three.usd is not None
    assert three.usd.low - one.usd.low == pytest.approx(2 * 1.048576 * 0.625)
    rows = cost_rows(records.figures({"estimates": {"preflight": to_json(three), "export": to_json(one)}}))
    assert next(row.estimates for row in rows if "repeated" in row.name)[1] == ""


def test_a_limit_of_an_index_sets_the_pace_of_an_on_demand_table() -> None:
    one = replace(load(), indexes=(GSI,))
    slow = made(one, replace(ON_DEMAND, index_limits={"by-n": 100})).tables[0].import_seconds
    assert slow is not None
    assert slow.high >= 2_048_576 / 100
    assert slow.low == made(one).tables[0].import_seconds.low  # type: ignore[union-attr]


def test_what_is_not_known_is_never_a_number() -> None:
    for unknown in (load(size=None), load(items=None), load(size=0)):
        known = made(unknown)
        assert known.usd is None
        assert known.hours is None
        assert part(known, "Writes of items").usd is None
    assert made(load(0, 0)).usd is not None  # an empty table is known to cost nothing
    assert part(made(load(0, 0)), "Writes of items").quantity == Range(0, 0)


def test_a_region_without_a_price_has_no_cost_unless_the_file_gives_one() -> None:
    somewhere = {"target": {"region": "eu-central-1"}}
    known = made(load(), **somewhere)
    assert known.usd is None
    assert known.hours is not None
    assert "no list price is built in for eu-central-1" in known.prices
    own = made(load(), **somewhere, prices={"million_writes": 1.0, "million_reads": 1.0})
    assert own.usd is not None
    assert part(own, "Writes of items").usd.low == pytest.approx(1.048576)
    assert "from the migration file: million_reads, million_writes" in own.prices


def test_provisioned_capacity_is_paid_already_and_sets_the_pace() -> None:
    known = made(load(), PROVISIONED)
    assert part(known, "Writes of items").usd == Range(0, 0)
    assert known.tables[0].import_seconds is not None
    assert known.tables[0].import_seconds.low >= 1_048_576 / 50
    slow_index = made(replace(load(), indexes=(GSI,)), replace(PROVISIONED, index_units={"by-n": 1}))
    assert slow_index.tables[0].import_seconds is not None
    assert slow_index.tables[0].import_seconds.high >= 2_048_576


def test_rates_follow_what_the_table_takes() -> None:
    assert write_rates(None) == write_rates(ON_DEMAND) == Range(NEW_WRITES, TABLE_MOST)
    assert write_rates(replace(ON_DEMAND, warm_write_units=12_000)) == Range(12_000, TABLE_MOST)
    assert write_rates(replace(ON_DEMAND, max_write_units=1_000)) == Range(1_000, 1_000)
    assert write_rates(PROVISIONED) == Range(50, 50)
    assert write_rates(ON_DEMAND, 500.0) == Range(500.0, 500.0)
    assert read_rates(PROVISIONED, 20.0) == Range(20.0, 20.0)
    assert read_rates(ON_DEMAND, None).low == 12_000


def test_tables_that_are_loaded_one_after_the_other_take_longer_together() -> None:
    each = [Range(100.0, 100.0)] * 4
    at_once = imports_together(config(**{"import": {"tables_at_once": 4}}), 4, each)
    assert at_once is not None
    assert at_once.low == 100.0
    for alone in ({"engine": {"kind": "dask"}}, {"import": {"on_non_empty": "sync"}}):
        settings = config(**({"import": {}} | alone))
        assert imports_together(settings, 4, each) == Range(400.0, 400.0), alone


def test_an_export_that_is_made_takes_no_more_time_and_a_scan_uses_reads() -> None:
    before, after = made(load()), made(load(basis=Basis.MANIFEST))
    assert before.hours is not None
    assert after.hours is not None
    assert before.hours.low > after.hours.low + 0.05
    scanned = made(load(method="scan"))
    assert part(scanned, "Scans of the source").quantity.low == 2 * GB / 4096  # read, and counted
    assert part(scanned, "Export to S3").quantity == Range(0, 0)
    assert part(made(load(method="scan"), PROVISIONED), "Scans of the source").usd == Range(0, 0)


def test_warming_up_is_advised_where_it_shortens_the_import() -> None:
    capacities = {"a": TableCapacities(None, ON_DEMAND)}
    big = load(30_000_000, 30 * GB)
    (advised,) = advise(config(), estimate(config(), [big], capacities), capacities)
    assert (advised.units_now, advised.units, advised.usd) == (4_000, TABLE_MOST, None)
    assert advised.seconds < advised.seconds_now / 5
    priced = config(prices={"warm_write_unit": 0.01})
    assert advise(priced, estimate(priced, [big], capacities), capacities)[0].usd == 360.0
    assert advise(config(), estimate(config(), [load(100, 1000)], capacities), capacities) == ()
    fixed = {"a": TableCapacities(None, PROVISIONED)}
    assert advise(config(), estimate(config(), [big], fixed), fixed) == ()
    facts = to_json(replace(estimate(config(), [big], capacities), advice=(advised,)))
    (said,) = advice(records.figures({"estimates": {"preflight": facts}}))
    assert "price not known" in said
    assert "cannot be lowered again" in said


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({"S": "ab"}, 2), ({"S": "\u00e9"}, 2), ({"N": "0"}, 1), ({"N": "12"}, 2), ({"N": "-123"}, 4),
        ({"N": "1200"}, 2),
        ({"B": base64.b64encode(b"abcd").decode()}, 4), ({"B": ""}, 0), ({"BOOL": True}, 1), ({"NULL": True}, 1),
        ({"SS": ["a", "bc"]}, 3), ({"NS": ["1", "22"]}, 4), ({"BS": [base64.b64encode(b"x").decode()]}, 1),
        ({"L": []}, 3), ({"L": [{"S": "a"}]}, 5), ({"M": {}}, 3), ({"M": {"k": {"S": "a"}}}, 6),
    ],
)  # fmt: skip
def test_item_sizes_are_those_of_dynamodb(value: dict[str, Any], size: int) -> None:
    assert value_size(value) == size
    assert item_size({"name": value}) == size + 4


@pytest.mark.parametrize("value", ['"text"', "{}", '{"S":1}', '{"S":"a","N":"1"}', '{"M":"a"}', '{"SS":[1]}'])
def test_a_line_with_what_dynamodb_does_not_have_is_left_out_of_the_measure(value: str) -> None:
    measure = Measure()
    measure.add([(1, b'{"Item":{"id":{"S":"a"}}}'), (2, f'{{"Item":{{"id":{value}}}}}'.encode())])
    assert (measure.items, measure.size) == (1, 3)


def test_an_item_without_the_keys_of_an_index_is_not_in_it() -> None:
    keys_only = replace(GSI, name="k", projection="KEYS_ONLY")
    measure = Measure((GSI, keys_only))
    big = b'{"Item":{"id":{"S":"%s"},"n":{"N":"1"}}}' % (b"x" * 3000)
    measure.add([(1, big), (2, b'{"Item":{"id":{"S":"x"}}}'), (3, b"not an item")])
    assert (measure.requests, measure.items, measure.units, measure.index_units) == (1, 2, 4, 3 + 1)


def by_n(*others: str) -> dict[str, Any]:
    return {
        "AttributeDefinitions": [
            {"AttributeName": "id", "AttributeType": "S"}, {"AttributeName": "n", "AttributeType": "N"},
        ],
        "GlobalSecondaryIndexes": [
            {"IndexName": "by-n", "KeySchema": [{"AttributeName": "n", "KeyType": "HASH"}],
             "Projection": {"ProjectionType": "ALL"}},
        ],
    }  # fmt: skip


@pytest.mark.whole
def test_a_dry_run_measures_what_the_import_then_uses(world: World) -> None:
    """The same run without and with execute: measured units are the consumed ones, and both are in the report."""
    world.pair("a", things(60, blob={"S": "x" * 2500}), **by_n())
    world.pair("b", things(7), pitr=False)
    dry = world.open(execute=False)
    preflight(dry)
    export_tables(dry)
    assert gate_writes(dry).startswith("DRY RUN")
    import_tables(dry)
    gate_import(dry)
    record = build_record(dry.ledger, dry.id, "test").to_json()
    measured = record["measured"]
    assert {s: (m["items"], m["units"]) for s, m in measured.items()} == {
        world.src("a"): (60, 180),
        world.src("b"): (7, 7),
    }
    requests = sum(m["requests"] for m in measured.values())
    assert record["measured"][world.src("a")]["index_units"] == 180
    assert list(record["estimates"]) == ["dry run", "export", "preflight"]
    assert record["estimates"]["dry run"]["basis"] == "measured"
    said = "\n".join(dry_run_summary(records.figures(record)))
    assert f"67 items of 2 tables would be written in {requests} requests, using 187 write units" in said
    assert "USD" in said
    assert "BatchWriteItem" not in record["target_calls"]
    assert record["spent"]["write_units"] == 0

    run = world.open(execute=True)
    preflight(run)
    gate_writes(run)
    import_tables(run)
    validate_tables(run)
    record = build_record(run.ledger, run.id, "test").to_json()
    assert record["target_calls"]["BatchWriteItem"] == requests
    assert record["spent"]["write_units"] == 187 + 180
    assert record["spent"]["validation_units"] > 0
    assert record["spent"]["scan_units"] > 0
    assert record["spent"]["export_gb"] > 0
    assert record["spent"]["usd"] > 0
    rows = {row.name: row for row in cost_rows(records.figures(record))}
    assert rows["Writes of items"].used == "367 write units"
    assert rows["Cost"].used == "less than 0.01 USD"
    assert len(rows["Cost"].estimates) == 3
    _, after, measured = rows["Export to S3"].estimates  # what an export was billed is known from its manifest
    assert after.split(" GB")[0] == measured.split(" GB")[0] == rows["Export to S3"].used.split(" GB")[0]
    assert dry_run_summary(records.figures(record)) == []


@pytest.mark.parametrize("segments", [1, 4, 7])
@pytest.mark.few(2)
def test_a_scan_of_small_tables_takes_no_more_than_was_estimated(world: World, segments: int) -> None:
    """Each request costs a unit at least, however little is in its segment: the estimate knows that."""
    for name, items in (("none", []), ("few", things(3)), ("some", things(60, blob={"S": "x" * 900}))):
        world.pair(name, items, pitr=False)
    run = world.open(execute=False, export={"scan_segments": segments})
    preflight(run)
    export_tables(run)
    gate_writes(run)
    line = next(p for p in ESTIMATES.all(run.ledger)["preflight"].parts if p.name == "Scans of the source")
    used = actual_usage(run.ledger, 1.0)["scan_units"]
    assert line.quantity is not None
    assert used is not None
    assert line.quantity.low <= used <= line.quantity.high


def test_the_estimate_after_the_export_stays_as_it_was_before_anything_was_measured(world: World) -> None:
    """A second start, which knows what a dry run has measured, made the earlier estimate look exact."""
    world.pair("a", things(40))
    run = world.open(execute=False)
    preflight(run)
    export_tables(run)
    gate_writes(run)
    first = ESTIMATES.all(run.ledger)["export"]
    assert {work.basis for work in first.tables} == {Basis.MANIFEST}
    import_tables(run)
    gate_import(run)
    gate_writes(run)
    known = ESTIMATES.all(run.ledger)
    assert known["export"] == first
    assert {work.basis for work in known["dry run"].tables} == {Basis.MEASURED}


def test_what_a_scan_has_read_stays_what_it_was_once_its_items_are_measured(world: World) -> None:
    """The line of the source's scans went back to another figure after a dry run."""
    world.pair("a", things(40, blob={"S": "x" * 2500}), pitr=False)
    run = world.open(execute=False)
    preflight(run)
    export_tables(run)
    gate_writes(run)
    import_tables(run)
    gate_import(run)
    known, used = ESTIMATES.all(run.ledger), actual_usage(run.ledger, 1.0)["scan_units"]
    assert used is not None
    for stage in ("export", "dry run"):
        assert part(known[stage], "Scans of the source").quantity == Range(used, used), stage


@pytest.mark.chaos
@pytest.mark.parametrize("mode", ["on demand", "provisioned"])
def test_a_target_that_will_be_created_is_estimated_as_one_that_is_there(world: World, mode: str) -> None:
    """Two sources of one definition, one of them without a target: before and after the export, and measured."""
    units = {"ReadCapacityUnits": 7, "WriteCapacityUnits": 3}
    definition = by_n()
    if mode == "provisioned":
        definition |= {"BillingMode": "PROVISIONED", "ProvisionedThroughput": units}
        definition["GlobalSecondaryIndexes"][0] |= {"ProvisionedThroughput": units | {"WriteCapacityUnits": 2}}
    for name in ("there", "missing"):
        world.pair(name, things(40), **definition)
    world.target.delete_table(TableName=world.dst("missing"))
    run = world.open(execute=False, tables={"create_missing": True})
    preflight(run)
    export_tables(run)
    gate_writes(run)
    import_tables(run)
    gate_import(run)
    known = ESTIMATES.all(run.ledger)
    assert set(known) == {"preflight", "export", "dry run"}
    for stage, bill in known.items():
        there, missing = sorted(bill.tables, key=lambda work: work.source, reverse=True)
        assert (there.target, missing.target) == (world.dst("there"), world.dst("missing"))
        assert replace(missing, source=there.source, target=there.target) == there, stage
        if stage != "preflight":
            assert there.index_units is not None
            assert there.index_units.high > 0
    high = {work.source: work.index_units.high for work in known["dry run"].tables if work.index_units}
    assert set(high.values()) == {40}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(tmp_path / "ledger.sqlite")
    yield made
    made.close()


def test_what_was_used_of_provisioned_capacity_is_not_billed_again(ledger: Ledger) -> None:
    prices = {side: dict.fromkeys(Prices.model_fields, 1.0) for side in ("source", "target", "staging")}
    PRICES_USED.record(ledger, prices)
    for source, on_demand in (("a", True), ("b", False)):
        CAPACITIES.record(ledger, source, TableCapacities(None, capacity(on_demand=on_demand)))
        ledger.write(
            "INSERT INTO file (source, key, ordinal, md5, items, written) VALUES (?, 'k', 0, '', 1, 1)", [(source,)]
        )
        ledger.write("INSERT INTO sample (source, at, wcu) VALUES (?, 0, 1000000)", [(source,)])
    used = actual_usage(ledger, 7200.0)
    assert (used["write_units"], used["usd"], used["hours"]) == (2_000_000, 1.0, 2.0)


def test_what_nobody_measured_makes_the_cost_unknown(ledger: Ledger) -> None:
    assert actual_usage(ledger, 1.0)["usd"] is None  # no price was kept
    prices = {side: dict.fromkeys(Prices.model_fields, 1.0) for side in ("source", "target", "staging")}
    PRICES_USED.record(ledger, prices)
    assert actual_usage(ledger, 1.0)["usd"] == 0.0
    ledger.write("INSERT INTO file (source, key, ordinal, md5, items, written) VALUES ('a', 'k', 0, '', 1, 1)", [()])
    used = actual_usage(ledger, 1.0)
    assert (used["write_units"], used["usd"]) == (None, None)
    without = {side: values | {"million_reads": None} for side, values in prices.items()}
    ledger.write("DELETE FROM file", [()])
    PRICES_USED.record(ledger, without)
    prove_table(ledger, "a", export_digest="x", read_units=5.0)
    assert actual_usage(ledger, 1.0)["usd"] is None
    prove_table(ledger, "a", export_digest="x")
    assert actual_usage(ledger, 1.0)["validation_units"] is None


def test_the_gate_before_writing_keeps_to_the_limits_by_the_manifests(world: World) -> None:
    """Before the export nobody can tell the sizes here; after it they are known, and they are too much."""
    world.pair("a", things(30))
    run = world.open()
    preflight(run)
    export_tables(run)
    assert gate_writes(run).startswith("WRITING")
    limited = world.open(limits={"max_cost_usd": 1e-9, "max_hours": 1e-7})
    with pytest.raises(GateFailed) as caught:
        gate_writes(limited)
    assert "limits.max_cost_usd" in str(caught.value)
    assert "limits.max_hours" in str(caught.value)
    unknown = world.open(limits={"max_cost_usd": 5.0})
    planned = PAIRS.needed(unknown.ledger, world.src("a"))
    PAIRS.record(unknown.ledger, world.src("a"), replace(planned, pair=replace(planned.pair, source_facts=None)))
    EXPORTS.record(unknown.ledger, world.src("a"), ExportFact(Method.EXPORT, ExportStatus.COMPLETED, "now"))
    with pytest.raises(GateFailed, match="found not known"):
        gate_writes(unknown)


def test_a_record_without_an_estimate_has_no_bill() -> None:
    assert cost_rows(records.figures({})) == []
    assert dry_run_summary(records.figures({})) == []
    assert advice(records.figures({})) == []
