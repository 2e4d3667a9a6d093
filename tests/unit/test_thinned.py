"""What `make test` leaves to `make chaos`: cases by an even spread, examples in proportion to the profile."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import settings

from tests.support.examples import OF_A_FAST_RUN, examples
from tests.support.few import spread


@pytest.mark.parametrize(("count", "few"), [(1, 1), (2, 3), (9, 1), (9, 2), (9, 4), (100, 7), (3, 3)])
def test_as_many_cases_as_asked_for_are_kept_the_first_and_the_last_among_them(count: int, few: int) -> None:
    kept = sorted(spread(count, few))
    assert len(kept) == min(count, few)
    assert kept[0] == 0
    assert few == 1 or kept[-1] == count - 1
    gaps = [after - before for before, after in pairwise(kept)]
    assert not gaps or max(gaps) - min(gaps) <= 1


def test_a_property_with_a_number_of_its_own_gets_many_examples_with_the_others() -> None:
    before = settings.get_current_profile_name()
    try:
        for profile, times in (("any machine", 1), ("many", 1_000 // OF_A_FAST_RUN)):
            settings.load_profile(profile)
            assert examples(3) == 3 * times
    finally:
        settings.load_profile(before)
