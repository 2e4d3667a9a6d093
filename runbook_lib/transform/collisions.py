"""Keys that several items would have: counted over all keys of a table, on disk, in memory that does not grow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

SLOTS = 256
DIGEST_BYTES = 16
FLUSHED_AT = 32 << 10  # bytes of a slot; 8 MB of all


class KeyDigests:
    """Digests of keys, spread over files by their first byte; a digest is 16 bytes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._slots = [bytearray() for _ in range(SLOTS)]
        self.count = 0

    def add(self, digest: bytes) -> None:
        """Take one more key."""
        slot = self._slots[digest[0]]
        slot += digest
        self.count += 1
        if len(slot) >= FLUSHED_AT:
            self._flush(digest[0])

    def repeated(self) -> Iterator[bytes]:
        """Each digest that was added more than once, as often as it was too many."""
        for number in range(SLOTS):
            self._flush(number)
            file = self._folder / f"{number:02x}"
            held = file.read_bytes() if file.exists() else b""
            seen = Counter(held[at : at + DIGEST_BYTES] for at in range(0, len(held), DIGEST_BYTES))
            for digest, times in seen.items():
                yield from [digest] * (times - 1)

    def _flush(self, number: int) -> None:
        slot = self._slots[number]
        if slot:
            with open(self._folder / f"{number:02x}", "ab") as file:
                file.write(slot)
            slot.clear()
