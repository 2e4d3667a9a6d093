"""What worker processes of this machine keep of a large window is what this process keeps of it."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest

from runbook_lib.catchup import table as catching_up
from runbook_lib.catchup.read import read_window
from runbook_lib.cluster import spread
from runbook_lib.cluster.processes import Processes
from runbook_lib.errors import ExportError
from runbook_lib.run.facts.load import ENGINES, LocalEngine
from runbook_lib.run.facts.windows import windows_of
from runbook_lib.run.steps import CATCH_UP
from runbook_lib.run.tables.windows import export_files
from tests.support.moving import Moving, item, moved
from tests.support.world import World

pytestmark = pytest.mark.usefixtures("every_window_is_large")


@pytest.fixture
def every_window_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """And each file of it a unit."""
    monkeypatch.setattr(spread, "LARGE_CHANGES", 1)
    monkeypatch.setattr(spread, "UNIT_ITEMS", 1)


def written(world: World, processes: int) -> Moving:
    moving = moved(world, 40, validate={"processes": processes})
    moving.write(*(item(f"i{n:05}", -n) for n in range(30)), *(item(f"new{n}", n) for n in range(20)))
    moving.delete("i00031", "i00032")
    moving.minutes(20)
    return moving


def kept(moving: Moving) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in moving.run.ledger.rows("SELECT * FROM change ORDER BY source, key, number")]


@pytest.mark.whole
def test_two_processes_keep_what_one_keeps(world: World, engines: list[Processes]) -> None:
    moving = written(world, 2)
    moving.catch_up()
    assert moving.target() == moving.source()
    by_two = kept(moving)
    assert len(by_two) == 52
    assert [len(engine.workers) for engine in engines] == [2]
    assert ENGINES.of(moving.run.ledger, CATCH_UP) == LocalEngine("local", 2)
    (fact,) = windows_of(moving.run.ledger)
    assert fact.broken == 0
    (pair,) = moving.run.planned_pairs()
    assert pair.source_facts is not None
    with patch.object(spread, "LARGE_CHANGES", 1 << 40):  # it is read anew where its digests are of another secret
        read_window(moving.run, replace(fact, digests="another"), pair.source_facts.key)
    assert kept(moving) == by_two
    assert len(engines) == 1
    assert moving.validated().verdict == "PASS"


@pytest.mark.chaos
@pytest.mark.parametrize("body", [None, b"damaged"], ids=["gone", "other bytes"])
def test_a_damaged_file_is_named_and_its_window_exported_anew(
    world: World, engines: list[Processes], body: bytes | None
) -> None:
    moving = written(world, 2)

    def after_damage(run: Any, fact: Any, key: Any) -> Any:
        for row in export_files(run.ledger, fact.source, str(fact.arn)):
            if body is None:
                world.s3.delete_object(Bucket=world.bucket, Key=row.file.key)
            else:
                world.put_object(row.file.key, body)
        return read_window(run, fact, key)

    with patch.object(catching_up, "read_window", after_damage), pytest.raises(ExportError, match="another export"):
        moving.catch_up()
    assert kept(moving) == []
    moving.catch_up()
    assert len(kept(moving)) == 52
    assert moving.target() == moving.source()
    assert len(engines) == 2


@pytest.mark.chaos
@pytest.mark.parametrize("every", [False, True], ids=["one is killed", "all are, again and again"])
def test_what_a_killed_process_had_is_read_again(world: World, engines: list[Processes], *, every: bool) -> None:
    moving = written(world, 2)
    submit, killed = Processes.submit, list[int]()

    def then_kill(engine: Processes, work: Any, *arguments: Any) -> Any:
        future = submit(engine, work, *arguments)
        if work.__name__ == "read_files" and (every or not killed):
            killed.append(future.process.pid)
            with suppress(ProcessLookupError):
                os.kill(future.process.pid, signal.SIGKILL)
        return future

    with patch.object(Processes, "submit", then_kill):
        if every:
            with pytest.raises(ExportError, match=r"went away 5 times|no worker process could be started"):
                moving.catch_up()
            assert kept(moving) == []
        else:
            moving.catch_up()
    moving.catch_up()
    assert killed
    assert len(kept(moving)) == 52
    assert moving.target() == moving.source()
