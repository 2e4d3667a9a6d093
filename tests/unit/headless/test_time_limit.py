"""A limit of time interrupts what runs, once, and tells a person's Ctrl-C apart."""

from __future__ import annotations

import signal
import time

import pytest

from runbook_lib.headless.time_limit import TimeLimit


def test_what_runs_is_interrupted_when_the_time_is_up() -> None:
    limit, reached = TimeLimit(0.05), False
    with limit.held():
        time.sleep(10)
        reached = True
    assert limit.is_up
    assert not reached


def test_within_the_time_nothing_is_interrupted_and_nothing_comes_later() -> None:
    before = signal.getsignal(signal.SIGALRM), signal.getsignal(signal.SIGTERM)
    limit = TimeLimit(0.1)
    with limit.held():
        assert not limit.is_up
    time.sleep(0.15)
    assert limit.is_up
    assert (signal.getsignal(signal.SIGALRM), signal.getsignal(signal.SIGTERM)) == before


def test_a_person_who_interrupts_is_not_taken_for_the_clock() -> None:
    with pytest.raises(KeyboardInterrupt), TimeLimit(60).held():
        signal.raise_signal(signal.SIGINT)


def test_what_may_not_be_interrupted_is_not_by_the_clock_either() -> None:
    """A run that publishes lets no signal in; the next thing to begin asks whether the time is up."""
    limit = TimeLimit(0.05)
    with limit.held():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(0.2)
        published = True
    assert published
    assert limit.is_up


def test_an_error_inside_is_an_error_still() -> None:
    with pytest.raises(ValueError, match="ours"), TimeLimit(60).held():
        raise ValueError("ours")
