"""What an import asks for in vain of tables of many kinds, in simulated time: nothing of it hangs on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

import pytest

from tests.bench import publish
from tests.support.capacity_simulation import Simulation, far_away

SEEDS = (1, 2)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of table, as a simulation: the most of what is asked that may be refused, and the least that is used."""

    name: str
    refused: float
    used: float
    limit: float
    ranges: int
    items: int
    files: int = 40
    width: int = 32
    start: float = 4_000
    known: bool = False
    burst: float = 0.5
    spent: bool = False
    hot: float = 0.0
    foreign: tuple[float, float, float] = (0.0, 0.0, 0.0)
    index_ranges: int = 0
    alone: bool = False  # no key range is a limit

    def simulation(self, seed: int) -> Simulation:
        return Simulation(
            self.limit, self.ranges, self.items, self.files, self.start, self.known, burst=self.burst, seed=seed,
            width=self.width, latency=far_away, hot=self.hot, foreign=self.foreign, index_ranges=self.index_ranges,
            spent=self.spent, range_limit=1e9 if self.alone else 1_000.0,
        )  # fmt: skip


KINDS = [
    Kind("1,000 units/s: one key range", 0.012, 0.95, 1_000, 1, 30_000, 16),
    Kind("4,000 units/s: four", 0.012, 0.90, 4_000, 4, 120_000),
    Kind("20,000 units/s, far from where it begins", 0.012, 0.88, 20_000, 20, 400_000, 200, 128),
    Kind("40,000 units/s, farther", 0.012, 0.83, 40_000, 40, 600_000, 400, 128),
    Kind("16,000 units/s of the table alone, 64 files", 0.012, 0.80, 16_000, 1, 80_000, 64, 128, alone=True),
    Kind("4,000 units/s that it names, in four", 0.0125, 0.88, 4_000, 4, 120_000, known=True),
    Kind("4,000 units/s of the table, ten key ranges", 0.012, 0.92, 4_000, 10, 120_000),
    Kind("10,000 units/s, three in ten items in a tenth", 0.02, 0.30, 10_000, 10, 100_000, 100, hot=0.3),
    Kind("4,000 units/s, half of it another's for 8 s", 0.012, 0.72, 4_000, 8, 100_000, foreign=(8.0, 16.0, 2_000.0)),
    Kind("an index of two key ranges", 0.012, 0.93, 1e9, 10, 60_000, index_ranges=2),
    Kind(
        "provisioned 2,000, 20 s of it saved up", 0.012, 0.95, 2_000, 10, 100_000, start=2_000, known=True, burst=20.0
    ),
    Kind("provisioned 2,000, nothing saved up", 0.012, 0.82, 2_000, 10, 60_000, start=2_000, known=True, spent=True),
    Kind("1,000 units/s, only 5,000 items", 0.045, 0.87, 1_000, 1, 5_000, 4),
]


@pytest.mark.bench
def test_hardly_anything_is_asked_for_in_vain_of_any_kind_of_table() -> None:
    rows, worst = [], []
    for kind in KINDS:
        ended = [kind.simulation(seed).run() for seed in SEEDS]
        refused, used = [outcome.throttled for outcome in ended], [outcome.used for outcome in ended]
        spread = f"{min(refused):.2%} to {max(refused):.2%}", f"{min(used):.1%} to {max(used):.1%}"
        rows.append((kind.name, f"{median(refused):.2%}", spread[0], f"{median(used):.1%}", spread[1]))
        worst.append((kind, max(refused), min(used)))
    publish(
        "throttling",
        f"Simulated, {len(SEEDS)} times each; answers log-normal, median 8 ms, mean 16 ms",
        ("table", "of the writes throttled", "range", "of it used", "range"),
        rows,
    )
    assert [(kind.name, refused) for kind, refused, _ in worst if refused > kind.refused] == []
    assert [(kind.name, used) for kind, _, used in worst if used < kind.used] == []
