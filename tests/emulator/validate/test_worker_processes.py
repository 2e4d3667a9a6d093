"""Both sides of a large table counted by processes of this machine, over HTTP, some of which are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from runbook_lib.cluster import connect
from runbook_lib.cluster.processes import Processes, WorkerProcess
from runbook_lib.cluster.protocol import Message, Work
from runbook_lib.errors import Interrupted
from runbook_lib.export.step import export_tables
from runbook_lib.load.step import import_tables
from runbook_lib.preflight.step import preflight
from runbook_lib.run.facts.load import ENGINES, LocalEngine
from runbook_lib.run.facts.validation import VALIDATIONS, ValidationFact
from runbook_lib.run.run import Run
from runbook_lib.run.tables.throughput import shifts
from runbook_lib.validate import sides
from runbook_lib.validate.step import validate_tables
from tests.support.world import World, things

ITEMS = 60
PATIENCE = 60.0


@pytest.fixture(autouse=True)
def every_table_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sides, "LARGE", 1)


def ready(world: World, names: str = "a", **settings: Any) -> Run:
    for name in names:
        world.pair(name, things(ITEMS))
    run = world.open(validate={"processes": 2, "index_samples": 0} | settings)
    preflight(run)
    export_tables(run)
    import_tables(run)
    return run


def plain(fact: ValidationFact) -> tuple[Any, ...]:
    counts = fact.missing, fact.different, fact.extra, fact.items_in_target, fact.items_compared
    return fact.verdict, fact.reasons, counts, fact.export_digest, fact.target_digest


def is_there(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_until_gone(pids: list[int]) -> None:
    until = time.monotonic() + PATIENCE
    while any(map(is_there, pids)):
        assert time.monotonic() < until, "a worker process has outlived what it was for"
        time.sleep(0.05)


@pytest.mark.whole
def test_processes_count_what_this_process_counts(world: World, engines: list[Processes]) -> None:
    run = ready(world, "ab")
    held = world.items(world.target, world.dst("b"))
    world.target.delete_item(TableName=world.dst("b"), Key={"id": held[0]["id"]})
    world.put(world.target, world.dst("b"), [held[1] | {"n": {"N": "-1"}}, {"id": {"S": "nobody's"}}])
    scans = run.ledger.calls("target").get("Scan", 0)
    spread = {name: plain(fact) for name, fact in validate_tables(run).items()}
    assert spread[world.src("a")][0] == "PASS"
    assert spread[world.src("b")][2][:3] == (1, 1, 1)
    # Every call of the workers is in the ledger: each segment is asked at least once.
    assert run.ledger.calls("target")["Scan"] - scans >= 2 * 8
    assert ENGINES.of(run.ledger, "validate") == LocalEngine("local", 2)
    assert {shift.worker for shift in shifts(run.ledger)} <= {"worker 1", "worker 2"}
    assert sum(shift.items for shift in shifts(run.ledger)) == 4 * ITEMS
    (engine,) = engines
    wait_until_gone([worker.pid for worker in engine.workers])
    alone = world.open(validate={"processes": 1, "index_samples": 0})
    assert {name: plain(fact) for name, fact in validate_tables(alone).items()} == spread
    assert len(engines) == 1
    assert ENGINES.of(run.ledger, "validate") == LocalEngine("local")


@pytest.mark.chaos
def test_samples_of_indexes_that_processes_take_are_those_that_this_process_takes(world: World) -> None:
    items = [item | {"owner": {"S": f"o{n % 25}"}} for n, item in enumerate(things(ITEMS))]
    index = {
        "IndexName": "by-owner",
        "KeySchema": [{"AttributeName": "owner", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
    }
    types = [{"AttributeName": name, "AttributeType": "S"} for name in ("id", "owner")]
    world.pair("a", items, AttributeDefinitions=types, GlobalSecondaryIndexes=[index])
    run = ready(world, "", index_samples=7)
    spread = validate_tables(run)[world.src("a")]
    (fact,) = spread.indexes or ()
    assert (fact.state, fact.keys, fact.belonging, fact.wrong_keys) == ("checked", 7, ITEMS, 0)
    again = world.open(validate={"processes": 1, "index_samples": 7})
    assert validate_tables(again)[world.src("a")].indexes == spread.indexes


class Killing(Processes):
    """Kills the process that a unit was given to, as often as it is told to, `after` so many units."""

    after = 0

    def __init__(self, many: int, kills: int) -> None:
        super().__init__(many)
        self.kills, self.killed, self.given = kills, list[int](), 0

    def submit(self, work: Work, *arguments: Any) -> Future[Message]:
        unit = super().submit(work, *arguments)
        self.given += work is not connect.greet
        if self.given > self.after and len(self.killed) < self.kills:
            process = unit.process  # type: ignore[attr-defined]
            self.killed.append(process.pid)
            os.kill(process.pid, signal.SIGKILL)
        return unit


def killing(monkeypatch: pytest.MonkeyPatch, kills: int) -> list[Killing]:
    made: list[Killing] = []

    @contextmanager
    def opened(many: int) -> Iterator[Processes]:
        engine = Killing(many, kills)
        made.append(engine)
        try:
            yield engine
        finally:
            engine.close()

    monkeypatch.setattr(connect, "worker_processes", opened)
    return made


@pytest.mark.whole
def test_what_killed_workers_had_is_counted_again_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run, made = ready(world), killing(monkeypatch, 3)
    world.fault(operation="Scan", kind="delay", seconds=0.2)
    fact = validate_tables(run)[world.src("a")]
    assert (fact.verdict, fact.items_in_target, fact.items_compared) == ("PASS", ITEMS, ITEMS)
    assert len(set(made[0].killed)) >= 2
    wait_until_gone([*made[0].killed, *(worker.pid for worker in made[0].workers)])


@pytest.mark.chaos
def test_workers_that_always_die_are_an_error_and_no_shorter_count(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, made = ready(world), killing(monkeypatch, 1_000)
    fact = validate_tables(run)[world.src("a")]
    assert (fact.verdict, fact.items_in_target) == ("FAIL", None)
    assert any(words in fact.reasons[0] for words in ("went away", "no worker process could be started"))
    wait_until_gone([*made[0].killed, *(worker.pid for worker in made[0].workers)])


@pytest.mark.chaos
def test_a_table_that_workers_cannot_read_does_not_stop_the_next(world: World, engines: list[Processes]) -> None:
    run = ready(world, "abc")
    world.fault(operation="Scan", kind="denied", table=world.dst("b"))
    verdicts = {name[-1]: fact.verdict for name, fact in validate_tables(run).items()}
    assert verdicts == {"a": "PASS", "b": "FAIL", "c": "PASS"}


@pytest.mark.chaos
def test_a_lying_target_is_found_out_by_workers_too(world: World) -> None:
    """A page that is short of an item, of one table of two."""
    run = ready(world, "ab")
    held = world.items(world.target, world.dst("a"))[7]
    world.target.delete_item(TableName=world.dst("a"), Key={"id": held["id"]})
    facts = validate_tables(run)
    assert (facts[world.src("a")].missing, facts[world.src("b")].missing) == (1, 0)
    assert (facts[world.src("a")].verdict, facts[world.src("b")].verdict) == ("FAIL", "PASS")


@pytest.mark.whole
def test_an_interrupt_ends_the_processes_and_nothing_is_said_to_be_proved(
    world: World, engines: list[Processes]
) -> None:
    run = ready(world)
    world.fault(operation="Scan", kind="delay", seconds=30.0)
    began = time.monotonic()

    def interrupt() -> None:
        while not engines or not any(worker.units for worker in engines[0].workers):
            time.sleep(0.05)
        time.sleep(1.0)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(Interrupted):
        validate_tables(run)
    assert time.monotonic() - began < 25
    assert VALIDATIONS.all(run.ledger) == {}
    wait_until_gone([worker.pid for worker in engines[0].workers])
    world.clear_faults()
    assert validate_tables(run)[world.src("a")].verdict == "PASS"


STARTS_TWO = """
import sys, time
from runbook_lib.cluster.processes import Processes
engine = Processes(2)
print(*(worker.pid for worker in engine.workers), flush=True)
time.sleep(600)
"""


@pytest.mark.few(1)
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.whole
def test_processes_do_not_outlive_the_one_that_started_them(end: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", STARTS_TWO], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        assert all(map(is_there, pids))
        parent.send_signal(end)
        parent.wait(PATIENCE)
    wait_until_gone(pids)


@pytest.mark.whole
def test_no_secret_is_on_a_command_line_or_in_a_file(world: World, engines: list[Processes]) -> None:
    run = ready(world)
    seen: list[bytes] = []
    real = WorkerProcess.do

    def noted(self: WorkerProcess, *arguments: Any) -> None:
        seen.append(Path(f"/proc/{self.pid}/cmdline").read_bytes() + Path(f"/proc/{self.pid}/environ").read_bytes())
        real(self, *arguments)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(WorkerProcess, "do", noted)
        assert validate_tables(run)[world.src("a")].verdict == "PASS"
    assert seen
    for secret in (run.secret.value, run.secret.value.hex().encode()):
        assert not any(secret in each for each in seen)


@pytest.mark.chaos
def test_workers_that_find_no_credentials_leave_the_work_to_this_process(
    world: World, engines: list[Processes], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ready(world)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    assert validate_tables(run)[world.src("a")].verdict == "PASS"
    assert len(engines) == 1
    assert ENGINES.of(run.ledger, "validate") == LocalEngine("local")
    assert not shifts(run.ledger)


@pytest.mark.chaos
def test_one_process_that_dies_fails_no_table_however_much_it_had(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes eight units along at once: that is one loss of each of them, and not eight of the table."""
    run, made = ready(world, segments=40), killing(monkeypatch, 1)
    monkeypatch.setattr(Killing, "after", 30)
    fact = validate_tables(run)[world.src("a")]
    assert len(made[0].killed) == 1
    assert (fact.verdict, fact.items_in_target, fact.items_compared) == ("PASS", ITEMS, ITEMS)


@pytest.mark.chaos
def test_a_unit_that_kills_its_process_each_time_fails_the_table_soon(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, made = ready(world, segments=40), killing(monkeypatch, 1_000)
    fact = validate_tables(run)[world.src("a")]
    assert fact.verdict == "FAIL"
    assert len(made[0].killed) < 100
