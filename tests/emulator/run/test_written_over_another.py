"""What another run has loaded into a run's target since is not repaired away, nor caught up over: by the command."""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest

from runbook_lib.aws.dynamodb.describe.tables import describe_table, is_empty
from runbook_lib.errors import TransferError
from runbook_lib.load import first_write
from runbook_lib.preflight.step import preflight
from runbook_lib.run.facts.load import IMPORTS
from runbook_lib.run.run import Run, open_run
from runbook_lib.run.witnesses.writers import writing_marks
from runbook_lib.run.witnesses.writers.write_register import register
from runbook_lib.undo.cleanup import clean_up
from tests.support.in_process import runbook_here
from tests.support.liar import Request, between
from tests.support.recorded import export_tables, import_tables
from tests.support.tables import keys_in_bucket
from tests.support.world import World

DELETING, REPLACING = "--delete-extra", "--write-different"


def turn_recovery_on(client: Any, table: str) -> None:
    on = {"PointInTimeRecoveryEnabled": True}
    client.update_continuous_backups(TableName=table, PointInTimeRecoverySpecification=on)


def of(whose: str, name: str, count: int) -> list[dict[str, Any]]:
    return [{"id": {"S": f"{name}{n:03}"}, "of": {"S": whose}} for n in range(count)]


def config(world: World, name: str, **settings: Any) -> Any:
    """Each source into one and the same target."""
    into_one = {"include": [world.src(name)], "rename": {"pattern": world.src(name), "to": world.dst("a")}}
    return world.config(name=f"migration-{name}", tables=into_one, **settings)


def two_sources(world: World, theirs: str) -> None:
    world.pair("a", of("older", "i", 20))
    turn_recovery_on(world.target, world.dst("a"))
    world.table(world.source, world.src("b"))
    turn_recovery_on(world.source, world.src("b"))
    world.put(world.source, world.src("b"), of("newer", theirs, 10))


def started(run_id: str, file: Any, *more: str, **environment: str) -> str:
    done = runbook_here("run", file, "--run-id", run_id, "--execute", *more, **environment)
    return f"{done.returncode} {done.stdout}{done.stderr}"


def held(world: World) -> Counter[str]:
    return Counter(item["of"]["S"] for item in world.items(world.target, world.dst("a")))


def page_of(world: World, run_id: str) -> str:
    return (world.folder / "reports" / run_id / "report.md").read_text()


@pytest.mark.parametrize(
    ("policy", "theirs", "flag", "after"),
    [
        ("append", "b", DELETING, {"older": 20, "newer": 10}),
        ("overwrite", "i", REPLACING, {"older": 10, "newer": 10}),
    ],
)
@pytest.mark.few(1)
@pytest.mark.whole
def test_a_repair_takes_nothing_from_a_run_that_came_after(
    world: World, policy: str, theirs: str, flag: str, after: dict[str, int]
) -> None:
    two_sources(world, theirs)
    older = config(world, "a")
    newer = config(world, "b", **{"import": {"on_non_empty": policy}})
    assert started("older", older).startswith("0 ")
    assert started("newer", newer).startswith("0 ")
    assert held(world) == after
    for _ in range(2):  # however often it is validated
        again = started("older", older, "--from", "validate")
        assert again.startswith("1 ")
        assert "runbook repair" not in again
        record = world.record("older")
        assert record["repair_command"] is None
        assert record["tables"][0]["register"]["others"] == ["newer"]
        page = page_of(world, "older")
        assert "written to by the run newer since this run began" in page
        assert "take that run back" in page
    asked = ["repair", older, "--run-id", "older", "--write-missing", flag]
    for more in ([], ["--execute", "--confirm", "older"]):
        repaired = runbook_here(*asked, *more)
        assert repaired.returncode == 1
        assert "so has the run newer" in repaired.stdout + repaired.stderr
    assert held(world) == after
    newer_again = started("newer", newer, "--from", "validate")
    assert held(world) == after
    assert newer_again.startswith("0 ")


def test_a_repair_that_only_adds_goes_on_beside_another_run(world: World) -> None:
    two_sources(world, "b")
    older = config(world, "a")
    assert started("older", older).startswith("0 ")
    assert started("newer", config(world, "b", **{"import": {"on_non_empty": "append"}})).startswith("0 ")
    world.target.delete_item(TableName=world.dst("a"), Key={"id": {"S": "i003"}})
    assert started("older", older, "--from", "validate").startswith("1 ")
    assert "--write-missing --execute" in (world.record("older")["repair_command"] or "")
    runbook_here("repair", older, "--run-id", "older", "--write-missing", "--execute", "--confirm", "older")
    assert held(world) == {"older": 20, "newer": 10}


@pytest.mark.chaos
def test_a_repair_goes_on_once_the_other_run_is_taken_back(world: World) -> None:
    two_sources(world, "b")
    older = config(world, "a")
    assert started("older", older).startswith("0 ")
    newer = config(world, "b", **{"import": {"on_non_empty": "append"}})
    time.sleep(1.05)  # a restorable moment is a whole second
    assert started("newer", newer).startswith("0 ")
    assert started("older", older, "--from", "validate").startswith("1 ")
    world.let_target_pass("a", 10)
    back = runbook_here("rollback", newer, "--run-id", "newer", "--execute", "--confirm", "newer")
    assert (back.returncode, held(world)) == (0, {"older": 20})
    world.put(world.target, world.dst("a"), of("somebody", "z", 3))
    assert started("older", older, "--from", "validate").startswith("1 ")
    assert DELETING in (world.record("older")["repair_command"] or "")
    asked = ["repair", older, "--run-id", "older", DELETING, "--execute", "--confirm", "older"]
    assert runbook_here(*asked).returncode == 0
    assert held(world) == {"older": 20}


@pytest.mark.whole
@pytest.mark.chaos
def test_a_catch_up_does_not_go_over_what_another_run_has_loaded_since(world: World) -> None:
    two_sources(world, "i")
    older = config(world, "a", catch_up={"margin_seconds": 0, "quiet_seconds": 0})
    assert started("older", older).startswith("0 ")
    assert started("newer", config(world, "b", **{"import": {"on_non_empty": "overwrite"}})).startswith("0 ")
    world.put(world.source, world.src("a"), of("changed", "i", 5))
    world.let_pass("a", 25)
    caught = runbook_here("catch-up", older, "--run-id", "older", "--execute", "--confirm", "older")
    assert caught.returncode == 1
    assert "so has the run newer" in caught.stdout + caught.stderr
    assert held(world) == {"older": 10, "newer": 10}


def test_no_run_begins_while_a_catch_up_is_under_way(world: World) -> None:
    """The other one comes when the first window is being asked for."""
    two_sources(world, "i")
    with between(world.endpoint) as liar:
        newer, began = config(world, "b", **{"import": {"on_non_empty": "overwrite"}}), list[str]()
        real, world.endpoint = world.endpoint, liar.endpoint
        older = config(world, "a", catch_up={"margin_seconds": 0, "quiet_seconds": 0})
        world.endpoint = real

        def instead(asked: Request) -> None:
            if asked.operation == "ExportTableToPointInTime" and b"INCREMENTAL" in asked.body and not began:
                began.append("")
                began[0] = world.runbook("run", newer, "--run-id", "newer", "--execute").stdout

        assert started("older", older, AWS_ENDPOINT_URL=liar.endpoint).startswith("0 ")
        world.put(world.source, world.src("a"), of("changed", "i", 5))
        world.let_pass("a", 25)
        liar.instead = instead
        caught = runbook_here(
            "catch-up", older, "--run-id", "older", "--execute", "--confirm", "older", AWS_ENDPOINT_URL=liar.endpoint
        )
    assert "run 'older' has begun to write to it and has not said that it ended" in page_of(world, "newer")
    assert "PASS" not in began[0]
    assert caught.returncode == 0
    assert held(world) == {"older": 15, "changed": 5}


@pytest.mark.whole
def test_a_run_that_came_while_a_table_was_compared_is_no_part_of_what_was_proved(world: World) -> None:
    """It replaces every item between the scan of the target and the report."""
    two_sources(world, "i")
    with between(world.endpoint) as liar:
        newer, became = config(world, "b", **{"import": {"on_non_empty": "overwrite"}}), list[str]()
        real, world.endpoint = world.endpoint, liar.endpoint
        older = config(world, "a")
        world.endpoint = real

        def instead(asked: Request) -> None:
            wrote = any(seen.operation == "BatchWriteItem" for seen in liar.seen)
            scanned = wrote and any(
                seen.operation == "Scan" and b"TotalSegments" in seen.body and world.dst("a").encode() in seen.body
                for seen in liar.seen
            )
            of_target = asked.operation == "DescribeTimeToLive" and world.dst("a").encode() in asked.body
            if scanned and of_target and not became:
                became.append("")
                became[0] = world.runbook("run", newer, "--run-id", "newer", "--execute").stdout

        liar.instead = instead
        first = started("older", older, AWS_ENDPOINT_URL=liar.endpoint)
        liar.instead = lambda asked: None
        assert "PASS" in became[0]
        assert held(world) == {"older": 10, "newer": 10}
        assert first.startswith("1 ")
        assert "while it was compared or before: newer" in " ".join(world.record("older")["tables"][0]["reasons"])


@pytest.mark.whole
def test_of_two_runs_that_begin_together_in_one_empty_table_one_gives_way(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has found the table empty before either has entered itself."""
    two_sources(world, "i")
    runs = {name: open_run(str(config(world, name[0])), name, True) for name in ("a-run", "b-run")}
    for run in runs.values():
        preflight(run)
        export_tables(run)
    together, look, refused = threading.Barrier(2), is_empty, dict[str, str]()

    def at_once(client: Any, name: str) -> bool:
        empty = look(client, name)
        if together.n_waiting < 2 and not refused and not together.broken:
            with suppress(threading.BrokenBarrierError):
                together.wait(10)
        return empty

    def load(name: str) -> None:
        try:
            import_tables(runs[name])
        except TransferError as error:
            refused[name] = str(error)
            together.abort()

    threads = [threading.Thread(target=load, args=(name,)) for name in runs]
    with monkeypatch.context() as patch:
        patch.setattr(first_write, "is_empty", at_once)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert refused
    assert all("so has the run" in why for why in refused.values())
    assert len(held(world)) == len(runs) - len(refused)  # nothing of one is in place of what the other wrote
    if len(refused) == len(runs):  # one is taken back, which has written nothing, and the other begins again
        assert not clean_up(runs["b-run"], "b-run")[0].kept
        import_tables(runs["a-run"])
        assert held(world) == {"older": 20}


@pytest.mark.chaos
def test_a_run_that_entered_since_the_pre_flight_has_not_to_be_ended(world: World) -> None:
    """It may be about to write; before the pre-flight of the next run it is what that one was shown."""
    two_sources(world, "i")
    older, newer = (open_run(str(config(world, name)), name, True) for name in "ab")
    for run in (older, newer):
        preflight(run)
        export_tables(run)
    table = describe_table(newer.clients.target, world.dst("a"))
    register(newer, newer.planned_pairs()[0], table)  # and then it is stopped
    for _ in range(2):
        with pytest.raises(TransferError, match="so has the run b"):
            import_tables(older)
    assert held(world) == {}
    with pytest.raises(TransferError, match="so has the run a"):
        import_tables(newer)
    assert not clean_up(newer, "b")[0].kept
    import_tables(older)
    assert held(world) == {"older": 20}


@pytest.mark.chaos
def test_a_table_that_an_ended_run_had_filled_and_that_was_emptied_is_loaded_again(world: World) -> None:
    two_sources(world, "i")
    for name in ("first", "second"):
        assert started(name, config(world, "a")).startswith("0 ")
        assert held(world) == {"older": 20}
        for item in world.items(world.target, world.dst("a")):
            world.target.delete_item(TableName=world.dst("a"), Key={"id": item["id"]})


@pytest.mark.whole
def test_a_run_does_not_begin_while_another_is_about_to_send_its_first_item(world: World) -> None:
    """That one has looked twice and seen an empty table; its entry is older than this run's pre-flight."""
    two_sources(world, "i")
    with between(world.endpoint) as liar:
        other, became, ended = config(world, "b"), list[str](), threading.Event()
        real, world.endpoint = world.endpoint, liar.endpoint
        older = config(world, "a")
        world.endpoint = real

        def instead(asked: Request) -> None:
            if asked.operation == "BatchWriteItem" and not became:
                became.append("")
                done = world.runbook("run", other, "--run-id", "newer", "--execute")
                became[0] = f"{done.returncode} {done.stdout}"
                ended.set()
            elif asked.operation == "BatchWriteItem":
                ended.wait(200)

        liar.instead = instead
        first = started("older", older, AWS_ENDPOINT_URL=liar.endpoint)
    assert became[0].startswith("1 ")
    assert "run 'older' has begun to write to it and has not said that it ended" in page_of(world, "newer")
    assert first.startswith("0 ")
    assert held(world) == {"older": 20}


def marks(world: World) -> list[tuple[str, str]]:
    """The marks of runs in the register: which, and RUN.NUMBER."""
    parts = [key.split("/")[-2:] for key in keys_in_bucket(world) if "/register/" in key]
    return sorted((at.partition(".")[0], name) for at, name in parts if at.startswith(("writing.", "stopped.")))


@pytest.mark.chaos
def test_a_run_that_was_killed_while_it_recorded_what_is_there_does_not_keep_itself_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_sources(world, "i")
    assert started("older", config(world, "a")).startswith("0 ")
    run = open_run(str(config(world, "b", **{"import": {"on_non_empty": "overwrite"}})), "newer", True)
    preflight(run)
    export_tables(run)
    with monkeypatch.context() as patch:
        patch.setattr(writing_marks, "end_marks", lambda *_: None)
        patch.setattr(first_write, "record_held", stopped)
        with pytest.raises(TransferError, match="killed"):
            import_tables(run)
    import_tables(run)
    assert held(world) == {"older": 10, "newer": 10}
    assert marks(world)[-2:] == [("writing", "newer.2"), ("writing", "older.1")]


@pytest.mark.whole
def test_a_run_that_was_killed_keeps_others_out_until_it_has_gone_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_sources(world, "i")
    killed, next_one = (open_run(str(config(world, name)), f"run-{name}", True) for name in "ab")
    preflight(killed)
    export_tables(killed)
    with monkeypatch.context() as patch:  # as if nothing came after its last look at the empty table
        patch.setattr(writing_marks, "end_marks", lambda *_: None)
        patch.setattr(first_write, "refuse_beside", stopped)
        with pytest.raises(TransferError, match="killed"):
            import_tables(killed)
    assert marks(world) == [("writing", "run-a.1")]
    preflight(next_one)
    export_tables(next_one)
    for _ in range(2):
        with pytest.raises(TransferError, match="run 'run-a' has begun to write to it and has not said that it ended"):
            import_tables(next_one)
    import_tables(killed)
    assert held(world) == {"older": 20}
    assert {("writing", "run-a.2"), ("stopped", "run-a.2")} <= {*marks(world)}
    for item in world.items(world.target, world.dst("a")):
        world.target.delete_item(TableName=world.dst("a"), Key={"id": item["id"]})
    import_tables(next_one)
    assert held(world) == {"newer": 10}


@pytest.mark.chaos
def test_a_run_that_ended_badly_keeps_nobody_out(world: World) -> None:
    two_sources(world, "i")
    world.fault(operation="BatchWriteItem", kind="denied")
    runs = {name: open_run(str(config(world, name)), f"run-{name}", True) for name in "ab"}
    preflight(runs["a"])
    export_tables(runs["a"])
    with suppress(TransferError):
        import_tables(runs["a"])
    world.clear_faults()
    assert marks(world) == [("stopped", "run-a.1"), ("writing", "run-a.1")]
    preflight(runs["b"])
    export_tables(runs["b"])
    import_tables(runs["b"])
    assert held(world) == {"newer": 10}
    assert {which for which, name in marks(world) if name == "run-b.1"} == {"writing", "stopped"}


def that_may_not_write(world: World, **settings: Any) -> Run:
    """A run of which each write was refused."""
    two_sources(world, "i")
    run = open_run(str(config(world, "a", **settings)), "run-a", True)
    preflight(run)
    export_tables(run)
    world.fault(operation="BatchWriteItem", kind="denied")
    with suppress(TransferError):
        import_tables(run)
    world.clear_faults()
    return run


@pytest.mark.few(1)
@pytest.mark.whole
@pytest.mark.parametrize("same", [False, True], ids=["others", "as exported"])
def test_what_came_into_an_empty_table_after_a_run_that_wrote_nothing_is_not_replaced(
    world: World, *, same: bool
) -> None:
    """What is as exported may be what the run had sent without hearing of it."""
    run = that_may_not_write(world)
    world.put(world.target, world.dst("a"), of("older" if same else "somebody", "i", 7))
    if same:
        import_tables(run)
        assert held(world) == {"older": 20}
        return
    for _ in range(2):
        with pytest.raises(TransferError, match="7 items that are not as exported: somebody else has written to it"):
            import_tables(run)
    assert held(world) == {"somebody": 7}


@pytest.mark.chaos
def test_what_came_after_a_run_that_may_overwrite_and_wrote_nothing_was_there_before_it(world: World) -> None:
    run = that_may_not_write(world, **{"import": {"on_non_empty": "overwrite"}})
    world.put(world.target, world.dst("a"), of("somebody", "i", 7))
    import_tables(run)
    loaded = IMPORTS.needed(run.ledger, world.src("a"))
    assert (loaded.items_before, held(world)) == (7, {"older": 20})


@pytest.mark.whole
def test_a_run_that_goes_on_after_another_one_is_one_that_came_since(world: World) -> None:
    """It stood there before, was killed and went on: what it wrote then is not the other's to delete."""
    two_sources(world, "b")
    append = {"import": {"on_non_empty": "append"}}
    killed, passed = (open_run(str(config(world, name, **append)), f"run-{name}", True) for name in "ba")
    preflight(killed)
    export_tables(killed)
    world.fault(operation="PutItem", kind="denied")
    with suppress(TransferError):
        import_tables(killed)
    world.clear_faults()
    assert started("run-a", config(world, "a", **append)).startswith("0 ")
    import_tables(killed)
    assert held(world) == {"older": 20, "newer": 10}
    assert started("run-a", config(world, "a", **append), "--from", "validate").startswith("1 ")
    repaired = runbook_here(
        "repair", config(world, "a", **append), "--run-id", "run-a", DELETING, "--execute", "--confirm", "run-a"
    )
    assert repaired.returncode == 1
    rolled = runbook_here(
        "rollback", config(world, "a", **append), "--run-id", "run-a", "--execute", "--confirm", "run-a"
    )
    assert rolled.returncode == 1
    assert held(world) == {"older": 20, "newer": 10}
    assert "run-b" in page_of(world, "run-a")
    assert passed.id == "run-a"


@pytest.mark.chaos
@pytest.mark.parametrize(("policy", "code"), [("overwrite", 1), ("append", 1)])
def test_no_policy_begins_beside_a_run_that_may_replace(
    world: World, monkeypatch: pytest.MonkeyPatch, policy: str, code: int
) -> None:
    two_sources(world, "i")
    busy = open_run(str(config(world, "b")), "busy", True)
    preflight(busy)
    export_tables(busy)
    with monkeypatch.context() as patch:
        patch.setattr(writing_marks, "end_marks", lambda *_: None)
        patch.setattr(first_write, "refuse_beside", stopped)
        with pytest.raises(TransferError, match="killed"):
            import_tables(busy)
    other = started("other", config(world, "a", **{"import": {"on_non_empty": policy}}))
    assert other.startswith(f"{code} ")
    assert "run 'busy' has begun to write to it and has not said that it ended" in page_of(world, "other")
    assert held(world) == {}


def stopped(*_: Any, **__: Any) -> None:
    raise TransferError("killed")
