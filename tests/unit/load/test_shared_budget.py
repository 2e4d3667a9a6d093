"""One budget for many workers: fair, used fully, and never more than the ceiling (in simulated time)."""

from __future__ import annotations

import random
from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook_lib.load.distributed.shared_budget import BATCH, LIFE, OVERDUE, SharedWriteBudget, fair
from runbook_lib.load.engine.rate_control import WriteRateController

amounts = st.floats(0, 1e6, allow_nan=False)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def settled(budget: SharedWriteBudget, clock: Clock, uses: dict[str, float], rounds: int = 40) -> dict[str, float]:
    """What is shared out after so many half seconds in which each worker used what it could of its share."""
    shares = budget.shares()
    for _ in range(rounds):
        clock.now += 0.5
        for name, most in uses.items():
            share = shares.get(name, 0.0)
            budget.hear(name, min(most, share) * 0.5, 0.0, 0.5, share)
        shares = budget.shares()
    return shares


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=3), amounts | st.just(float("inf")), min_size=1, max_size=20), amounts)
def test_all_is_shared_out_and_nobody_has_less_while_another_has_more_than_it_wants(
    wants: dict[str, float], total: float
) -> None:
    shares = fair(wants, total)
    assert sum(shares.values()) == pytest.approx(total)
    if sum(wants.values()) >= total:
        short = [name for name in wants if shares[name] < wants[name] * 0.999]
        least = 0.05 * total / len(wants)
        assert all(
            shares[n] >= s * 0.999 or s <= max(wants[o], least) * 1.001 for n in short for o, s in shares.items()
        )


def test_those_who_use_little_keep_little_and_the_others_share_the_rest() -> None:
    clock = Clock()
    budget = SharedWriteBudget(1_000.0, 1_000.0, monotonic=clock)
    uses = {"idle": 0.0, "slow": 50.0} | {f"w{n}": 1e9 for n in range(3)}
    for name in uses:
        budget.join(name)
    shares = settled(budget, clock, uses)
    assert shares["idle"] < 15
    assert 50 < shares["slow"] < 65
    assert all(shares[f"w{n}"] == pytest.approx(310, abs=8) for n in range(3))
    shares = settled(budget, clock, uses | {"idle": 1e9})
    assert shares["idle"] == pytest.approx(shares["w0"], rel=0.01)


def test_the_share_of_a_silent_worker_goes_to_the_others_only_when_it_has_run_out() -> None:
    clock = Clock()
    budget = SharedWriteBudget(1_000.0, 1_000.0, monotonic=clock)
    for name in ("a", "b"):
        budget.join(name)
    assert settled(budget, clock, {"a": 1e9, "b": 1e9}) == pytest.approx({"a": 500.0, "b": 500.0})
    silent, seen = clock.now, []
    while clock.now < silent + LIFE + 2:
        clock.now += 0.25
        budget.hear("a", 125.0, 0.0, 0.25, budget.shares()["a"])
        seen.append((clock.now - silent, budget.shares()))
    assert all("b" in shares for after, shares in seen if after < OVERDUE)
    assert all("b" not in shares for after, shares in seen if after >= OVERDUE)
    assert all(shares["a"] <= 500.001 for after, shares in seen if after < LIFE)
    assert all(shares["a"] == pytest.approx(1_000.0) for after, shares in seen if after >= LIFE)
    budget.hear("b", 0.0, 0.0, 5.0, 0.0)
    assert settled(budget, clock, {"a": 1e9, "b": 1e9}) == pytest.approx({"a": 500.0, "b": 500.0})


def test_a_worker_that_says_it_is_done_leaves_its_share_to_the_next_at_once() -> None:
    clock = Clock()
    budget = SharedWriteBudget(1_000.0, 1_000.0, monotonic=clock)
    for name in ("a", "b"):
        budget.join(name)
    settled(budget, clock, {"a": 1e9, "b": 1e9})
    budget.leave("b")
    assert budget.shares()["a"] == pytest.approx(500.0)
    budget.join("c")
    assert budget.shares() == pytest.approx({"a": 500.0, "c": 500.0})
    budget.leave("c")
    clock.now += 1.0
    assert budget.shares()["a"] == pytest.approx(1_000.0)


def test_late_reports_of_those_who_left_change_nothing() -> None:
    clock = Clock()
    budget = SharedWriteBudget(1_000.0, None, monotonic=clock)
    budget.join("a")
    budget.join("a")
    budget.leave("a")
    budget.leave("a")
    budget.hear("a", 1e9, 1e9, 1.0, 1e9)
    assert budget.shares() == {}
    assert budget.total == 1_000.0


def test_the_total_grows_while_it_is_used_up_and_falls_to_what_the_table_takes() -> None:
    clock = Clock()
    budget = SharedWriteBudget(1_000.0, None, monotonic=clock)
    budget.join("a")
    shares = settled(budget, clock, {"a": 1e9}, rounds=6)
    assert 2_000 < shares["a"] < 6_000
    shares = settled(budget, clock, {"a": 200.0})
    assert shares["a"] > 2_000, "a total that nobody uses and nobody refuses stays"
    for _ in range(40):
        clock.now += 0.5
        budget.hear("a", 400.0, 100.0, 0.5, budget.shares()["a"])
    assert budget.shares()["a"] == pytest.approx(800.0, rel=0.1)


def test_a_table_that_refused_everything_for_a_while_is_found_again() -> None:
    clock = Clock()
    budget = SharedWriteBudget(1_000.0, None, monotonic=clock)
    budget.join("a")
    for _ in range(60):
        clock.now += 0.5
        budget.hear("a", 0.0, 10.0, 0.5, budget.shares()["a"])
    assert 0 < budget.shares()["a"] <= BATCH
    assert settled(budget, clock, {"a": 1e9}, rounds=60)["a"] > 1_000


def test_a_known_limit_is_passed_with_care_and_a_ceiling_never() -> None:
    clock = Clock()
    known, held = (SharedWriteBudget(1_000.0, c, known=True, monotonic=clock) for c in (None, 1_200.0))
    for budget in (known, held):
        budget.join("a")
    settled(known, clock, {"a": 1e9}, rounds=4)
    assert 1_000 < known.total < 1_250
    settled(held, clock, {"a": 1e9})
    assert held.total == 1_200


def test_a_small_table_has_room_for_few() -> None:
    assert SharedWriteBudget(5.0, None).room == 1
    assert SharedWriteBudget(1e6, 100.0).room == 100 / BATCH


class Worker:
    """Uses the largest share it may: shares come late or never, in order, and run out."""

    def __init__(self) -> None:
        self.inbox: deque[tuple[float, int]] = deque()
        self.share, self.until = 0.0, 0.0
        self.sent: list[float] = []

    def may_send(self, now: float) -> float:
        return self.share if now < self.until else 0.0

    def receive(self) -> None:
        self.share, number = self.inbox.popleft()
        self.until = self.sent[number] + LIFE


@settings(deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([0.0, 0.3, 0.9]), st.sampled_from([0.0, 0.3]))
def test_the_ceiling_holds_at_every_moment_whatever_is_lost_or_late_or_gone(
    seed: int, late: float, lost: float
) -> None:
    rng, clock = random.Random(seed), Clock()
    budget = SharedWriteBudget(500.0, 1_000.0, monotonic=clock)
    workers: dict[str, Worker] = {}
    reports: list[tuple[str, int, float, float]] = []
    heard: dict[str, int] = {}
    for step in range(120):
        clock.now += rng.uniform(0.01, 0.6)
        if rng.random() < 0.15:
            workers[str(step)] = Worker()
            budget.join(str(step))
        if workers and rng.random() < 0.1:
            name = rng.choice(list(workers))
            del workers[name]
            budget.leave(name)
        for name, worker in workers.items():
            if rng.random() >= lost:
                worker.sent.append(clock.now)
                reports.append((name, len(worker.sent) - 1, worker.may_send(clock.now), rng.random()))
        rng.shuffle(reports)
        while reports and rng.random() >= late:
            name, number, share, part = reports.pop()
            heard[name] = max(number, heard.get(name, 0))
            budget.hear(name, part * share * 0.5, 0.0, 0.5, share)
        for name, share in budget.shares().items():
            if name in heard and rng.random() >= lost:
                workers[name].inbox.append((share, heard[name]))
        for worker in workers.values():
            while worker.inbox and rng.random() >= late:
                worker.receive()
        assert sum(worker.may_send(clock.now) for worker in workers.values()) <= 1_000.0 * (1 + 1e-9)


def test_a_capacity_without_a_share_sends_nothing_and_stops_when_it_has_run_out() -> None:
    clock = Clock()
    capacity = WriteRateController(1, 8, 1.0, 0.0, known=True, monotonic=clock)
    lane = capacity.lanes[0]
    assert capacity.due(lane) == float("inf")
    capacity.grant(100.0, until=5.0)
    assert capacity.due(lane) <= 0
    capacity.depart(lane, 100.0)
    assert capacity.due(lane) == pytest.approx(1.0, abs=0.1)
    capacity.grant(50.0, until=5.0)
    assert capacity.due(lane) == pytest.approx(2.0, abs=0.2), (
        "what was sent under a larger share counts under a smaller"
    )
    clock.now = 5.0
    assert capacity.due(lane) == float("inf")
    capacity.grant(200.0, until=10.0)
    assert capacity.due(lane) <= 0
    capacity.grant(0.0)
    assert capacity.due(lane) == float("inf")


def test_what_was_used_and_refused_is_counted_once() -> None:
    capacity = WriteRateController(1, 8, 100.0, 100.0, known=True, monotonic=Clock())
    for _ in range(3):
        capacity.settle(capacity.lanes[0], 1_000, 10.0, 8.0, 2.0)
    assert (capacity.used, capacity.refused) == (24.0, 6.0)


def test_lanes_follow_a_share_that_held_them_back_and_not_one_that_they_could_not_use() -> None:
    clock = Clock()
    free, hot = (WriteRateController(2, 8, 1.0, 0.0, known=True, monotonic=clock) for _ in range(2))
    for capacity in (free, hot):
        capacity.grant(100.0)
    for lane in hot.lanes:
        lane.rate = 20.0
    for capacity in (free, hot):
        capacity.grant(150.0)
    assert sum(lane.rate for lane in free.lanes) >= 150
    assert [lane.rate for lane in hot.lanes] == [20.0, 20.0]
