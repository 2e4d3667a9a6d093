"""The import finds out what a table takes, uses it, and hardly ever asks for more (in simulated time)."""

from __future__ import annotations

import random

import pytest

from runbook_lib.load.engine.lane import BREATH, Lane
from runbook_lib.load.engine.rate_control import WriteRateController
from runbook_lib.load.engine.scheduler import MOST_LANES, lanes_for
from tests.support.capacity_simulation import Outcome, Simulation, far_away, quick, with_a_tail

LIMITS = [f"TableWrite{limit}Exceeded" for limit in ("ProvisionedThroughput", "MaxOnDemandThroughput", "AccountLimit")]


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(("limit", "files"), [(4_000.0, 40), (4_000.0, 33), (10_000.0, 100)])
@pytest.mark.few(1)
def test_nearly_all_of_a_tables_capacity_is_used_and_little_is_throttled(limit: float, files: int, seed: int) -> None:
    ended = Simulation(limit, int(limit / 1_000), int(limit * 40), files, seed=seed).run()
    assert ended.used > 0.93
    assert ended.throttled < 0.0125


def test_a_table_of_one_key_range_that_names_no_limit_is_throttled_at_the_beginning_only() -> None:
    ended = Simulation(1_000.0, 1, 12_000, 16, latency=far_away).run()
    assert ended.used > 0.95
    assert ended.throttled < 0.025
    assert refused_late(ended, 2) < 0.005


def test_what_lanes_learned_of_a_bucket_of_their_own_is_forgotten_when_the_table_is_blamed() -> None:
    """Its last lane went at what it had learned before the table was named, far below what the table gave."""
    ended = Simulation(1_000.0, 4, 12_000, 16, latency=far_away).run()
    assert ended.used > 0.9


def guessing(known: bool, start: float = 4_000.0) -> tuple[WriteRateController, list[float]]:
    """A controller of four lanes, the first of which is refused a batch after half a second; rates before that."""
    now = [0.0]
    capacity = WriteRateController(4, 32, start, known=known, monotonic=lambda: now[0])
    now[0] = 0.5
    before = [lane.rate for lane in capacity.lanes]
    capacity.depart(capacity.lanes[0], 25.0)
    capacity.settle(capacity.lanes[0], 25_000, 25.0, 0.0, 25.0, [("TableWriteKeyRangeThroughputExceeded", "")])
    return capacity, before


def test_the_first_refusal_makes_all_lanes_doubt_the_guess_they_began_with() -> None:
    capacity, before = guessing(known=False)
    assert [lane.rate for lane in capacity.lanes] == [rate / 2 for rate in before]
    assert all(capacity.due(lane) > 0.99 * BREATH for lane in capacity.lanes)


def test_a_refusal_of_one_range_makes_nobody_doubt_a_limit_that_the_table_named() -> None:
    capacity, before = guessing(known=True)
    assert [lane.rate for lane in capacity.lanes[1:]] == before[1:]


def test_lanes_that_met_no_refusal_climb_carefully_once_others_have() -> None:
    capacity, _ = guessing(known=False)
    free, lane = Lane(100.0), capacity.lanes[1]
    lane.rate = lane.brake * 2
    for each in (free, lane):
        each.paced = True
        start = each.rate
        each.settle(10.0, 10.0, 0.0, 1.0)
        each.given = each.rate - start
    assert lane.given < free.given / 3


@pytest.mark.parametrize(("after", "kept"), [(0.5, False), (2.0, True)])
def test_a_lane_that_was_given_anothers_rate_is_back_where_it_was_if_it_is_refused_soon(
    after: float, kept: bool
) -> None:
    lane = Lane(200.0, 200.0, emptied_at=-1.0, given=250.0)
    lane.scale_up(400.0, 0.0)
    lane.settle(25.0, 0.0, 25.0, after)
    assert (lane.rate > 210) is kept


def test_a_lane_that_is_not_refused_for_long_leaves_what_it_had_measured_behind() -> None:
    lane, now = Lane(200.0, 200.0), 0.0
    while now < 20:
        now += 0.125
        lane.take(25.0, now)
        lane.paced = True
        lane.settle(25.0, 25.0, 0.0, now)
    assert lane.rate > 400


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
    assert more.between(20, 26) > 3_400


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


@pytest.mark.chaos
def test_a_network_with_a_tail_of_delays_holds_nothing_back_where_nothing_is_throttled() -> None:
    """What 32 requests in flight can carry at a mean of 16 ms, and not what the shortest delay would need."""
    ended = Simulation(1e9, 1, 400_000, 160, range_limit=1e9, latency=with_a_tail).run()
    assert ended.throttled == 0
    assert ended.between(3, 8) >= 47_000  # 25 items, 32 at once, a mean of 16.3 ms: 49,079


def test_more_requests_are_in_flight_where_answers_take_longer() -> None:
    far = Simulation(8_000.0, 10, 100_000, 100, width=128, latency=lambda rng: 0.09, known=True, start=8_000.0).run()
    assert far.between(1, 11) > 7_900
    assert far.throttled < 0.02


def test_an_index_of_two_ranges_paces_the_whole_table() -> None:
    ended = Simulation(1e9, 10, 50_000, index_ranges=2).run()
    assert ended.used > 0.95
    assert ended.throttled < 0.0125


def test_what_another_writer_takes_is_left_to_it_and_taken_back() -> None:
    ended = Simulation(4_000.0, 8, 100_000, foreign=(8.0, 16.0, 2_000.0)).run()
    assert ended.between(4, 8) > 3_700
    assert 1_800 < ended.between(10, 16) < 2_300
    assert ended.between(24, 28) > 3_000
    assert ended.throttled < 0.025


def test_a_hot_range_slows_its_own_lanes_only() -> None:
    ended = Simulation(10_000.0, 10, 100_000, 100, hot=0.3).run()
    assert ended.per_second[2] + ended.per_second[3] > 15_000
    assert ended.seconds < 36  # 30,000 of the items lie in one range, which takes 1,000 a second
    assert ended.throttled <= 0.02


def test_a_table_that_names_its_limit_is_hardly_ever_throttled() -> None:
    ended = Simulation(20_000.0, 24, 300_000, 200, start=20_000.0, known=True).run()
    assert ended.between(0, 12) >= 0.99 * 20_000
    assert ended.throttled <= 0.01


def test_requests_in_flight_follow_what_comes_back() -> None:
    now = [0.0]
    capacity = WriteRateController(1, 64, 1e9, monotonic=lambda: now[0])
    (lane,) = capacity.lanes
    for _ in range(2_000):  # 2,000 answers a second of 10 ms each have 20 in flight on average
        now[0] += 0.0005
        capacity.depart(lane, 1.0)
        capacity.arrive(lane, 0.01)
    assert 38 <= capacity.limit <= 50
    for _ in range(200):
        now[0] += 0.01
        capacity.depart(lane, 1.0)
        capacity.arrive(lane, 0.01)
    assert 8 <= capacity.limit <= 14


def refused_late(outcome: Outcome, first: int) -> float:
    """The share of what was asked for from one second to the end that was refused."""
    refused = sum(units for second, units in outcome.refused_in.items() if second >= first)
    return refused / (refused + sum(units for second, units in outcome.per_second.items() if second >= first))


@pytest.mark.whole
@pytest.mark.parametrize("reason", ["TableWriteAccountLimitExceeded", "TableWriteMaxOnDemandThroughputExceeded"])
@pytest.mark.few(1)
@pytest.mark.chaos
def test_a_limit_that_a_person_has_set_is_climbed_to_and_not_past(reason: str) -> None:
    """The same table with a limit that may give more is probed to its end."""
    probed = Simulation(limit=4_000, ranges=40, items=400_000, start=1_000).run()
    held = Simulation(limit=4_000, ranges=40, items=400_000, start=1_000, whole=reason).run()
    assert held.used > 0.93
    assert refused_late(held, 30) < refused_late(probed, 30) / 3
    assert held.throttled < probed.throttled


def refusals_of_one_lane(reason: str) -> int:
    """How often a table of 300 units a second, written by one lane, refuses a whole batch within 100 seconds."""
    now, tokens, refused = [0.0], 300.0, 0
    capacity = WriteRateController(1, 8, 100.0, monotonic=lambda: now[0])
    (lane,) = capacity.lanes
    while now[0] < 100:
        wait = max(capacity.due(lane), 0.001)
        now[0], tokens = now[0] + wait, min(300.0, tokens + 300 * wait)
        if capacity.due(lane) > 0:
            continue
        capacity.depart(lane, 25.0)
        given = 25.0 if tokens >= 25 else 0.0
        tokens, refused = tokens - given, refused + (not given)
        capacity.arrive(lane, 0.01)
        capacity.settle(lane, 25_000, 25.0, given, 25.0 - given, [] if given else [(reason, "")])
    assert capacity.used > 0.9 * 300 * 100
    return refused


def test_a_lane_of_its_own_is_held_too() -> None:
    probed = refusals_of_one_lane("TableWriteProvisionedThroughputExceeded")
    assert refusals_of_one_lane("TableWriteAccountLimitExceeded") < probed / 2


@pytest.mark.chaos
def test_a_held_table_takes_back_what_another_writer_has_left() -> None:
    ended = Simulation(
        4_000, 40, 480_000, start=1_000, whole="TableWriteAccountLimitExceeded", foreign=(8.0, 40.0, 2_000.0)
    ).run()
    assert 1_700 < ended.between(20, 38) < 2_300
    assert ended.between(115, 125) > 3_500


@pytest.mark.parametrize("seed", [1, 2])
def test_a_lane_that_was_slow_for_the_little_it_had_left_is_not_slow_for_what_it_takes_over(seed: int) -> None:
    """Its next request was due in 50 s, by the pace of before, and the table stood still until then."""
    ended = Simulation(16_000.0, 1, 80_000, 64, range_limit=1e9, seed=seed, width=128, latency=far_away).run()
    assert ended.used > 0.8
    assert ended.throttled < 0.0125


@pytest.mark.parametrize("seed", [2, 3])
def test_the_limit_that_a_table_names_is_what_refuses_until_something_else_is_said_to(seed: int) -> None:
    """A lane took the first refusals for those of its own key range, and was the last by a second or two."""
    ended = Simulation(
        4_000.0, 1, 60_000, 40, known=True, range_limit=1e9, seed=seed, width=128, latency=far_away
    ).run()
    assert ended.used > 0.97


@pytest.mark.parametrize("seed", [1, 2])
def test_a_table_that_was_given_less_than_it_refills_is_not_what_refuses(seed: int) -> None:
    """Its key ranges take no more than it does; their refusals slowed down all of it, and 83 % were used."""
    ended = Simulation(4_000.0, 4, 60_000, 40, start=4_000.0, known=True, seed=seed, width=32, latency=far_away).run()
    assert ended.used > 0.89
    assert ended.throttled < 0.0125


def test_a_lane_that_would_end_long_after_the_others_climbs_as_at_the_beginning() -> None:
    """Who shared its key range had gone on to the next one, and the range stood half idle for seconds at the end."""
    capacity = WriteRateController(4, 32, 2_000.0, monotonic=lambda: 0.0)
    late, *others = capacity.lanes
    for lane in capacity.lanes:
        lane.rate = lane.peak = 500.0
    late.rate = late.peak = 50.0
    capacity.balance([(late, 4_000), *((lane, 1_000) for lane in others)])
    for tenth in range(1, 20):
        for lane in capacity.lanes:
            lane.paced = True
            lane.settle(lane.rate / 10, lane.rate / 10, 0.0, tenth / 10)
    assert late.rate > 500 > max(lane.rate for lane in others) - 50
    capacity.balance([(lane, 500) for lane in capacity.lanes])
    assert not any(lane.late for lane in capacity.lanes)


@pytest.mark.parametrize("shape", range(40))
@pytest.mark.few(6)
def test_no_table_of_any_kind_is_left_standing_still(shape: int) -> None:
    chance = random.Random(shape)
    limit, one_bucket, known = (
        chance.choice([500, 1_000, 3_000, 8_000, 16_000]),
        chance.random() < 0.6,
        chance.random() < 0.4,
    )
    ranges, items = 1 if one_bucket else max(1, limit // 1_000), int(limit * chance.uniform(3, 7))
    ended = Simulation(
        float(limit),
        ranges,
        items,
        chance.randint(max(3, limit // 1_000), 90),
        start=float(limit) if known else 4_000.0,
        known=known,
        range_limit=1e9 if one_bucket else 1_000.0,
        burst=chance.choice([0.5, 5.0]),
        seed=shape,
        width=chance.choice([32, 128]),
        latency=chance.choice([far_away, quick]),
        named=chance.random() < 0.8,
        whole=chance.choice(LIMITS),
    ).run()
    assert ended.seconds < 1.5 * items / limit + 2


def test_what_a_lane_owes_goes_with_its_pace() -> None:
    capacity = WriteRateController(2, 32, 4_000.0, known=True, monotonic=lambda: 0.0)
    slow, other = capacity.lanes
    capacity.balance([(slow, 25), (other, 10_000_000)])
    capacity.depart(slow, 25.0)
    assert capacity.due(slow) > 10
    capacity.balance([(slow, 5_000), (other, 5_000)])
    assert capacity.due(slow) < 0.2
    capacity.balance([(slow, 25), (other, 10_000_000)])
    capacity.depart(slow, 25.0)
    slow.scale_up(900.0, 0.0)
    assert capacity.due(slow) < 0.2
