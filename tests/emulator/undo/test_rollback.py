"""A rollback gives a target back what it held before the run, over the run's own keys, and touches no other key."""

from __future__ import annotations

import time
from typing import Any

import orjson
import pytest

from runbook_lib.aws.dynamodb import guarded_items, guarded_write
from runbook_lib.aws.dynamodb.guarded_items import ExportedLine
from runbook_lib.errors import ConfigError, ResumeRefused, TransferError
from runbook_lib.preflight.step import preflight
from runbook_lib.report.sections.repairs import rollback_sentence
from runbook_lib.report.step import report_run
from runbook_lib.run.facts.afterwards.rollback import RollbackFact
from runbook_lib.run.run import Run, open_run
from runbook_lib.undo import rollback, three_way
from runbook_lib.undo.cleanup import clean_up
from runbook_lib.undo.rollback import roll_back
from runbook_lib.undo.three_way import ThreeWay, WrittenKey
from runbook_lib.validate.step import validate_tables
from tests.support import moving as load
from tests.support.in_process import runbook_here
from tests.support.moving import SETTINGS, Moving, item, live
from tests.support.overwriting import Items, held, overwritten, recovery
from tests.support.recorded import export_tables, import_tables
from tests.support.world import World, things


def rolled_back(run: Run) -> RollbackFact:
    (fact,) = roll_back(run, run.id)
    assert fact.restored + fact.deleted + fact.unchanged + fact.kept == fact.written
    return fact


@pytest.mark.whole
def test_the_target_is_as_it_was_and_what_others_wrote_stays(world: World) -> None:
    run, before = overwritten(world)
    changed = {"id": {"S": "i00003"}, "by": {"S": "the application"}}
    newer = {"id": {"S": "i00002"}, "by": {"S": "the application"}}
    own = {"id": {"S": "theirs"}}
    world.put(world.target, world.dst("a"), [changed, newer, own])
    for key in ("i00005", "i00006", "old1"):  # one that was not there before, one that was, one of nobody's
        world.target.delete_item(TableName=world.dst("a"), Key={"id": {"S": key}})
    fact = rolled_back(run)
    expected = {
        name: item for name, item in before.items() if name not in ("i00002", "i00006", "old1")
    } | {"i00003": changed, "i00002": newer, "theirs": own}  # fmt: skip
    assert held(world) == expected
    assert (fact.written, fact.kept, fact.failure) == (30, 3, None)
    assert rolled_back(run).kept == 3
    assert held(world) == expected


@pytest.mark.whole
def test_nothing_is_written_before_it_is_asked_for(world: World) -> None:
    run, _ = overwritten(world)
    after = held(world)
    run.execute = False
    dry = rolled_back(run)
    assert held(world) == after
    assert run.ledger.calls("target").keys() & {"PutItem", "DeleteItem"} == set()
    with pytest.raises(ConfigError, match="which is the run that would be rolled back"):
        roll_back(run, "other")
    run.execute = True
    wet = rolled_back(run)
    counts = [(f.restored, f.deleted, f.unchanged, f.kept) for f in (dry, wet)]
    assert counts[0] == counts[1] == (7, 15, 8, 0)


@pytest.mark.whole
def test_a_run_that_was_rolled_back_cannot_go_on_and_its_report_says_so(world: World) -> None:
    run, _ = overwritten(world)
    report_run(run)
    run.ledger.close()
    settings = world.folder / "reports" / "r" / "migration.yaml"
    done = runbook_here("rollback", settings, "--run-id", "r", "--confirm", "r", "--execute")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "of 30 keys that the run wrote 7 restored, 15 deleted, 8 as before already, 0 kept" in done.stdout
    again = runbook_here("run", settings, "--run-id", "r", "--execute")
    assert (again.returncode, "was rolled back at" in again.stderr) == (2, True)
    assert "Rolled back at" in (world.folder / "reports" / "r" / "report.md").read_text()
    record = world.record("r")
    assert (record["verdict"], record["rollbacks"][0]["restored"]) == ("PASS", 7)
    taken_up = open_run(str(settings), "r", execute=True)
    with pytest.raises(ResumeRefused, match="was rolled back"):
        validate_tables(taken_up)


@pytest.mark.parametrize("group", [1, 2, 3])
@pytest.mark.few(1)
@pytest.mark.whole
def test_killed_anywhere_it_goes_on(world: World, monkeypatch: pytest.MonkeyPatch, group: int) -> None:
    run, before = overwritten(world, 250)
    units, seen = guarded_items.units_of, list[int]()

    def killed(size: int) -> int:
        seen.append(1)
        if len(seen) > 50 * group:
            raise KeyboardInterrupt
        return units(size)

    with monkeypatch.context() as patch:
        patch.setattr(guarded_items, "units_of", killed)
        with pytest.raises(KeyboardInterrupt):
            roll_back(run, run.id)
    assert held(world) != before
    fact = rolled_back(run)
    assert (fact.written, fact.kept) == (250, 0)
    assert held(world) == before


@pytest.mark.few(1)
@pytest.mark.parametrize("race", ["replace_as_read", "delete_as_read"])
@pytest.mark.whole
def test_a_writer_that_races_it_keeps_its_write(world: World, monkeypatch: pytest.MonkeyPatch, race: str) -> None:
    run, _ = overwritten(world)
    key = {"replace_as_read": "i00002", "delete_as_read": "i00003"}[race]
    newest = {"id": {"S": key}, "n": {"N": key[-1]}, "paid": {"BOOL": True}}
    send, done = getattr(guarded_write, race), list[int]()

    def raced(transport: Any, table: str, *more: Any) -> bytes:
        item = more[0]
        if item["id"] == {"S": key} and not done:
            done.append(1)
            world.put(world.target, world.dst("a"), [newest])
        return bytes(send(transport, table, *more))

    monkeypatch.setattr(guarded_write, race, raced)
    fact = rolled_back(run)
    assert (done, fact.kept, held(world)[key]) == ([1], 1, newest)


@pytest.mark.whole
def test_without_an_unbroken_recovery_nothing_is_written(world: World) -> None:
    run, _ = overwritten(world)
    after = held(world)
    recovery(world, False)
    (fact,) = roll_back(run, run.id)
    assert "should have point-in-time recovery and has not" in str(fact.failure)
    recovery(world, True)
    (fact,) = roll_back(run, run.id)
    assert "it was turned off meanwhile" in str(fact.failure)
    assert held(world) == after
    assert "PutItem" not in run.ledger.calls("target")


@pytest.mark.chaos
def test_what_the_run_had_recorded_otherwise_than_the_export_says_is_kept(world: World) -> None:
    """Somebody wrote between the moment that can be exported and the run's own look."""
    run, _ = overwritten(world)
    held_rows = run.ledger.rows("SELECT key FROM held_before WHERE source = ?", world.src("a"))
    other = [(bytes(16), world.src("a"), row["key"]) for row in held_rows]
    run.ledger.write("UPDATE held_before SET digest = ? WHERE source = ? AND key = ?", other)
    after = held(world)
    fact = rolled_back(run)
    assert (fact.restored, fact.kept, fact.disputed, fact.deleted) == (0, 15, 15, 15)
    said = rollback_sentence(report_run(run, judging=False).rollbacks[0])
    assert said.endswith("15 kept: 15 as the export of what was there before is not what this run had recorded")
    assert held(world) == {name: item for name, item in after.items() if name not in odd(30)}


@pytest.mark.chaos
@pytest.mark.parametrize("left", ["one", "other"])
@pytest.mark.parametrize("before", [True, False], ids=["replaced", "added"])
def test_a_key_that_the_export_names_twice_is_taken_back_once(
    world: World, monkeypatch: pytest.MonkeyPatch, left: str, before: bool
) -> None:
    """Either of the two may be what the run left there."""
    run, was = overwritten(world)
    key = "i00002" if before else "i00003"
    one, other = ({"id": {"S": key}, "n": {"N": key[-1]}}, {"id": {"S": key}, "other": {"BOOL": True}})
    read = rollback.exported_lines

    def twice(reader: Any, full: Any, secret: Any, left_out: Any = None) -> Any:
        for line in read(reader, full, secret, left_out):
            yield line
            if line.item == one:
                yield ExportedLine.of(other, orjson.dumps({"Item": other}), full.key, secret)

    monkeypatch.setattr(rollback, "exported_lines", twice)
    world.put(world.target, world.dst("a"), [one if left == "one" else other])
    fact = rolled_back(run)
    assert (fact.written, fact.restored, fact.deleted, fact.kept) == (30, 7, 15, 0)
    assert held(world) == was


def odd(count: int) -> set[str]:
    return {f"i{n:05}" for n in range(1, count, 2)}


def test_a_table_that_was_empty_before_is_empty_afterwards(world: World) -> None:
    world.pair("a", things(20))
    run = world.open()
    preflight(run)
    export_tables(run)
    import_tables(run)
    world.put(world.target, world.dst("a"), [{"id": {"S": "theirs"}}])
    fact = rolled_back(run)
    assert (fact.deleted, list(held(world))) == (20, ["theirs"])


def caught_up(world: World) -> tuple[Moving, Items]:
    """A run over a target that held items, which has then followed its source through two windows; and what it held.

    Of the keys that the windows delete the target held one and not the other, and one it held otherwise.
    """
    world.pair("a", things(30))
    recovery(world, True)
    old = [{"id": {"S": name}, "n": {"N": "-1"}} for name in ("i00001", "i00010", "new-0", "short-1", "theirs")]
    world.put(world.target, world.dst("a"), old)
    before = held(world)
    time.sleep(1.05)  # a restorable moment is a whole second
    config = world.config(**{"catch_up": SETTINGS, "import": {"on_non_empty": "overwrite"}})
    run = open_run(str(config), "r", True)
    preflight(run)
    load.export_tables(run)
    load.import_tables(run)
    moving = Moving(world, run, config)
    for round_ in range(2):
        live(moving, round_)
        moving.catch_up()
    world.let_target_pass("a", 10)
    return moving, before


@pytest.mark.whole
def test_what_windows_put_and_deleted_is_as_it_was_before_the_run(world: World) -> None:
    moving, before = caught_up(world)
    assert not held(world).keys() & {"i00010", "i00011", "short-0"}  # deleted by windows
    fact = rolled_back(moving.run)
    assert held(world) == before
    assert fact.kept == 0
    assert fact.restored >= 3  # i00001, which was overwritten, and i00010 and new-0, which windows deleted


@pytest.mark.chaos
def test_what_somebody_wrote_where_a_window_had_deleted_stays(world: World) -> None:
    moving, before = caught_up(world)
    theirs = [{"id": {"S": name}, "by": {"S": "somebody"}} for name in ("i00010", "i00011")]
    world.put(world.target, world.dst("a"), theirs)
    fact = rolled_back(moving.run)
    assert fact.kept == 2
    assert held(world) == before | {item["id"]["S"]: item for item in theirs}


@pytest.mark.chaos
def test_a_key_that_one_window_deleted_and_a_later_one_put_is_judged_by_the_last(world: World) -> None:
    """What the run left there is the item. That somebody has deleted it since is not the run's delete."""
    moving, before = caught_up(world)
    moving.write(item("i00010", 5))
    moving.minutes(20)
    moving.catch_up()
    world.let_target_pass("a", 10)
    world.target.delete_item(TableName=world.dst("a"), Key={"id": {"S": "i00010"}})
    fact = rolled_back(moving.run)
    assert fact.kept == 1
    assert held(world) == {name: there for name, there in before.items() if name != "i00010"}


@pytest.mark.chaos
@pytest.mark.parametrize("group", [1, 2])
def test_killed_over_windows_it_goes_on(world: World, monkeypatch: pytest.MonkeyPatch, group: int) -> None:
    moving, before = caught_up(world)
    monkeypatch.setattr(three_way, "KEYS_AT_ONCE", 10)
    look, looks = ThreeWay.looked_at, list[int]()

    def killed(self: ThreeWay, keys: list[WrittenKey]) -> Any:
        looks.append(1)
        if len(looks) == group + 1:
            raise KeyboardInterrupt
        return look(self, keys)

    with monkeypatch.context() as patch:
        patch.setattr(ThreeWay, "looked_at", killed)
        with pytest.raises(KeyboardInterrupt):
            roll_back(moving.run, moving.run.id)
    assert rolled_back(moving.run).kept == 0
    assert held(world) == before


@pytest.mark.whole
def test_what_a_later_run_has_written_too_is_not_taken_back(world: World) -> None:
    """Its items are equal to this run's, and its own for all that."""
    first, _ = overwritten(world)
    time.sleep(1.1)  # recovery knows whole seconds: what was written in the one in which a run begins is disputed
    second = world.open("second", **{"import": {"on_non_empty": "overwrite"}})
    preflight(second)
    export_tables(second)
    import_tables(second)
    assert validate_tables(second)[world.src("a")].verdict == "PASS"
    world.let_target_pass("a", 10)
    theirs = held(world)
    (fact,) = roll_back(first, first.id)
    assert fact.failure is not None
    assert "other runs have written to" in fact.failure
    assert "since: second" in fact.failure
    assert held(world) == theirs
    assert rolled_back(second).kept == 0  # the first was there before it: what that had written comes back
    assert held(world) == theirs


@pytest.mark.whole
def test_a_run_that_comes_during_a_rollback_writes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would put the very items that are about to be taken back, and prove them."""
    first, before = overwritten(world)
    second = world.open("second", **{"import": {"on_non_empty": "overwrite"}})
    preflight(second)
    export_tables(second)
    look, said = ThreeWay.looked_at, list[str]()

    def looking(self: ThreeWay, keys: list[WrittenKey]) -> Any:
        with pytest.raises(TransferError) as caught:
            import_tables(second)
        said.append(str(caught.value))
        return look(self, keys)

    with monkeypatch.context() as patch:
        patch.setattr(ThreeWay, "looked_at", looking)
        assert rolled_back(first).kept == 0
    assert all("'r' takes back what it wrote" in why for why in said)
    assert said
    assert held(world) == before
    import_tables(second)  # nobody keeps it out any more
    assert validate_tables(second)[world.src("a")].verdict == "PASS"


def test_where_no_register_says_who_wrote_nothing_is_taken_back(world: World) -> None:
    run, _ = overwritten(world)
    theirs = held(world)
    arn = world.target.describe_table(TableName=world.dst("a"))["Table"]["TableArn"]
    world.target.untag_resource(ResourceArn=arn, TagKeys=["runbook:register"])
    (fact,) = roll_back(run, run.id)
    assert "should name" in str(fact.failure)
    assert held(world) == theirs


@pytest.mark.whole
def test_an_export_of_before_that_lacks_an_item_takes_nothing_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it lacks would be deleted, for nothing seems to have been there."""
    run, _ = overwritten(world)
    theirs, read, calls = held(world), rollback.exported_lines, list[int]()

    def one_less(*arguments: Any) -> Any:
        calls.append(1)
        lines = list(read(*arguments))
        return iter(lines[1:] if len(calls) == 1 else lines)

    monkeypatch.setattr(rollback, "exported_lines", one_less)
    (fact,) = roll_back(run, run.id)
    assert "should hold 20 items, 19 were read; nothing was written" in str(fact.failure)
    assert held(world) == theirs


def test_after_a_cleanup_nothing_is_said_to_be_damaged_or_to_be_exported_again(world: World) -> None:
    """What a cleanup had removed was put down to a lifecycle rule, or the export was to be made again."""
    run, _ = overwritten(world, 6)
    (removal,) = clean_up(run, run.id)
    assert removal.done
    failure = roll_back(run, run.id)[0].failure
    assert failure
    assert failure.startswith(f"a cleanup has removed this run's export of {world.src('a')}, without which")
