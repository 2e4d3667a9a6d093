"""A hundred workers on one table: how much of it they use, how evenly, and how soon after thirty are gone."""

from __future__ import annotations

import pytest

from tests.bench import publish
from tests.support.fleet_simulation import Fleet, FleetOutcome

LIMIT, SECONDS, GONE_AT, GONE = 20_000.0, 90.0, 50, 30
STEADY = 10  # second from which on the rates are found
LEFT = range(GONE, 100)
CASES = {
    "the table's limit, unknown": {"start": 4_000.0},
    "the table's limit, known": {"start": LIMIT, "known": True},
    "a ceiling of 16,000": {"start": LIMIT, "known": True, "ceiling": 16_000.0},
    "a ceiling, every message up to 0.5 s late": {"start": LIMIT, "ceiling": 16_000.0, "delay": (0.01, 0.5)},
}


def row(name: str, ended: FleetOutcome) -> tuple[str, ...]:
    return (
        name, f"{ended.between(STEADY, GONE_AT) / ended.limit:.1%}", f"{ended.throttled:.2%}",
        f"{ended.fairness(range(100), STEADY, GONE_AT):.3f}", f"{ended.back(GONE_AT)} s",
        f"{ended.between(GONE_AT + 10, int(SECONDS)) / ended.limit:.1%}",
        f"{ended.fairness(LEFT, GONE_AT + 10, int(SECONDS)):.3f}",
    )  # fmt: skip


@pytest.mark.bench
def test_a_hundred_workers_share_a_table_and_thirty_vanish() -> None:
    ended = {
        name: Fleet(LIMIT, 80, seconds=SECONDS, vanish=(GONE_AT, GONE), file_items=4_000, **case).run()
        for name, case in CASES.items()
    }
    publish(
        "fleet",
        f"Simulated: 100 workers, {LIMIT:,.0f} units/s, {GONE} vanish in second {GONE_AT}; from second {STEADY} on",
        ("what limits", "of it used", "throttled", "fairness", "95% again after", "then used", "fairness"),
        [row(name, outcome) for name, outcome in ended.items()],
    )
    for outcome in ended.values():
        assert outcome.between(STEADY, GONE_AT) >= 0.95 * outcome.limit
        assert outcome.fairness(range(100), STEADY, GONE_AT) >= 0.95
        assert outcome.back(GONE_AT) <= 10
        assert outcome.between(GONE_AT + 10, int(SECONDS)) >= 0.95 * outcome.limit
        assert outcome.fairness(LEFT, GONE_AT + 10, int(SECONDS)) >= 0.95
