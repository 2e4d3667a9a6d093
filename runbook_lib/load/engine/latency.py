"""How long requests take until they are answered, as counts by bucket: small to keep, exact enough for percentiles."""

from __future__ import annotations

import math
from collections.abc import Mapping

LEAST_SECONDS = 1e-4
PER_DOUBLING = 8  # a bucket ends 9 % above where it begins
MOST = 30 * PER_DOUBLING  # a day


def latency_bucket(seconds: float) -> int:
    """The number of the bucket that holds a time; bucket 0 ends at a tenth of a millisecond."""
    if seconds <= LEAST_SECONDS:
        return 0
    return min(MOST, math.ceil(PER_DOUBLING * math.log2(seconds / LEAST_SECONDS)))


def end_of(bucket: int) -> float:
    """The seconds that no request of a bucket took longer than."""
    return float(LEAST_SECONDS * 2 ** (bucket / PER_DOUBLING))


def percentile(requests: Mapping[int, int], share: float) -> float | None:
    """The seconds within which this share of the requests was answered; None if there was none."""
    reached, wanted = 0, share * sum(requests.values())
    for bucket in sorted(requests):
        reached += requests[bucket]
        if requests[bucket] and reached >= wanted:
            return end_of(bucket)
    return None
