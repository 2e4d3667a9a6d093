"""Draws from a hash: cheap, reproducible everywhere, independent of Python's random module."""

from __future__ import annotations

import hashlib
from typing import TypeVar

T = TypeVar("T")


class Draw:
    """Draw small numbers from 2,048 bits made of a seed; when they are used up, every draw is 0."""

    __slots__ = ("_state",)

    def __init__(self, seed: str) -> None:
        self._state = int.from_bytes(hashlib.shake_256(seed.encode("utf-8")).digest(256), "big")

    def below(self, limit: int) -> int:
        """Return a number from 0 to limit - 1."""
        self._state, drawn = divmod(self._state, limit)
        return drawn

    def pick(self, choices: tuple[T, ...] | list[T]) -> T:
        """Return one of the choices."""
        return choices[self.below(len(choices))]

    def hexadecimal(self, digits: int) -> str:
        """Return that many hex digits."""
        return f"{self.below(16**digits):0{digits}x}"

    def raw(self, length: int) -> bytes:
        """Return that many bytes."""
        return self.below(256**length).to_bytes(length, "big")

    def date(self) -> str:
        """Return a day from 2019 to 2025 that every month has."""
        return f"{2019 + self.below(7)}-{self.below(12) + 1:02d}-{self.below(28) + 1:02d}"
