"""Files given out to workers: reports that are lost, doubled or late, and workers that go away or are cut off."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from runbook_lib.aws.session.worker_clients import connect_worker
from runbook_lib.aws.transport.loop import RequestLoop
from runbook_lib.cluster.protocol import Message, UnitContext
from runbook_lib.errors import TransferError
from runbook_lib.export_format.manifest import DataFile
from runbook_lib.items.keys import KeyAttribute
from runbook_lib.load import step as importer
from runbook_lib.load.distributed import coordinator as dispatch
from runbook_lib.load.distributed import worker as attempt
from runbook_lib.load.distributed.lease import FileLease, Lease, LeaseGrant, WorkerReport
from runbook_lib.load.distributed.worker import FileUnit, LoadAttempt
from runbook_lib.load.engine.checkpoint import FileCheckpoint
from runbook_lib.load.table_load import TableProgress
from runbook_lib.preflight.step import preflight
from runbook_lib.run.facts.doubt.late_writes import may_land_until
from runbook_lib.run.run import Run
from runbook_lib.run.tables.throughput import request_times
from runbook_lib.validate import step as validate
from tests.support.recorded import export_tables, import_tables, validate_tables
from tests.support.threads_engine import ThreadsEngine, crew_of
from tests.support.world import World, things

FILE = DataFile(0, "k", "", 100)


def exported(world: World, items: int, **changes: Any) -> Run:
    world.pair("a", things(items, text={"S": "x" * 50}))
    run = world.open(**changes)
    preflight(run)
    export_tables(run)
    return run


def load_with(
    monkeypatch: pytest.MonkeyPatch,
    run: Run,
    engine: ThreadsEngine,
    watch: Callable[[TableProgress], None] | None = None,
) -> dict[str, Any]:
    monkeypatch.setattr(importer, "open_roster", crew_of(engine))
    (fact,) = import_tables(run, watch or (lambda progress: None)).values()
    return fact


def is_whole(world: World, run: Run, items: int) -> None:
    """Every item is in the target and every line counted once."""
    assert len(world.items(world.target, world.dst("a"))) == items
    (row,) = run.ledger.rows("SELECT SUM(lines) AS lines, SUM(written) AS written, SUM(items) AS items FROM file")
    assert dict(row) == {"lines": items, "written": items, "items": items}


def test_what_was_lost_doubled_or_late_on_the_way_changes_no_count(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, chance, late = exported(world, 1500), random.Random(7), list[Message]()

    def on_way(message: Message) -> list[Message]:
        late.append(message)
        again = [late[chance.randrange(len(late))] for _ in range(2)]
        return again + [message] * chance.choice([0, 1, 2])

    engine = ThreadsEngine(run, on_way=on_way)
    assert load_with(monkeypatch, run, engine)["status"] == "completed"
    is_whole(world, run, 1500)
    shifts = run.ledger.rows("SELECT SUM(items) AS n FROM shift")
    assert shifts[0]["n"] == 1500
    (files,) = run.ledger.rows("SELECT COUNT(*) AS n FROM file")
    assert 1500 / 25 <= sum(request_times(run.ledger).values()) <= 1500 / 25 + files["n"]
    assert may_land_until(run.ledger, world.dst("a")) is None


def test_a_file_whose_worker_went_away_goes_on_elsewhere_from_the_last_report(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = exported(world, 2000, **{"import": {"max_wcu": 900, "concurrency": 4}})
    engine = ThreadsEngine(run)

    def cut_off(progress: TableProgress) -> None:
        if progress.done > 400 and not engine.dead:
            engine.dead |= {"w0", "w1"}

    monkeypatch.setattr(dispatch, "LIFE", 1.0)
    monkeypatch.setattr(attempt, "PATIENCE", 1.5)
    sent = world.acknowledged()
    assert load_with(monkeypatch, run, engine, cut_off)["status"] == "completed"
    assert len(engine.dead) == 2
    assert may_land_until(run.ledger, world.dst("a")) is not None  # nobody knows what their last requests did
    is_whole(world, run, 2000)
    # Sent again is what two cut off workers wrote until they gave up, and not what they had reported before.
    assert world.acknowledged() - sent <= 2000 + 900 * (0.5 + 1.5) / 2 + 4 * 25


def test_files_that_nobody_can_load_are_given_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run = exported(world, 100)
    engine = ThreadsEngine(run)
    engine.dead = {f"w{n}" for n in range(500)}
    monkeypatch.setattr(attempt, "PATIENCE", 0.01)
    with pytest.raises(TransferError, match="5 attempts at it ended without a line acknowledged"):
        load_with(monkeypatch, run, engine)


def test_an_interrupted_coordinator_stops_its_workers_and_goes_on_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = exported(world, 1500, **{"import": {"max_wcu": 600}})

    def interrupt(progress: TableProgress) -> None:
        if progress.done > 300:
            raise KeyboardInterrupt

    engine = ThreadsEngine(run)
    with pytest.raises(KeyboardInterrupt):
        load_with(monkeypatch, run, engine, interrupt)
    assert not engine.takers
    (known,) = run.ledger.rows("SELECT SUM(written) AS n FROM file")
    sent = world.acknowledged()
    assert 300 < known["n"] < 1500
    assert load_with(monkeypatch, run, ThreadsEngine(run))["status"] == "completed"
    is_whole(world, run, 1500)
    assert world.acknowledged() - sent == 1500 - known["n"]  # their last words were heard: nothing is sent twice


def test_a_damaged_file_is_noted_and_the_others_are_loaded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run = exported(world, 600)
    key = run.ledger.rows("SELECT key FROM file WHERE ordinal = 0")[0]["key"]
    world.put_object(key, b"something else")
    with pytest.raises(TransferError, match="the manifest says"):
        load_with(monkeypatch, run, ThreadsEngine(run))
    (rest,) = run.ledger.rows("SELECT SUM(items) AS items, SUM(written) AS written FROM file WHERE ordinal > 0")
    assert rest["written"] == rest["items"] > 0


def test_what_the_target_refuses_is_quarantined_once_and_a_limit_ends_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.table(world.source, world.src("a"))
    world.table(
        world.target,
        world.dst("a"),
        AttributeDefinitions=[
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "owner", "AttributeType": "S"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "Owner",
                "KeySchema": [{"AttributeName": "owner", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    bad = [{"id": {"S": f"bad{n}"}, "owner": {"N": "5"}} for n in range(7)]
    world.put(world.source, world.src("a"), [*things(300), *bad])
    run = world.open(parity={"accept": ["global indexes"]})
    preflight(run)
    export_tables(run)
    load_with(monkeypatch, run, ThreadsEngine(run, on_way=lambda message: [message, message]))
    (row,) = run.ledger.rows("SELECT SUM(written) AS written, (SELECT COUNT(*) FROM quarantine) AS bad FROM file")
    assert dict(row) == {"written": 300, "bad": 7}


def test_items_that_a_target_holds_already_are_not_replaced_by_workers_either(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.pair("a", things(200))
    other = {"id": {"S": "i00007"}, "n": {"S": "somebody else's"}}
    world.put(world.target, world.dst("a"), [other])
    run = world.open(**{"import": {"on_non_empty": "append"}})
    preflight(run)
    export_tables(run)
    load_with(monkeypatch, run, ThreadsEngine(run))
    (row,) = run.ledger.rows("SELECT SUM(written) AS written, (SELECT COUNT(*) FROM quarantine) AS kept FROM file")
    assert dict(row) == {"written": 199, "kept": 1}
    assert other in world.items(world.target, world.dst("a"))


def test_a_segment_or_file_whose_worker_went_away_is_counted_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = exported(world, 500, validate={"segments": 4, "max_rcu": 5000.0})
    load_with(monkeypatch, run, ThreadsEngine(run))
    engine = ThreadsEngine(run)
    engine.dead = {"w0", "w2"}  # of the export, and of the target's segments
    monkeypatch.setattr(validate, "open_roster", crew_of(engine))
    (fact,) = validate_tables(run).values()
    assert (fact["verdict"], fact["items_compared"], fact["items_in_target"]) == ("PASS", 500, 500), fact["reasons"]
    assert len(engine.began) == 1 + 4 + 2  # the export's files together, four segments, and two of these again
    assert fact["read_units"] > 0


class LoneDesk:
    """A desk whose coordinator gives these shares, one for each of the first reports, and is never heard of again."""

    worker, process, slots = "w", "p", 1

    def __init__(self, clients: Any, *shares: float) -> None:
        self._clients, self._shares, self._numbers = clients, list(shares), count()
        self.attempt: Any = None

    def clients(self, site: UnitContext) -> Any:
        return self._clients

    def send(self, message: Message) -> None:
        if self._shares:
            file = (0, 0, 0, []) if message["lines"] is None else None
            grant = LeaseGrant(message["attempt"], next(self._numbers), message["number"], self._shares.pop(0), file)
            threading.Thread(target=self.attempt.take, args=(grant.to_message(),)).start()


def alone(run: Run, world: World, *shares: float) -> LoadAttempt:
    """An attempt at the largest file, with a lease of a second."""
    row = run.ledger.rows("SELECT * FROM file ORDER BY items DESC")[0]
    site, key = UnitContext(run.config, run.clients.target_identity.place), (KeyAttribute("id", "S", "HASH"),)
    file = DataFile(row["ordinal"], row["key"], row["md5"], row["items"])
    desk: Any = LoneDesk(connect_worker(run.config, site.target), *shares)
    unit = FileUnit("a 0", site, world.bucket, file, world.dst("a"), key, run.secret)
    desk.attempt = LoadAttempt(desk, unit, Lease(life=1.0))
    return desk.attempt


def test_a_worker_that_is_cut_off_stops_writing_when_its_grant_runs_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = exported(world, 2000)
    monkeypatch.setattr(attempt, "PATIENCE", 3.0)
    tried = alone(run, world, 100.0)
    clock = time.monotonic()
    said = tried.run()
    assert time.monotonic() - clock > 2.5
    assert said.left
    assert 0 < said.written < tried.unit.file.items
    assert said.written <= 100 * 1.0 + 2 * 25 + 10  # of a second at 100 units, and what was under way


def test_what_was_ready_to_go_when_a_worker_was_stopped_does_not_leave_once_its_grant_has_run_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, start = exported(world, 200), RequestLoop.start

    def stopped(loop: RequestLoop, request: Any, done: Any) -> None:
        time.sleep(1.2)
        start(loop, request, done)

    monkeypatch.setattr(RequestLoop, "start", stopped)
    monkeypatch.setattr(attempt, "PATIENCE", 3.0)
    before, tried = world.acknowledged(), alone(run, world, 100.0)
    said = tried.run()
    assert (said.left, said.written) == (True, 0)
    assert world.acknowledged() == before


def test_a_worker_waits_for_a_share_that_it_can_begin_with(world: World) -> None:
    run = exported(world, 400)
    tried = alone(run, world, 0.0, 1e-9, *[4000.0] * 100)
    said = tried.run()
    assert (said.written, said.failure, said.left) == (tried.unit.file.items, None, False)


def report(number: int, attempt: str = "a", lines: int | None = 100, **more: Any) -> WorkerReport:
    return WorkerReport("k", attempt, "w", number, lines=lines, **more)


def test_only_the_attempt_that_asked_last_is_heard() -> None:
    holding = FileLease(FileCheckpoint(FILE, 0, 0, 0))
    assert holding.hear(report(0, "a", None))
    assert holding.hear(report(1, "a", acknowledged=50, written=50))
    assert holding.hear(report(0, "b", None))
    assert holding.hear(report(2, "a", acknowledged=75, written=75)) is None
    assert holding.is_over("a")
    assert holding.known() == (50, 50, 0, [])
    assert holding.hear(report(0, "a", None)) is None, "an attempt does not come back"
    assert holding.hear(report(3, "c", acknowledged=99, written=99)) is None, "who never asked was given nothing"
    assert holding.hear(report(1, "b", acknowledged=60, written=60, beyond=[(70, 80)]))
    assert holding.known() == (60, 60, 0, [(70, 80)])


def test_older_and_doubled_reports_change_nothing() -> None:
    holding = FileLease(FileCheckpoint(FILE, 0, 0, 0))
    holding.hear(report(0, lines=None))
    rejected = [(3, None, "bad")]
    assert holding.hear(report(2, acknowledged=50, written=49, rejected=rejected))
    assert holding.hear(report(2, acknowledged=50, written=49, rejected=rejected)) is None
    assert holding.hear(report(1, acknowledged=25, written=25)) is None
    assert holding.hear(report(3, acknowledged=75, written=73, rejected=[*rejected, (60, None, "bad")]))
    assert holding.known() == (75, 73, 0, [])
    assert [r.line for r in holding.file.rejected] == [3, 60]


def test_a_finished_file_is_given_to_nobody() -> None:
    holding = FileLease(FileCheckpoint(FILE, 100, 100, 0), done=True)
    assert holding.hear(report(0, lines=None)) is None
    assert holding.is_over("a")


def test_a_lease_lasts_from_the_sending_of_the_report_it_answers() -> None:
    now = [10.0]
    lease = Lease(5.0, lambda: now[0])
    first = lease.next_number()
    now[0] = 12.0
    second = lease.next_number()
    now[0] = 14.0
    assert lease.take(LeaseGrant("a", 0, first, 50.0))
    assert lease.until == 15.0
    assert lease.take(LeaseGrant("a", 2, second, 60.0))
    assert lease.until == 17.0
    assert not lease.take(LeaseGrant("a", 1, second, 90.0)), "an answer that was overtaken"
    assert lease.grant == LeaseGrant("a", 2, second, 60.0)


def test_messages_survive_the_wire() -> None:
    calls = [("target", "Scan", 2)]
    said = report(
        4, beyond=[(5, 9)], rejected=[(1, None, "x")], reasons=[("r", "arn", 3)], times=[(40, 2)], calls=calls
    )
    as_lists = {k: [list(row) for row in v] if isinstance(v, list) else v for k, v in said.to_message().items()}
    assert WorkerReport.of(as_lists) == said
    grant = LeaseGrant("a", 3, 2, 7.5, (1, 2, 3, [(4, 5)]))
    assert LeaseGrant.of(grant.to_message() | {"file": [1, 2, 3, [[4, 5]]]}) == grant
