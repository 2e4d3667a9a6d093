"""Worker processes: what they answer, what becomes of units whose process ends, and that none is left."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runbook_lib.cluster import processes as module
from runbook_lib.cluster.processes import Processes, processors, worker_processes
from runbook_lib.errors import TransferError
from tests.support.units import (
    converses,
    dies,
    dies_once,
    doubled,
    fails,
    goes_on,
    says_nothing_that_can_be_sent,
)

PATIENCE = 60.0


@pytest.fixture(scope="module")
def engine() -> Iterator[Processes]:
    with worker_processes(2) as opened:
        yield opened


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_units_are_spread_over_all_processes(engine: Processes) -> None:
    answers = [unit.result(PATIENCE) for unit in [engine.submit(doubled, n) for n in range(40)]]
    assert [answer["doubled"] for answer in answers] == list(range(0, 80, 2))
    assert {answer["pid"] for answer in answers} == {worker.pid for worker in engine.workers}
    assert os.getpid() not in {answer["pid"] for answer in answers}
    assert engine.facts() == {"workers": 2, "slots": 8}


def test_a_unit_that_fails_says_why_and_its_process_goes_on(engine: Processes) -> None:
    before = {worker.pid for worker in engine.workers}
    error = engine.submit(fails, "for a reason").exception(PATIENCE)
    assert error is not None
    assert not engine.is_loss(error)
    assert "ValueError: for a reason" in str(error)
    unsent = engine.submit(says_nothing_that_can_be_sent).exception(PATIENCE)
    assert unsent is not None
    assert not engine.is_loss(unsent)
    assert {worker.pid for worker in engine.workers} == before


def test_a_process_that_dies_is_a_loss_of_its_units_alone_and_is_replaced(engine: Processes, tmp_path: Path) -> None:
    others = [engine.submit(goes_on, 0.5) for _ in range(2)]
    lost = engine.submit(dies)
    error = lost.exception(PATIENCE)
    assert error is not None
    assert engine.is_loss(error)
    assert "signal 9" in str(error)
    outcomes = [unit.exception(PATIENCE) for unit in others]
    assert sorted(outcome is None for outcome in outcomes) == [False, True]  # one was at each
    mark = str(tmp_path / "mark")
    first = engine.submit(dies_once, mark).exception(PATIENCE)
    assert first is not None
    assert engine.is_loss(first)
    assert engine.submit(dies_once, mark).result(PATIENCE)["pid"] in {worker.pid for worker in engine.workers}
    engine.check()


def test_a_unit_that_is_cancelled_ends_at_once(engine: Processes) -> None:
    unit = engine.submit(goes_on, 600.0)
    pid = unit.process.pid  # type: ignore[attr-defined]
    unit.cancel()
    assert unit.cancelled()
    until = time.monotonic() + PATIENCE
    while is_there(pid):
        assert time.monotonic() < until
        time.sleep(0.02)
    assert engine.submit(doubled, 4).result(PATIENCE)["doubled"] == 8


def test_a_unit_says_something_while_it_works_and_is_answered(engine: Processes) -> None:
    unit = engine.submit(converses, "a unit")
    said = engine.inbox.get(timeout=PATIENCE)
    assert said["from"] == "a unit"
    engine.post("nobody", [{"to": "a unit"}])
    engine.post(said["worker"], [{"to": "another"}, {"to": "a unit", "text": "yes"}])
    assert unit.result(PATIENCE) == {"answers": [{"to": "a unit", "text": "yes"}]}


def test_all_have_ended_when_the_block_has_whatever_they_were_at() -> None:
    began = time.monotonic()
    with worker_processes(2) as opened:
        units = [opened.submit(goes_on, 600.0) for _ in range(12)]
        pids = [worker.pid for worker in opened.workers]
    assert not any(map(is_there, pids))
    assert all(opened.is_loss(error) for error in (unit.exception(PATIENCE) for unit in units) if error)
    assert time.monotonic() - began < PATIENCE


def test_processes_that_cannot_be_started_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MODULE", "runbook_lib.cluster.nowhere")
    with worker_processes(2) as opened:
        error = opened.submit(doubled, 1).exception(PATIENCE)
        assert error is not None
        assert opened.is_loss(error)
        opened.submit(doubled, 1).exception(PATIENCE)
        with pytest.raises(TransferError, match=r"no worker process could be started.*validate\.processes to 1"):
            opened.check()


@pytest.mark.parametrize(
    ("quota", "least", "most"), [("150000 100000", 1, 1), ("max 100000", 1, 8), ("what?", 1, 8), (None, 1, 8)]
)
def test_a_container_keeps_as_many_busy_as_its_quota_allows(
    quota: str | None, least: int, most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cpu.max"
    if quota is not None:
        file.write_text(quota + "\n", encoding="ascii")
    monkeypatch.setattr(module, "CPU_QUOTA", file)
    assert least <= processors() <= most


def test_a_process_that_is_stopped_is_a_loss_of_its_units_and_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody looks, whoever waits for its answer waits for ever."""
    monkeypatch.setattr(module, "SILENT_LOOKS", 3)
    with worker_processes(1) as opened:
        pid = opened.submit(doubled, 1).result(PATIENCE)["pid"]
        os.kill(pid, signal.SIGSTOP)
        unit, looks = opened.submit(doubled, 2), 0
        until = time.monotonic() + PATIENCE
        while not unit.done():
            assert time.monotonic() < until
            opened.check()
            looks += 1
            time.sleep(0.05)
        assert looks < 100  # many more would fill the socket, and a send that waits for ever ends it as well
        error = unit.exception()
        assert error is not None
        assert opened.is_loss(error)
        assert opened.submit(doubled, 3).result(PATIENCE)["doubled"] == 6
        assert not is_there(pid)


def test_a_process_that_works_for_long_is_not_taken_for_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SILENT_LOOKS", 10)
    with worker_processes(1) as opened:
        unit = opened.submit(goes_on, 2.0)
        opened.submit(doubled, 1).result(PATIENCE)  # it is ready
        while not unit.done():
            opened.check()
            time.sleep(0.1)
        assert unit.exception() is None


def test_what_is_sent_to_a_process_that_takes_nothing_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEND_SECONDS", 1)
    with worker_processes(1) as opened:
        pid = opened.submit(doubled, 1).result(PATIENCE)["pid"]
        os.kill(pid, signal.SIGSTOP)
        error = opened.submit(doubled, bytes(8 << 20)).exception(PATIENCE)
        assert error is not None
        assert opened.is_loss(error)
