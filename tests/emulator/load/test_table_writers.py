"""Whatever fills targets is asked the same, in an order in which what goes on by itself does so meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from runbook_lib.errors import ResumeRefused, TableError, TransferError
from runbook_lib.export.step import export_tables
from runbook_lib.load import step
from runbook_lib.load.by_batch_write import BatchTableWriter
from runbook_lib.load.table_writer import TableToFill
from runbook_lib.plan.writing import Writing
from runbook_lib.preflight.step import preflight
from runbook_lib.run.facts.load import IMPORTS, ImportFact, ImportStatus
from runbook_lib.run.facts.plan import PAIRS
from runbook_lib.run.run import Run
from tests.support.world import World, things


@dataclass(slots=True)
class Service:
    """Something that fills targets by itself, and tells what it was asked; `fails` when it is asked that."""

    asked: list[tuple[str, str]]
    fails: str = ""
    error: type[Exception] = TableError

    def check(self, table: TableToFill) -> None:
        self._note("check", table)

    def begin(self, table: TableToFill) -> None:
        self._note("begin", table)

    def finish(self, table: TableToFill) -> None:
        self._note("finish", table)

    def _note(self, what: str, table: TableToFill) -> None:
        self.asked.append((what, table.pair.source))
        if what == self.fails:
            raise self.error(f"{what} failed")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What both ways are asked; a table written here is told at its end."""
    told: list[tuple[str, str]] = []
    monkeypatch.setitem(step.SERVICES, Writing.IMPORT_TABLE, lambda sleep: Service(told))
    finish = BatchTableWriter.finish

    def finished(writer: BatchTableWriter, table: TableToFill) -> None:
        finish(writer, table)
        told.append(("written", table.pair.source))

    monkeypatch.setattr(BatchTableWriter, "finish", finished)
    return told


def three_tables(world: World, *, execute: bool = True) -> Run:
    """Exported: `a` and `c`, which a service fills, and `b`, which is written here."""
    for name in "abc":
        world.pair(name, things(3))
    run = world.open(execute=execute)
    preflight(run)
    export_tables(run)
    for name in "ac":
        planned = PAIRS.needed(run.ledger, world.src(name))
        pair = replace(planned.pair, writing=Writing.IMPORT_TABLE)
        PAIRS.record(run.ledger, world.src(name), replace(planned, pair=pair))
    return run


def test_a_service_is_begun_before_anything_is_written_here_and_followed_after_it(
    world: World, asked: list[tuple[str, str]]
) -> None:
    run = three_tables(world)
    step.import_tables(run)
    a, b, c = (world.src(name) for name in "abc")
    assert asked == [("begin", a), ("begin", c), ("written", b), ("finish", a), ("finish", c)]


@pytest.mark.whole
def test_a_table_that_was_not_begun_is_not_finished_and_stops_no_other(
    world: World, asked: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, (a, b, c) = three_tables(world), (world.src(name) for name in "abc")
    monkeypatch.setitem(step.SERVICES, Writing.IMPORT_TABLE, lambda sleep: Service(asked, "begin"))
    with pytest.raises(TransferError, match=f"{a}: begin failed; {c}: begin failed"):
        step.import_tables(run)
    assert asked == [("begin", a), ("begin", c), ("written", b)]
    failed = ImportFact(ImportStatus.FAILED, failure="begin failed")
    assert (IMPORTS.of(run.ledger, a), IMPORTS.needed(run.ledger, b).status) == (failed, ImportStatus.COMPLETED)


def test_a_checkpoint_of_something_else_ends_the_step(
    world: World, asked: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = three_tables(world)
    monkeypatch.setitem(step.SERVICES, Writing.IMPORT_TABLE, lambda sleep: Service(asked, "begin", ResumeRefused))
    with pytest.raises(ResumeRefused, match="begin failed"):
        step.import_tables(run)
    assert asked == [("begin", world.src("a"))]


@pytest.mark.chaos
def test_a_dry_run_only_checks(world: World, asked: list[tuple[str, str]]) -> None:
    run = three_tables(world, execute=False)
    step.import_tables(run)
    assert asked == [("check", world.src("a")), ("check", world.src("c"))]
    assert IMPORTS.needed(run.ledger, world.src("b")).status == ImportStatus.DRY_RUN
    assert world.items(world.target, world.dst("b")) == []
