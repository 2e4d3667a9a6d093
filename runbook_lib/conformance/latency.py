"""How long single requests take: puts and consistent reads of one small item, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from runbook_lib.conformance.subject import Subject

ENOUGH_FOR_A_THOUSANDTH = 1000


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds at four ranks; None for a rank that so few requests do not have."""

    count: int
    p50: float
    p90: float
    p99: float | None
    p99_9: float | None


def latencies(subject: Subject, count: int, timer: Callable[[], float]) -> dict[str, Latency]:
    table, item = subject.table(), subject.item(v={"S": "x" * 100})
    asks: dict[str, Callable[[], object]] = {
        "PutItem": lambda: subject.put(table, item),
        "GetItem, consistent": lambda: subject.read(table, item),
    }
    return {name: _measured(ask, count, timer) for name, ask in asks.items()}


def _measured(ask: Callable[[], object], count: int, timer: Callable[[], float]) -> Latency:
    taken = []
    for _ in range(count):
        started = timer()
        ask()
        taken.append((timer() - started) * 1000)
    return ranks(taken)


def ranks(taken: list[float]) -> Latency:
    ordered = sorted(taken)

    def at(rank: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(len(ordered) * rank))], 2)

    count = len(ordered)
    return Latency(
        count, at(0.5), at(0.9), at(0.99) if count >= 100 else None,
        at(0.999) if count >= ENOUGH_FOR_A_THOUSANDTH else None,
    )  # fmt: skip
