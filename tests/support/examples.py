"""How many examples of a property are tried: few in `make test`, many in `make chaos`."""

from __future__ import annotations

from hypothesis import settings

OF_A_FAST_RUN = 40  # of the profile in tests/conftest.py


def examples(fast: int) -> int:
    """So many as `fast` in `make test`, and as many times more as the profile has of any other property."""
    return fast * (settings.default or settings()).max_examples // OF_A_FAST_RUN
