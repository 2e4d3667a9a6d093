"""How fast a run wrote: the one way to work it out of the samples, for the record, its report and its charts.

Time is cut into equal intervals; a rate is that of an interval. The average is over the intervals in which anything was
written, so it is never above the best of them, whichever tables were loaded at once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from runbook_lib.load.engine.latency import end_of, percentile
from runbook_lib.record.model.rates import RequestTimes, ThroughputRecord
from runbook_lib.run.tables.throughput import SampleRow

INTERVALS, LEAST_SECONDS = 120, 0.05
PAUSE = 120.0  # seconds without a sample that are cut out, as between two starts
ITEMS, UNITS, THROTTLES = "items", "wcu", "throttles"
NO_TIMES: Mapping[int, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Intervals:
    """When the first interval begins, how many seconds each has, and how many seconds of pauses were cut out."""

    began: float
    width: float
    pauses: float


def moved_together(samples: Sequence[SampleRow]) -> tuple[list[SampleRow], Intervals]:
    """The samples that took time, moved together over long pauses, and the intervals that hold them all."""
    moved: list[SampleRow] = []
    cut, reached = 0.0, None
    for sample in sorted((s for s in samples if s.seconds and s.seconds > 0), key=lambda s: s.at):
        gap = sample.at - sample.seconds - reached if reached is not None else 0.0
        cut += gap if gap > PAUSE else 0.0
        reached = sample.at
        moved.append(replace(sample, at=sample.at - cut))
    if not moved:
        return [], Intervals(0.0, LEAST_SECONDS, 0.0)
    began = min(s.at - s.seconds for s in moved)
    return moved, Intervals(began, max((max(s.at for s in moved) - began) / INTERVALS, LEAST_SECONDS), cut)


def rates_of(
    samples: Sequence[SampleRow], intervals: Intervals, what: str = ITEMS, names: Collection[str] | None = None
) -> dict[int, float]:
    """How much per second in each interval with a sample; each sample is spread over its time."""
    found: dict[int, float] = {}
    for sample in samples:
        if names is not None and sample.source not in names:
            continue
        start = sample.at - sample.seconds - intervals.began
        for place in range(max(0, int(start / intervals.width)), int((start + sample.seconds) / intervals.width) + 1):
            share = min(start + sample.seconds, (place + 1) * intervals.width) - max(start, place * intervals.width)
            if share > 0:
                amount = (getattr(sample, what) or 0) * share / sample.seconds
                found[place] = found.get(place, 0.0) + amount / intervals.width
    return found


def throughput(samples: Sequence[SampleRow], times: Mapping[int, int] = NO_TIMES) -> ThroughputRecord | None:
    """Averages and bests of a run, and the times of its requests by bucket; None for one that wrote nothing itself."""
    used, intervals = moved_together(samples)
    items, units = rates_of(used, intervals), rates_of(used, intervals, UNITS)
    if not any(items.values()):
        return None
    return ThroughputRecord(
        seconds=round(len(items) * intervals.width, 3),
        items_per_second=_average(items),
        items_per_second_best=max(items.values()),
        units_per_second=_average(units) if any(units.values()) else None,
        units_per_second_best=max(units.values()) if any(units.values()) else None,
        request_ms_p50=_ms(percentile(times, 0.5)),
        request_ms_p99=_ms(percentile(times, 0.99)),
        request_times=[RequestTimes(ms=_ms(end_of(bucket)) or 0.0, requests=n) for bucket, n in sorted(times.items())],
    )


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)


def _average(rates: dict[int, float]) -> float:
    return min(sum(rates.values()) / len(rates), max(rates.values()))  # rounding makes nothing faster than the best
