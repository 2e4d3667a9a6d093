"""What tables that are done at once have together: room in the memory, and threads that can be stopped in a wait."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook_lib.cluster.at_once import Room, Share, TableThread, all_at_once
from tests.support.examples import examples

PATIENCE = 30.0


@settings(max_examples=examples(12), deadline=None)
@given(st.lists(st.integers(0, 130), min_size=1, max_size=8))
def test_no_more_is_held_than_there_is_room_for_and_everybody_has_a_turn(wanted: list[int]) -> None:
    room, lock, held, most, done = Room(100), threading.Lock(), 0, 0, 0

    def work(items: int, thread: TableThread[None]) -> None:
        nonlocal held, most, done
        with room.of(items, thread.check):
            with lock:
                held += min(items, 100)
                most = max(most, held)
            time.sleep(0)
            with lock:
                held, done = held - min(items, 100), done + 1

    all_at_once(wanted, work, 8, Share(), lambda news: None)
    assert (held, done) == (0, len(wanted))
    assert most <= 100


def test_who_waits_for_room_or_sleeps_is_stopped_with_the_others() -> None:
    room, all_begun, stopped = Room(1), threading.Barrier(3, timeout=PATIENCE), list[str]()

    def work(name: str, thread: TableThread[str]) -> None:
        try:
            if name == "holds and fails":
                with room.of(1):
                    all_begun.wait()
                    raise ValueError(name)
            all_begun.wait()
            if name == "sleeps":
                thread.sleep(PATIENCE)
            # Of the first somebody else lets go, of the second nobody will.
            with room.of(1, thread.check), room.of(1, thread.check):
                raise AssertionError("there was no room")
        except KeyboardInterrupt:
            stopped.append(name)
            raise

    began = time.monotonic()
    with pytest.raises(ValueError, match="holds and fails"):
        all_at_once(["holds and fails", "sleeps", "waits"], work, 3, Share(), lambda news: None)
    assert sorted(stopped) == ["sleeps", "waits"]
    assert time.monotonic() - began < PATIENCE / 2


def test_what_was_told_before_an_interrupt_is_shown_after_it() -> None:
    """A table that had ended by then stood there as it was before."""
    shown, told = list[str](), threading.Barrier(3)

    def work(name: str, thread: TableThread[str]) -> None:
        thread.tell(name)
        told.wait(PATIENCE)

    def watch(name: str) -> None:
        shown.append(name)
        if len(shown) == 1:
            told.wait(PATIENCE)  # both have told
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        all_at_once(["a", "b"], work, 2, Share(), watch)
    assert sorted(shown) == ["a", "b"]
