"""Keys that several items would have, and values that would become one: over a whole table, on disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

SLOTS = 256
DIGEST_BYTES = 16
FLUSHED_AT = 32 << 10  # bytes of a slot; 8 MB of all


class _Slots:
    """Records of one size, spread over files by their first byte, in memory that does not grow."""

    def __init__(self, folder: Path, size: int) -> None:
        self._folder, self._size = folder, size
        self._slots = [bytearray() for _ in range(SLOTS)]
        folder.mkdir(exist_ok=True)

    def add(self, record: bytes) -> None:
        slot = self._slots[record[0]]
        slot += record
        if len(slot) >= FLUSHED_AT:
            self._flush(record[0])

    def read(self) -> Iterator[list[bytes]]:
        """All records, slot by slot."""
        for number in range(SLOTS):
            self._flush(number)
            file = self._folder / f"{number:02x}"
            held = file.read_bytes() if file.exists() else b""
            yield [held[at : at + self._size] for at in range(0, len(held), self._size)]

    def _flush(self, number: int) -> None:
        slot = self._slots[number]
        if slot:
            with open(self._folder / f"{number:02x}", "ab") as file:
                file.write(slot)
            slot.clear()


class KeyDigests:
    """Digests of keys; a digest is 16 bytes."""

    def __init__(self, folder: Path) -> None:
        self._slots, self.count = _Slots(folder, DIGEST_BYTES), 0

    def add(self, digest: bytes) -> None:
        """Take one more key."""
        self._slots.add(digest)
        self.count += 1

    def repeated(self) -> Iterator[bytes]:
        """Each digest that was added more than once, as often as it was too many."""
        for held in self._slots.read():
            for digest, times in Counter(held).items():
                yield from [digest] * (times - 1)


class ValueDigests:
    """Digests of values and of what they become."""

    def __init__(self, folder: Path) -> None:
        self._slots = _Slots(folder, 2 * DIGEST_BYTES)

    def add(self, before: bytes, after: bytes) -> None:
        """Take one more value."""
        self._slots.add(after + before)

    def merged(self) -> int:
        """How many distinct values become one that another value becomes, too."""
        many = 0
        for held in self._slots.read():
            distinct = Counter(record[:DIGEST_BYTES] for record in set(held))
            many += sum(times - 1 for times in distinct.values())
        return many
