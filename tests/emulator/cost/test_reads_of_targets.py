"""Whatever reads or writes items of a target counts as used: what a run says of it is what the server has charged."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from runbook_lib.aws.guard.call_counter import READ_HALVES, Calls
from runbook_lib.aws.guard.read_units import halves_read
from runbook_lib.cluster.roster import WorkerRoster, calls_of
from runbook_lib.config.money import Prices
from runbook_lib.cost.actual import actual_usage
from runbook_lib.leak_scan.step import scan_for_leaks
from runbook_lib.load.step import import_tables
from runbook_lib.preflight.step import preflight
from runbook_lib.record.build import build_record
from runbook_lib.repair.choice import RepairChoice
from runbook_lib.repair.step import repair_tables
from runbook_lib.run.facts.afterwards.used_units import READS_COUNTED, units_read
from runbook_lib.run.facts.estimate import ESTIMATES, PRICES_USED
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.run import Run
from runbook_lib.transform.step import transform_tables
from runbook_lib.validate.step import validate_tables
from tests.support.cutting_over import cut, readied
from tests.support.facts import prove_table
from tests.support.liar import Request, between
from tests.support.masks import KEY_NAME, MASK_KEY, email_rule, keep_rule, mask, people
from tests.support.moving import item, moved
from tests.support.recorded import export_tables
from tests.support.tables import turn_on_recovery
from tests.support.world import World, things

WRITES = ("BatchWriteItem", "PutItem", "DeleteItem")
READS = ("Scan", "Query", "BatchGetItem", "GetItem")
ALL = RepairChoice(write_missing=True, write_different=True, delete_extra=True)
N_KEY = [{"AttributeName": "n", "KeyType": "HASH"}]
BY_N: dict[str, Any] = {
    "AttributeDefinitions": [{"AttributeName": n, "AttributeType": kind} for n, kind in (("id", "S"), ("n", "N"))],
    "GlobalSecondaryIndexes": [{"IndexName": "by-n", "KeySchema": N_KEY, "Projection": {"ProjectionType": "ALL"}}],
}


@dataclass
class Meter:
    """What the server of the targets says that was consumed, and which requests did not ask for it."""

    world: World
    endpoint: str
    units: float = 0.0
    written: float = 0.0
    reads: list[str] = field(default_factory=list)
    unasked: list[str] = field(default_factory=list)

    def hear(self, request: Request, status: int, body: bytes) -> None:
        if request.operation not in READS + WRITES or status != 200:
            return
        is_read = request.operation in READS
        if request.json.get("ReturnConsumedCapacity") != ("TOTAL" if is_read else "INDEXES"):
            self.unasked.append(request.operation)
        said = json.loads(body)["ConsumedCapacity"]
        units = sum(one["CapacityUnits"] for one in (said if isinstance(said, list) else [said]))
        if is_read:
            self.reads.append(request.operation)
            self.units += units
        else:
            self.written += units

    def open(self, run_id: str = "r", **changes: Any) -> Run:
        run = self.world.open(run_id, **{"target": {"endpoint_url": self.endpoint}, **changes})
        assert preflight(run).blockers == ()
        return run

    def filled(self, policy: str, **changes: Any) -> Run:
        """A run that is loaded beside, over or into what the target holds."""
        turn_on_recovery(self.world, self.world.target, self.world.dst("a"))
        run = self.open(**{"import": {"on_non_empty": policy}}, **changes)
        export_tables(run)
        import_tables(run)
        return run

    def hold(self, count: int = 40) -> None:
        """Let the target hold items of its own that take several read units each."""
        own = [{"id": {"S": f"own{n}"}, "blob": {"S": "x" * 9000}} for n in range(count)]
        self.world.put(self.world.target, self.world.dst("a"), own)


@pytest.fixture
def meter(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Meter]:
    monkeypatch.setenv(KEY_NAME, MASK_KEY)
    with between(world.endpoint) as proxy:
        made = Meter(world, proxy.endpoint)
        proxy.after = made.hear  # type: ignore[assignment]
        yield made


def beside(meter: Meter, policy: str) -> Run:
    """Items that nobody exported are there and, where it may be replaced, one that is otherwise."""
    meter.world.pair("a", things(30), **BY_N)
    meter.hold()
    if policy != "append":
        taken = item("i00003", 99) | {"blob": {"S": "x" * 3000}}
        meter.world.put(meter.world.target, meter.world.dst("a"), [taken])
    run = meter.filled(policy)
    validate_tables(run)
    return run


def into_an_empty_one(meter: Meter) -> Run:
    meter.world.pair("a", things(30), **BY_N)
    run = meter.filled("fail")
    validate_tables(run)
    meter.world.put(meter.world.target, meter.world.dst("a"), [item("i00003", 99), item("extra", 1)])
    validate_tables(run)  # looks again at what is wrong
    return run


def scanned(meter: Meter) -> Run:
    meter.world.pair("a", things(30), pitr=False)
    run = meter.filled("fail")
    validate_tables(run)
    return run


def repaired(meter: Meter) -> Run:
    run = into_an_empty_one(meter)
    repair_tables(run, ALL)
    repair_tables(run, ALL, run.id)
    validate_tables(run)
    return run


def cut_over(meter: Meter) -> Run:
    moving = readied(moved(meter.world, 30, target={"endpoint_url": meter.endpoint}))
    cut(moving, moving.now())
    return moving.run


def masked(meter: Meter) -> Run:
    meter.world.pair("a", people(40))
    run = meter.open(transform=mask(email_rule(), keep_rule("n")))
    export_tables(run)
    transform_tables(run)
    import_tables(run)
    validate_tables(run)
    scan_for_leaks(run)
    return run


def rehearsed(meter: Meter) -> Run:
    """A dry run of a sync, which looks every key up."""
    meter.world.pair("a", things(30))
    meter.hold(3)
    return meter.filled("sync", execute=False)


WAYS: dict[str, Callable[[Meter], Run]] = {
    "append": lambda meter: beside(meter, "append"),
    "overwrite": lambda meter: beside(meter, "overwrite"),
    "sync": lambda meter: beside(meter, "sync"),
    "fail": into_an_empty_one,
    "scan": scanned,
    "repair": repaired,
    "cut-over": cut_over,
    "masked": masked,
    "dry sync": rehearsed,
}


@pytest.mark.whole
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.few(1)
def test_what_the_server_has_charged_for_targets_is_what_was_used(meter: Meter, way: str) -> None:
    run = WAYS[way](meter)
    spent = build_record(run.ledger, run.id, "test").spent
    assert not meter.unasked
    assert meter.units > 0
    assert spent.target_read_units == meter.units, meter.reads
    assert spent.write_units == meter.written
    assert spent.usd is not None
    if way in ("repair", "cut-over", "dry sync"):
        return  # an estimate is of one pass from export to validation
    for stage, known in ESTIMATES.all(run.ledger).items():
        line = next(part for part in known.parts if "of the target" in part.name)
        assert line.quantity is not None
        assert line.quantity.low <= meter.units <= line.quantity.high, stage


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(tmp_path / "ledger.sqlite")
    yield made
    made.close()


def test_of_a_run_that_began_before_all_reads_were_counted_the_use_is_not_measured(ledger: Ledger) -> None:
    """Its comparisons alone are known; what was read before the first write nobody took down."""
    prices = {side: dict.fromkeys(Prices.model_fields, 1.0) for side in ("source", "target", "staging")}
    PRICES_USED.record(ledger, prices)
    prove_table(ledger, "a", export_digest="x", read_units=5.0)
    used = actual_usage(ledger, 1.0)
    assert (used["validation_units"], used["target_read_units"], used["usd"]) == (5.0, None, None)
    READS_COUNTED.record(ledger, True)
    ledger.count_call(READ_HALVES, "b", 9_000_000)
    used = actual_usage(ledger, 1.0)
    assert (used["validation_units"], used["target_read_units"], used["usd"]) == (5.0, 4_500_000, 4.5)


def test_what_workers_have_read_of_a_target_counts_once(ledger: Ledger) -> None:
    READS_COUNTED.record(ledger, True)
    roster, calls = WorkerRoster(SimpleNamespace(), ledger, "validate"), Calls()  # type: ignore[arg-type]
    for halves in (3, 4):
        calls.consumed("b", halves)
        for _ in range(2):  # a report may come twice
            roster.count_calls("p", calls_of(calls))
    assert units_read(ledger) == {"b": 3.5}


def test_what_a_reading_consumed_before_anybody_listened_is_told_later(ledger: Ledger) -> None:
    READS_COUNTED.record(ledger, True)
    calls = Calls()
    calls.consumed("b", 5)
    calls.report_to(ledger.count_call)
    calls.consumed("b", 2)
    assert units_read(ledger) == {"b": 3.5}


@pytest.mark.parametrize(
    ("answer", "halves"),
    [
        (b'{"ConsumedCapacity":{"TableName":"t","CapacityUnits":2.5},"Items":[]}', 5),
        (b'{"ConsumedCapacity":[{"TableName":"t","CapacityUnits":3.0}],"Responses":{}}', 6),
        (b'{"Items":[{"CapacityUnits":{"N":"7"},"s":{"S":"\\"CapacityUnits\\":9,"}}],"Count":1}', 2),
        (b'{"Items":[{"s":{"S":"' + b"x" * 5000 + b'"}}],"Count":1}', 4),
        (b'{"ConsumedCapacity":{"CapacityUnits":1e999}}', 2),
        (b'{"ConsumedCapacity":["x"]}', 2),
    ],
)
def test_what_a_read_consumed_is_what_its_answer_says_and_no_item_can_say_it(answer: bytes, halves: int) -> None:
    """A server that names no price is not free: its answer costs what its bytes would."""
    assert halves_read(answer) == halves
