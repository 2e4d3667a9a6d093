"""Windows that are applied by the workers of an engine: the same as by one process, whoever goes away."""

from __future__ import annotations

import random
from typing import Any

import pytest
import yaml

from runbook_lib.cluster.protocol import Message
from runbook_lib.errors import ConfigError, ExportError
from runbook_lib.headless.runner import Request, run_notebooks
from runbook_lib.load.distributed import coordinator as dispatch
from runbook_lib.load.distributed import worker as attempt
from runbook_lib.run.facts.windows import WindowState, windows_of
from runbook_lib.run.tables.windows import export_files
from tests.support.moving import Moving, item, live, moved
from tests.support.threads_engine import ThreadsEngine
from tests.support.window_workers import spread_over
from tests.support.world import World


def busy(moving: Moving, round_: int, count: int = 300) -> None:
    """Many changes of every kind, and then time."""
    moving.write(*[item(f"b{n:05}", 1000 * round_ + n) for n in range(count)], item("i00001", 5000 + round_))
    moving.delete(f"i000{10 + round_}", f"b{round_:05}", f"i000{30 + round_}")
    moving.minutes(20)


def sent(moving: Moving, window: Any) -> list[tuple[int, int]]:
    rows = export_files(moving.run.ledger, window.source, window.arn)
    return [(row.written, row.file.items) for row in rows]


@pytest.mark.whole
def test_windows_are_the_same_when_workers_apply_them(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    moving, chance, late = moved(world), random.Random(3), list[Message]()

    def on_way(message: Message) -> list[Message]:
        late.append(message)
        return [late[chance.randrange(len(late))]] + [message] * chance.choice([0, 1, 2])

    engine = ThreadsEngine(moving.run, on_way=on_way)
    asked = spread_over(monkeypatch, moving, engine)
    for round_ in range(2):
        live(moving, round_)
        busy(moving, round_)
        before, known = world.acknowledged(), len(windows_of(moving.run.ledger))
        windows = moving.catch_up()
        new = windows[known:]
        assert world.acknowledged() - before == sum(w.puts + w.deletes for w in new)  # each sent once
        assert moving.target() == moving.source()
    engine.close()
    assert set(asked) == {"catch_up"}
    assert len(engine.began) >= 2 * 4  # a unit for each file at least
    assert all(w.acknowledged == w.puts + w.deletes and not w.uncertain for w in windows)
    assert all(written == items for w in windows for written, items in sent(moving, w))
    calls = moving.run.ledger.rows("SELECT 1 FROM call WHERE side = 'target' AND operation = 'BatchWriteItem'")
    assert calls
    found = moving.validated()
    assert (found.verdict, found.reasons) == ("PASS", ())


@pytest.mark.chaos
def test_no_worker_is_asked_for_one_file_or_without_windows(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    moving = moved(world)
    engine = ThreadsEngine(moving.run)
    asked = spread_over(monkeypatch, moving, engine)
    moving.catch_up()
    moving.write(item("only", 1))
    moving.minutes(20)
    moving.catch_up()
    engine.close()
    assert asked == []
    assert moving.target() == moving.source()


@pytest.mark.whole
def test_a_file_whose_worker_went_away_goes_on_elsewhere_and_the_window_is_looked_at_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    moving = moved(world, catch_up={"quiet_seconds": 60}, **{"import": {"max_wcu": 400, "concurrency": 4}})
    engine = ThreadsEngine(moving.run)
    spread_over(monkeypatch, moving, engine)
    monkeypatch.setattr(dispatch, "LIFE", 1.0)
    monkeypatch.setattr(attempt, "PATIENCE", 1.5)
    waited: list[float] = []
    busy(moving, 0, 900)

    def cut_off(window: Any, done: int) -> None:
        if done > 100 and not engine.dead:
            engine.dead |= {"w0", "w1"}

    [first] = moving.catch_up(watch=cut_off, sleep=waited.append)
    assert len(engine.dead) == 2
    assert first.uncertain
    assert first.acknowledged == first.puts + first.deletes
    assert moving.target() == moving.source()
    assert 60 not in waited
    busy(moving, 1)
    [_, second] = moving.catch_up(sleep=waited.append)
    engine.close()
    assert 60 in waited  # before it, for what the two had sent last
    assert second.state is WindowState.APPLIED
    assert moving.target() == moving.source()


@pytest.mark.whole
def test_an_interrupted_catch_up_goes_on_from_what_workers_said_also_without_them(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    moving = moved(world, **{"import": {"max_wcu": 400}})
    engine = ThreadsEngine(moving.run)
    local = moving.run.config
    spread_over(monkeypatch, moving, engine)
    busy(moving, 0, 800)
    before = world.acknowledged()

    def interrupt(window: Any, done: int) -> None:
        if done > 100:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        moving.catch_up(watch=interrupt)
    engine.close()
    assert not engine.takers
    [window] = windows_of(moving.run.ledger)
    assert window.state is WindowState.APPLYING
    known = sum(written for written, _ in sent(moving, window))
    assert world.acknowledged() - before == known  # neither less nor more is recorded than was answered
    moving.run.config = local
    [window] = moving.catch_up()
    assert world.acknowledged() - before == window.puts + window.deletes
    assert window.uncertain
    assert moving.target() == moving.source()


@pytest.mark.chaos
def test_a_window_begins_when_every_worker_is_through_with_the_one_before(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    moving = moved(world)
    engine = ThreadsEngine(moving.run)
    spread_over(monkeypatch, moving, engine)
    going: list[set[str]] = []

    def watch(window: Any, done: int) -> None:
        if window.number > 1 and window.state is WindowState.READ:
            going.append(set(engine.takers))
            before = windows_of(moving.run.ledger, window.source)[window.number - 2]
            assert before.state is WindowState.APPLIED

    for round_ in range(2):
        busy(moving, round_)
        moving.minutes(60)
    moving.catch_up(watch=watch)
    engine.close()
    assert going
    assert all(not takers for takers in going)
    assert moving.target() == moving.source()


@pytest.mark.whole
def test_who_still_asks_for_a_file_of_the_window_before_is_given_none_of_this(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would write what has been changed since."""
    moving, asks, answers = moved(world), list[Message](), list[Message]()

    def on_way(message: Message) -> list[Message]:
        if message["lines"] is None and len(windows_of(moving.run.ledger)) == 1:
            asks.append(message)
        again = asks if len(windows_of(moving.run.ledger)) == 2 else []
        for ask in again:
            engine.takers[ask["attempt"]] = answers.append
        return [message, *again]

    engine = ThreadsEngine(moving.run, on_way=on_way)
    spread_over(monkeypatch, moving, engine)
    for round_ in range(2):
        busy(moving, round_)
        windows = moving.catch_up()
    engine.close()
    assert asks
    assert answers
    assert all(answer["over"] for answer in answers)
    assert not windows[1].uncertain
    assert moving.target() == moving.source()


def test_a_catch_up_without_its_scheduler_ends_before_anything_is_asked_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runbook_lib.cluster.dask.CONNECT_SECONDS", 0.3)
    moving = moved(world)
    busy(moving, 0, 3)
    settings = yaml.safe_load(moving.config.read_text(encoding="utf-8"))
    settings["engine"] = {"kind": "dask", "address": "tcp://127.0.0.1:9"}
    moving.config.write_text(yaml.safe_dump(settings), encoding="utf-8")
    exports = world.requests("ExportTableToPointInTime")
    with pytest.raises(ConfigError, match="expected a Dask scheduler"):
        run_notebooks(Request(moving.config, "r", execute=True, catch_up=True), lambda said: None)
    assert world.requests("ExportTableToPointInTime") == exports


@pytest.mark.chaos
def test_a_file_that_is_another_one_since_it_was_read_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    moving = moved(world)
    engine = ThreadsEngine(moving.run)
    spread_over(monkeypatch, moving, engine)
    busy(moving, 0)

    def damage(window: Any, done: int) -> None:
        if window.state is WindowState.READ:
            row = export_files(moving.run.ledger, window.source, window.arn)[0]
            world.put_object(row.file.key, b"something else")

    with pytest.raises(ExportError, match="MD5"):
        moving.catch_up(watch=damage)
    [window] = windows_of(moving.run.ledger)
    assert window.state is WindowState.APPLYING
    files = sent(moving, window)
    assert files[0][0] == 0
    assert all(written == items for written, items in files[1:])
    engine.close()
