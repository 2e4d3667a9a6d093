"""Values beyond those that are looked for anywhere: digests on disk, found where they are a whole value or a word."""

from __future__ import annotations

import hashlib
import mmap
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO

SLOTS = 256
DIGEST, NUMBER = 12, 4  # bytes of a record
RECORD = DIGEST + NUMBER
_SPLIT = re.compile(r'[#:/|@,;\s"{}\[\]]+')
_MAIL = re.compile(r'[^\s"#:/|,;<>(){}\[\]]+@[^\s"#:/|,;<>(){}\[\]]+')
_STRINGS = re.compile(r'"([^"]*)"')
LEAST = 6


def words_of(text: str) -> Iterator[str]:
    """The whole texts between quotes, words, and addresses in a folded text."""
    yield text
    for pattern in (_STRINGS, _MAIL):
        yield from (word for word in pattern.findall(text) if len(word) >= LEAST)
    yield from (word for word in _SPLIT.split(text) if len(word) >= LEAST)


class ValueWords:
    """Digests of values under a key, each with the number of its value; `settle` has to be called before a look-up."""

    def __init__(self, folder: Path, key: bytes) -> None:
        self._folder, self._key, self.count = folder, key, 0
        self._open: dict[int, IO[bytes]] = {}
        self._settled: dict[int, mmap.mmap] = {}

    def add(self, value: str, number: int) -> None:
        """Take one more value; one that is there already counts twice."""
        digest = self._digest(value)
        slot = digest[0]
        if slot not in self._open:
            self._open[slot] = open(self._folder / f"{slot:02x}", "ab", buffering=1 << 14)  # noqa: SIM115
        self._open[slot].write(digest + number.to_bytes(NUMBER))
        self.count += 1

    def settle(self) -> int:
        """Sort what was added; how many distinct values there are."""
        self.count = 0
        for slot, file in self._open.items():
            file.close()
            path = self._folder / f"{slot:02x}"
            data = path.read_bytes()
            first: dict[bytes, bytes] = {}
            for at in range(0, len(data), RECORD):
                first.setdefault(data[at : at + DIGEST], data[at + DIGEST : at + RECORD])
            path.write_bytes(b"".join(digest + first[digest] for digest in sorted(first)))
            self.count += len(first)
            with open(path, "rb") as sorted_file:
                self._settled[slot] = mmap.mmap(sorted_file.fileno(), 0, access=mmap.ACCESS_READ)
        self._open.clear()
        return self.count

    def number_of(self, value: str) -> int | None:
        """The number of a value, or None for one that was not added."""
        digest = self._digest(value)
        held = self._settled.get(digest[0])
        if held is None:
            return None
        low, high = 0, len(held) // RECORD
        while low < high:
            middle = (low + high) // 2
            if held[middle * RECORD : middle * RECORD + DIGEST] < digest:
                low = middle + 1
            else:
                high = middle
        at = low * RECORD
        if held[at : at + DIGEST] != digest:
            return None
        return int.from_bytes(held[at + DIGEST : at + RECORD])

    def close(self) -> None:
        """Let go of the files."""
        for held in self._settled.values():
            held.close()
        for file in self._open.values():
            file.close()

    def _digest(self, value: str) -> bytes:
        text = value.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, key=self._key, digest_size=DIGEST).digest()
