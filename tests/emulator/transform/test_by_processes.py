"""What worker processes of this machine make of a large table's files is what this process makes of them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from runbook_lib.cluster import spread
from runbook_lib.cluster.processes import Processes
from runbook_lib.errors import TransferError
from runbook_lib.preflight.step import preflight
from runbook_lib.run.facts.load import ENGINES, LocalEngine
from runbook_lib.run.facts.masking.transform import files_transformed
from runbook_lib.run.run import Run
from runbook_lib.run.tables.throughput import shifts
from runbook_lib.run.tables.unwritten import count_quarantined
from runbook_lib.transform import step
from runbook_lib.transform.step import transform_tables
from tests.support.made import derived_lines
from tests.support.masks import KEY_NAME, MASK_KEY, email_rule, keep_rule, mask, people
from tests.support.recorded import export_tables
from tests.support.world import World

HOOK = """
def transform(item, context):
    if int(item["n"]["N"]) % 10 == 3:
        raise ValueError("not this one")
    item["seen"] = {"S": context.table}
    return [item, {**item, "id": {"S": item["id"]["S"] + "b"}}] if int(item["n"]["N"]) % 10 == 5 else item
"""
ITEMS = 60
pytestmark = pytest.mark.whole


@pytest.fixture(autouse=True)
def every_table_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_NAME, MASK_KEY)
    monkeypatch.setattr(step, "LARGE_ITEMS", 1)
    monkeypatch.setattr(spread, "UNIT_ITEMS", 1)  # each file is a unit


def exported(world: World, run_id: str, processes: int, *rules: dict[str, Any], **more: Any) -> Run:
    rules = rules or (email_rule(), keep_rule("n"), keep_rule("seen"))
    settings: dict[str, Any] = {"import": {"quarantine_limit": 100}, "validate": {"processes": processes}}
    run = world.open(run_id, transform=mask(*rules, **more), **settings)
    assert preflight(run).blockers == ()
    export_tables(run)
    return run


def made(world: World, run: Run) -> tuple[Any, ...]:
    files = files_transformed(run.ledger, world.src("a"))
    refused = count_quarantined(run.ledger, world.src("a"))
    counts = sorted((f.ordinal, repr(f.counts), f.values, f.dropped, f.shrunk) for f in files)
    return refused, counts, sorted(derived_lines(run, world.src("a")))


@pytest.fixture
def hooked(world: World) -> dict[str, Any]:
    (world.folder / "own.py").write_text(HOOK)
    return {"hook": "own.py:transform", "filter": {"keep": "n < :most", "values": {":most": 50}}}


def test_two_processes_make_what_one_makes(world: World, engines: list[Processes], hooked: dict[str, Any]) -> None:
    world.pair("a", people(ITEMS))
    one, two = (exported(world, f"r{many}", many, **hooked) for many in (1, 2))
    for run in (one, two):
        transform_tables(run)
    assert [len(engine.workers) for engine in engines] == [2]
    assert made(world, two)[0] == 5
    assert made(world, one) == made(world, two)
    assert ENGINES.of(two.ledger, "transform") == LocalEngine("local", 2)
    assert {row.worker for row in shifts(two.ledger)} <= {"worker 1", "worker 2"}
    secret = MASK_KEY.encode()
    assert not [f for f in two.folder.rglob("*") if f.is_file() and secret in f.read_bytes()]


@pytest.mark.chaos
def test_values_without_a_rule_are_named_as_by_one_process(world: World, engines: list[Processes]) -> None:
    world.pair("a", people(ITEMS))
    told = []
    for number, many in enumerate((1, 2)):
        run = exported(world, f"r{number}", many, email_rule())
        with pytest.raises(TransferError, match="n") as error:
            transform_tables(run)
        told.append(str(error.value))
    assert told[0] == told[1]
    assert len(engines) == 1


@pytest.mark.few(1)
@pytest.mark.parametrize("every", [False, True], ids=["one is killed", "all are, again and again"])
def test_what_a_killed_process_had_is_made_again(
    world: World, engines: list[Processes], monkeypatch: pytest.MonkeyPatch, *, every: bool
) -> None:
    world.pair("a", people(ITEMS))
    run = exported(world, "r", 2)
    submit, killed = Processes.submit, list[int]()

    def then_kill(engine: Processes, work: Callable[..., Any], *arguments: Any) -> Any:
        future = submit(engine, work, *arguments)
        if work.__name__ == "rewrite_files" and (every or not killed):
            killed.append(future.process.pid)
            with suppress(ProcessLookupError):  # it had just been killed for the unit before
                os.kill(future.process.pid, signal.SIGKILL)
        return future

    monkeypatch.setattr(Processes, "submit", then_kill)
    if every:
        with pytest.raises(TransferError, match=r"went away 5 times|no worker process could be started"):
            transform_tables(run)
        monkeypatch.undo()
        monkeypatch.setenv(KEY_NAME, MASK_KEY)
    fact = transform_tables(run)[world.src("a")]
    assert killed
    assert fact.counts is not None
    assert (fact.counts.exported, fact.counts.kept) == (ITEMS, ITEMS)
    assert len(derived_lines(run, world.src("a"))) == ITEMS


@pytest.mark.chaos
def test_a_hook_that_changes_while_it_is_at_work_ends_it(
    world: World, hooked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.pair("a", people(ITEMS))
    run = exported(world, "r", 2, **hooked)
    submit = Processes.submit

    def after_a_change(engine: Processes, work: Callable[..., Any], *arguments: Any) -> Any:
        Path(world.folder / "own.py").write_text(HOOK + "# changed\n")
        return submit(engine, work, *arguments)

    monkeypatch.setattr(Processes, "submit", after_a_change)
    with pytest.raises(TransferError, match="was changed while it was at work"):
        transform_tables(run)
    assert files_transformed(run.ledger, world.src("a")) == []


@pytest.mark.chaos
def test_processes_that_do_not_reach_both_sides_are_done_without(
    world: World, engines: list[Processes], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.pair("a", people(ITEMS))
    run = exported(world, "r", 2)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    fact = transform_tables(run)[world.src("a")]
    assert fact.counts is not None
    assert fact.counts.kept == ITEMS
    assert len(engines) == 1
    assert ENGINES.of(run.ledger, "transform") is None
