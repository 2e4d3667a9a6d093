"""Several tables at once: which are begun when, what is shown by whom, and how all of them are stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from runbook_lib.cluster.at_once import Share
from runbook_lib.errors import ResumeRefused, TransferError
from runbook_lib.load.side_by_side import side_by_side
from runbook_lib.load.table_load import TableProgress
from runbook_lib.load.table_writer import TableToFill
from runbook_lib.run.facts.load import IMPORTS, ImportStatus
from runbook_lib.run.ledger import Ledger

PATIENCE = 30.0
Fill = Callable[[int], list[TableToFill]]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(tmp_path / "ledger.sqlite")
    yield made
    made.close()


@pytest.fixture
def tables(ledger: Ledger) -> Fill:
    """So many tables, the smallest first, called 0, 1, 2 ..."""

    def make(many: int) -> list[TableToFill]:
        run: Any = SimpleNamespace(ledger=ledger)
        pairs: list[Any] = [SimpleNamespace(source=str(n), target=f"to-{n}") for n in range(many)]
        exports: list[Any] = [SimpleNamespace(items=n) for n in range(many)]
        return [TableToFill(run, pair, export, nobody) for pair, export in zip(pairs, exports, strict=True)]

    return make


def nobody(progress: TableProgress) -> None:
    """Looks at nothing."""


def shown(table: TableToFill, done: int) -> TableProgress:
    return TableProgress(table.pair.source, table.pair.target, table.export.items, done)


def test_as_many_tables_as_may_are_worked_on_at_once_and_no_more(tables: Fill) -> None:
    together = threading.Barrier(4, timeout=PATIENCE)
    lock, at_work, most = threading.Lock(), 0, 0

    def work(table: TableToFill) -> None:
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        together.wait()
        with lock:
            at_work -= 1
        together.wait()

    assert side_by_side(tables(8), work, 4, Share(), nobody) == {}
    assert most == 4


def test_half_of_the_threads_begin_with_the_smallest_and_half_with_the_largest(tables: Fill) -> None:
    lock, begun, both = threading.Lock(), list[str](), threading.Barrier(2, timeout=PATIENCE)

    def work(table: TableToFill) -> None:
        with lock:
            begun.append(table.pair.source)
        both.wait()

    side_by_side(tables(6), work, 2, Share(), nobody)
    assert [set(begun[n : n + 2]) for n in (0, 2, 4)] == [{"0", "5"}, {"1", "4"}, {"2", "3"}]


def test_what_is_shown_is_shown_by_the_callers_thread_as_it_was_when_it_was_told(tables: Fill) -> None:
    seen: list[tuple[str, int]] = []

    def work(table: TableToFill) -> None:
        progress = shown(table, 0)
        for done in range(1, 4):
            progress.done = done
            table.watch(progress)

    def watch(progress: TableProgress) -> None:
        assert threading.current_thread() is threading.main_thread()
        seen.append((progress.source, progress.done))

    side_by_side(tables(3), work, 3, Share(), watch)
    assert sorted(seen) == [(str(n), done) for n in range(3) for done in (1, 2, 3)]


def test_a_table_that_fails_does_not_stop_the_others_and_is_recorded(tables: Fill, ledger: Ledger) -> None:
    done: list[str] = []

    def work(table: TableToFill) -> None:
        if table.pair.source in "13":
            raise TransferError(f"no {table.pair.source}")
        done.append(table.pair.source)

    assert side_by_side(tables(5), work, 2, Share(), nobody) == {"1": "no 1", "3": "no 3"}
    assert sorted(done) == ["0", "2", "4"]
    failed = IMPORTS.all(ledger)
    assert {name: (fact.status, fact.failure) for name, fact in failed.items()} == {
        "1": (ImportStatus.FAILED, "no 1"),
        "3": (ImportStatus.FAILED, "no 3"),
    }


def going_on(stopped: list[str]) -> Callable[[TableToFill], None]:
    """Work that goes on until it is stopped where it says how far it is."""

    def work(table: TableToFill) -> None:
        try:
            for done in range(int(PATIENCE / 0.01)):
                table.watch(shown(table, done))
                threading.Event().wait(0.01)
        finally:
            stopped.append(table.pair.source)

    return work


def test_an_interrupt_stops_every_table_and_begins_no_other(tables: Fill, ledger: Ledger) -> None:
    stopped: list[str] = []

    def watch(progress: TableProgress) -> None:
        if progress.done > 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        side_by_side(tables(6), going_on(stopped), 3, Share(), watch)
    assert sorted(stopped) == ["0", "1", "5"]
    assert IMPORTS.all(ledger) == {}  # stopped is not failed


@pytest.mark.parametrize("cause", [ResumeRefused("another export"), ValueError("a fault of ours")])
def test_what_ends_all_of_them_is_raised_and_not_that_the_others_were_stopped(tables: Fill, cause: Exception) -> None:
    stopped: list[str] = []
    others, all_begun = going_on(stopped), threading.Barrier(3, timeout=PATIENCE)

    def work(table: TableToFill) -> None:
        all_begun.wait()
        if table.pair.source == "5":
            raise cause
        others(table)

    with pytest.raises(type(cause), match=str(cause)):
        side_by_side(tables(6), work, 3, Share(), nobody)
    assert sorted(stopped) == ["0", "1"]


def test_a_table_gets_more_of_what_is_shared_when_no_other_is_waiting(tables: Fill) -> None:
    share, first, seen = Share(), threading.Event(), list[int]()

    def work(table: TableToFill) -> None:
        if table.pair.source == "3":
            seen.append(share.of(256))
            first.wait(PATIENCE)
            while share.tables > 1:
                threading.Event().wait(0.01)
            seen.append(share.of(256))
        elif table.pair.source == "2":
            first.set()

    side_by_side(tables(4), work, 4, share, nobody)
    assert seen == [64, 256]
    assert share.of(1) == 1


def test_one_table_is_done_by_the_caller_itself(tables: Fill) -> None:
    def work(table: TableToFill) -> None:
        assert threading.current_thread() is threading.main_thread()
        assert table.watch is nobody

    assert side_by_side(tables(1), work, 8, Share(), nobody) == {}
    assert side_by_side(tables(3), work, 1, Share(), nobody) == {}
    assert side_by_side([], work, 8, Share(), nobody) == {}
