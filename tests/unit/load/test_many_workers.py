"""A hundred workers write one table as fast as it goes, fairly, also when thirty are gone (in simulated time)."""

from __future__ import annotations

import pytest

from tests.support.fleet_simulation import Fleet

LIMIT, GONE_AT, GONE = 5_000.0, 15, 30
LEFT = range(GONE, 100)


@pytest.mark.chaos
@pytest.mark.parametrize("ceiling", [None, 4_000.0], ids=["the table's limit", "a ceiling"])
def test_a_hundred_workers_use_what_there_is_fairly_also_when_thirty_vanish(ceiling: float | None) -> None:
    fleet = Fleet(LIMIT, 20, start=2_000.0, ceiling=ceiling, seconds=30.0, vanish=(GONE_AT, GONE))
    ended = fleet.run()
    assert ended.between(6, GONE_AT) > 0.95 * ended.limit
    assert ended.fairness(range(100), 6, GONE_AT) > 0.95
    assert ended.back(GONE_AT) <= 10
    assert ended.between(GONE_AT + 10, 30) > 0.95 * ended.limit
    assert ended.fairness(LEFT, GONE_AT + 9, 30) > 0.95
    if ceiling:
        assert max(ended.per_second.values()) < ceiling * 1.06  # a worker may make up for a twentieth of a second
        assert ended.throttled == 0
    else:
        assert ended.throttled < 0.05


def test_what_slow_workers_leave_the_others_use() -> None:
    fleet = Fleet(LIMIT, 20, start=LIMIT, known=True, ceiling=4_000.0, seconds=15.0, slow=50, slow_rate=10.0)
    ended = fleet.run()
    assert ended.between(7, 15) > 0.95 * ended.limit
    assert ended.fairness(range(50), 7, 15) > 0.95
    assert ended.fairness(range(50, 100), 7, 15) > 0.95
