"""A window whose files are damaged is asked for again by the next start, as long as nothing of it is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from runbook_lib.catchup import table as catching_up
from runbook_lib.cutover import quiet
from runbook_lib.errors import ExportError
from runbook_lib.preflight.step import preflight
from runbook_lib.run.facts.cut_over.gates import QUIET_AFTERWARDS, Gate, GateState
from runbook_lib.run.facts.windows import WindowFact, WindowState, windows_of
from runbook_lib.run.run import Run, open_cleanup, open_run
from runbook_lib.run.tables.windows import export_files
from runbook_lib.transform.step import transform_tables
from runbook_lib.undo.cleanup import clean_up
from tests.support.cutting_over import cut, readied, states
from tests.support.masks import KEY_NAME, MASK_KEY, mask
from tests.support.moving import SETTINGS, Moving, live, moved
from tests.support.recorded import export_tables, import_tables
from tests.support.world import World, things

AGAIN = "run the same command again with --execute, which asks for another export of it"


def gone(world: World, key: str) -> None:
    world.s3.delete_object(Bucket=world.bucket, Key=key)


def other_bytes(world: World, key: str) -> None:
    world.put_object(key, b"damaged")


def damaging(world: World, run: Run, how: Callable[[World, str], None] = gone) -> Callable[[WindowFact], None]:
    return lambda fact: damage(world, run, fact, how)


def damage(world: World, run: Run, fact: WindowFact, how: Callable[[World, str], None]) -> None:
    for row in export_files(run.ledger, fact.source, str(fact.arn)):
        how(world, row.file.key)


def exports_in_bucket(world: World) -> list[str]:
    listed = world.s3.list_objects_v2(Bucket=world.bucket).get("Contents", [])
    return [entry["Key"] for entry in listed if "AWSDynamoDB" in entry["Key"]]


def before(
    monkeypatch: pytest.MonkeyPatch,
    module: Any,
    name: str,
    act: Callable[[Any], None],
    which: Callable[[WindowFact], object] = lambda fact: True,
) -> None:
    """Have such a window be damaged, once, right before it is read by a function whose arguments have it."""
    real, done = getattr(module, name), list[bool]()

    def acting(*arguments: Any, **more: Any) -> Any:
        fact = next(each for each in arguments if isinstance(each, WindowFact))
        if not done and which(fact):
            done.append(True)
            act(fact)
        return real(*arguments, **more)

    monkeypatch.setattr(module, name, acting)


@pytest.mark.parametrize("how", [gone, other_bytes])
@pytest.mark.few(1)
@pytest.mark.whole
def test_a_window_that_is_damaged_before_it_is_read_is_exported_again(
    world: World, monkeypatch: pytest.MonkeyPatch, how: Callable[[World, str], None]
) -> None:
    moving = moved(world)
    live(moving, 0)
    target, arns = moving.target(), set[str | None]()
    for _ in range(2):
        with monkeypatch.context() as patch:
            before(patch, catching_up, "read_window", damaging(world, moving.run, how))
            with pytest.raises(ExportError, match=AGAIN):
                moving.catch_up()
        (fact,) = windows_of(moving.run.ledger)
        assert (fact.state, moving.target()) == (WindowState.ASKED, target)
        arns.add(fact.arn)
    (fact,) = moving.catch_up()
    assert fact.state is WindowState.APPLIED
    assert len({*arns, fact.arn}) == 3
    assert (moving.target(), moving.validated().verdict) == (moving.source(), "PASS")
    moving.run.ledger.close()
    clean_up(open_cleanup(str(moving.config), "r", True, ""), "r", sleep=lambda seconds: None)
    assert exports_in_bucket(world) == []


@pytest.mark.chaos
@pytest.mark.parametrize("flaw", ["duplicate-key", "skewed-clock"])
def test_a_window_that_was_exported_wrong_is_exported_again(world: World, flaw: str) -> None:
    moving = moved(world)
    live(moving, 0)
    world.fault(operation="ExportTableToPointInTime", kind=flaw, table=world.src("a"), times=1)
    with pytest.raises(ExportError, match=AGAIN):
        moving.catch_up()
    moving.catch_up()
    assert moving.target() == moving.source()


@pytest.mark.chaos
@pytest.mark.parametrize("read_by", ["derive_window", "read_window"])
def test_of_a_masked_window_the_transform_is_made_again_too(
    world: World, monkeypatch: pytest.MonkeyPatch, read_by: str
) -> None:
    monkeypatch.setenv(KEY_NAME, MASK_KEY)
    moving = masked(world)
    live(moving, 0)
    before(monkeypatch, catching_up, read_by, damaging(world, moving.run))
    target = moving.target()
    with pytest.raises(ExportError, match=AGAIN):
        moving.catch_up()
    assert moving.target() == target
    moving.catch_up()
    assert (moving.target(), moving.validated().verdict) == (moving.source(), "PASS")
    moving.run.ledger.close()
    clean_up(open_cleanup(str(moving.config), "r", True, ""), "r", sleep=lambda seconds: None)
    assert exports_in_bucket(world) == []


def masked(world: World) -> Moving:
    """A table that is exported, transformed by rules that keep all of it, and loaded."""
    world.pair("a", things(20))
    config = world.config(transform=mask({"path": "*", "with": "keep"}), catch_up=SETTINGS)
    run = open_run(str(config), "r", True)
    assert preflight(run).blockers == ()
    export_tables(run)
    transform_tables(run)
    import_tables(run)
    return Moving(world, run, config)


@pytest.mark.chaos
def test_a_look_after_the_go_asks_for_a_damaged_window_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    moving = moved(world)
    live(moving, 0)
    moving.catch_up()
    moving.validated()
    cut(moving, moving.now())
    moving.minutes(40)
    before(monkeypatch, quiet, "raw_window", damaging(world, moving.run))
    with pytest.raises(ExportError, match=AGAIN):
        cut(moving)
    assert QUIET_AFTERWARDS.all(moving.run.ledger) == {}
    cut(moving)
    assert QUIET_AFTERWARDS.needed(moving.run.ledger, world.src("a")).late == 0


@pytest.mark.chaos
def test_a_window_that_is_in_the_target_in_part_is_not_exported_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    moving = moved(world)
    live(moving, 0)
    before(monkeypatch, catching_up, "send_window", damaging(world, moving.run))
    for _ in range(2):
        with pytest.raises(ExportError, match="is named by the manifest and missing") as told:
            moving.catch_up()
        assert AGAIN not in str(told.value)
    assert [fact.state for fact in windows_of(moving.run.ledger)] == [WindowState.APPLYING]


@pytest.mark.whole
def test_a_damaged_window_before_the_go_takes_nothing_from_those_that_are_applied(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has their numbers, but not their changes; without these the proof fails, and no go is possible any more."""
    moving = readied(moved(world))
    waiting = [Gate.SMOKE]

    def pause(at: Gate, fact: Any) -> None:
        if at in waiting:
            waiting.clear()
            moving.minutes(20)

    with monkeypatch.context() as patch:
        before(patch, quiet, "raw_window", damaging(world, moving.run, other_bytes), lambda fact: fact.before_go)
        with pytest.raises(ExportError, match=f"Nothing of window 1 before the go of .*{AGAIN}"):
            cut(moving, moving.now(), watch=pause)
    cut(moving, "")
    assert states(moving)[Gate.GO] == GateState.PASSED
    assert moving.target() == moving.source()
