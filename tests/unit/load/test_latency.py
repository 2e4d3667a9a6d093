"""Counts by bucket tell how long requests took, to a tenth, whoever counted them."""

from __future__ import annotations

import math
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from runbook_lib.load.engine.latency import LEAST_SECONDS, end_of, latency_bucket, percentile

SECONDS = st.lists(st.floats(0, 3600, allow_nan=False), min_size=1, max_size=60)


@given(st.floats(0, 86_400, allow_nan=False))
def test_a_bucket_ends_where_its_times_end_or_a_tenth_beyond(seconds: float) -> None:
    end = end_of(latency_bucket(seconds))
    assert seconds <= end * (1 + 1e-9)
    assert end <= max(LEAST_SECONDS, seconds * 1.1)


@given(SECONDS, st.floats(0.01, 1))
def test_a_percentile_is_that_of_the_sorted_times_to_a_tenth(seconds: list[float], share: float) -> None:
    exact = sorted(seconds)[max(0, math.ceil(share * len(seconds)) - 1)]
    known = percentile(Counter(map(latency_bucket, seconds)), share)
    assert known is not None
    assert exact <= known * (1 + 1e-9)
    assert known <= max(LEAST_SECONDS, exact * 1.1)


def test_without_requests_there_is_none() -> None:
    assert percentile({}, 0.5) is None
    assert percentile({3: 0}, 0.99) is None
