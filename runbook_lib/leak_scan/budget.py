"""How much of one item is unpacked at most, so that none takes for ever, whatever stands in it."""

from __future__ import annotations

from dataclasses import dataclass

MOST_UNPACKED = 32 << 20  # characters and bytes that the unpacking of an item comes to
CHUNK = 1 << 16  # bytes that are unpacked at a time
EACH = 256  # of them for each text, however short: what looking through it costs at least


@dataclass(slots=True)
class Budget:
    """What may still be unpacked of an item; once it is `over`, something was not looked through."""

    left: int = MOST_UNPACKED
    over: bool = False

    def take(self, size: int) -> bool:
        """Whether as much may be unpacked; if not, nothing more may be."""
        if self.over or size + EACH > self.left:
            self.over, self.left = True, 0
            return False
        self.left -= size + EACH
        return True

    def next_part(self) -> int:
        """How many bytes are to be unpacked next; one more than may be where none may, so that it is seen."""
        return max(min(CHUNK, self.left - EACH), 1)
