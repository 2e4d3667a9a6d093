"""Of a test with many cases a few in `make test`, spread evenly, and the others in `make chaos`."""

from __future__ import annotations

from collections.abc import Iterable

import pytest


def spread(count: int, few: int) -> set[int]:
    """`few` of `count` numbers from 0, spread evenly, the first and the last among them."""
    if few >= count:
        return set(range(count))
    if few == 1:
        return {0}
    return {round(at * (count - 1) / (few - 1)) for at in range(few)}


def leave_most_to_chaos(items: Iterable[pytest.Item]) -> None:
    """Mark as `chaos` the cases beyond those of tests that are marked `few`."""
    cases: dict[tuple[str, str], list[pytest.Item]] = {}
    for item in items:
        if isinstance(item, pytest.Function) and item.get_closest_marker("few") is not None:
            cases.setdefault((str(item.path), item.originalname), []).append(item)
    for of_one in cases.values():
        marker = of_one[0].get_closest_marker("few")
        kept = spread(len(of_one), marker.args[0] if marker else len(of_one))
        for number, item in enumerate(of_one):
            if number not in kept:
                item.add_marker(pytest.mark.chaos)
