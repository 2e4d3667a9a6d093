"""The import finds out what a table takes, uses it, and hardly ever asks for more (in simulated time)."""

from __future__ import annotations

import threading
import time

import pytest

from runbook_lib.load.engine.rate_control import WriteRateController
from runbook_lib.load.engine.scheduler import MOST_LANES, lanes_for
from tests.support.capacity_simulation import Simulation


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(("limit", "files"), [(4_000.0, 40), (4_000.0, 33), (10_000.0, 100)])
def test_nearly_all_of_a_tables_capacity_is_used_and_little_is_throttled(limit: float, files: int, seed: int) -> None:
    ended = Simulation(limit, int(limit / 1_000), int(limit * 40), files, seed=seed).run()
    assert ended.used > 0.93
    assert ended.throttled < 0.025


def test_files_read_one_after_another_heat_one_key_range_at_a_time() -> None:
    ended = Simulation(4_000.0, 4, 40_000, lanes=1).run()
    assert ended.used < 0.3


def test_the_limit_of_a_table_with_many_key_ranges_is_found_too() -> None:
    ended = Simulation(4_000.0, 10, 100_000).run()
    assert ended.used > 0.85
    assert ended.throttled < 0.04


def test_a_table_that_says_its_limit_is_not_asked_for_much_more() -> None:
    ended = Simulation(2_000.0, 10, 60_000, start=2_000.0, known=True).run()
    assert ended.used > 0.95
    assert ended.throttled < 0.025


def test_a_small_table_is_given_no_more_than_it_takes() -> None:
    ended = Simulation(5.0, 1, 1_000, start=5.0, known=True, burst=60.0).run()
    assert ended.used > 0.85
    assert ended.throttled < 0.1


def test_a_ceiling_is_never_passed_and_nothing_is_throttled_below_the_tables_limit() -> None:
    ended = Simulation(4_000.0, 4, 20_000, ceiling=1_000.0).run()
    assert max(ended.per_second.values()) < 1_100
    assert ended.used > 0.9
    assert ended.throttled == 0


def test_an_import_follows_a_table_that_is_given_less_or_more() -> None:
    less = Simulation(4_000.0, 8, 70_000, change=(10.0, 2_000.0)).run()
    assert less.between(4, 10) > 3_700
    assert 1_800 < less.between(12, 20) < 2_100
    more = Simulation(2_000.0, 8, 100_000, change=(10.0, 4_000.0)).run()
    assert more.between(4, 10) < 2_100
    assert more.between(20, 26) > 3_600


def test_large_items_are_paced_by_what_they_cost() -> None:
    ended = Simulation(4_000.0, 4, 40_000, cost=3).run()
    assert ended.used > 0.85
    assert ended.throttled < 0.06


def test_a_fast_table_gets_more_lanes_and_a_small_one_no_more_than_its_files() -> None:
    assert lanes_for(1, 4_000.0) == 1
    assert lanes_for(10_000, 4_000.0) == 10
    assert lanes_for(10_000, 1e6) == MOST_LANES
    assert lanes_for(10_000, 100.0) == 4
    assert lanes_for(10_000, 5.0) == 1
    ended = Simulation(20_000.0, 20, 400_000, 200).run()
    assert ended.between(8, 15) > 18_500


def test_requests_in_flight_follow_what_comes_back() -> None:
    now = [0.0]
    capacity = WriteRateController(1, 64, 1e9, monotonic=lambda: now[0])
    for _ in range(2_000):  # 2,000 answers a second of 10 ms each need 20 in flight
        now[0] += 0.0005
        capacity._arrived(0.01)
    assert 38 <= capacity.limit <= 44
    for _ in range(200):
        now[0] += 0.01
        capacity._arrived(0.01)
    assert 2 <= capacity.limit <= 3


def test_a_lane_that_waits_for_its_turn_is_let_go_when_it_is_to_stop() -> None:
    capacity, stop = WriteRateController(1, 4, 1.0), threading.Event()
    with capacity.changed:
        capacity.depart(capacity.lanes[0], 3_600.0)
    threading.Timer(0.1, stop.set).start()
    began = time.monotonic()
    capacity.wait_for(capacity.lanes[0], 1.0, stop)
    assert time.monotonic() - began < 5
