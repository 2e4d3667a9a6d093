"""Values beyond those that are looked for anywhere: digests on disk, found where they are a whole value or a word."""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from string import punctuation
from typing import IO

from runbook_lib.leak_scan.spelling import LEAST

SLOTS = 256
DIGEST, NUMBER = 12, 4  # bytes of a record
RECORD = DIGEST + NUMBER
_ASCII = {code: chr(code) for code in range(128)}  # a table that has every letter is looked up without exceptions
_BUT_AT = _ASCII | dict.fromkeys(map(ord, '#:/|,;"{}[]<>()'), " ")
_ALL = _ASCII | dict.fromkeys(map(ord, '#:/|,;"{}[]@'), " ")
NO_TEXT = "\ufffd"  # in what bytes hold that are no text, whose words do not come twice either
ONE, BETWEEN = '":"', '"|"'  # before every value in an item's JSON; what no item's JSON has
WITHIN = "@.-_+"  # what a word may have within it whatever stands around it, but at its ends
_BARE = _ASCII | {ord(sign): " " for sign in punctuation if sign not in WITHIN}
LAST = (1 << 25) - 1  # bit of the filter before the digests, 4 MB: of a million values three words in a hundred pass it
MOST_CLEAN = 4_000  # words remembered that are no values: texts have the same ones again and again
SHORT = 64  # characters of such a word at most: whole texts may have megabytes, and do not come twice


def values_and_between(text: str) -> set[str]:
    """The single values in the JSON of items, and what stands between two of them."""
    first, *others = text.split(ONE)
    parts = {first}
    for part in others:
        end = part.find('"')
        parts.add(part[:end])
        parts.add(part[end + 1 :])
    return parts


def parts_with(text: str, runs: Sequence[str]) -> Iterator[str]:
    """The parts, with `BETWEEN` between them in a text, that have one of the runs in them."""
    for run in runs:
        at = text.find(run)
        while at >= 0:
            start, end = text.rfind(BETWEEN, 0, at), text.find(BETWEEN, at)
            end = len(text) if end < 0 else end
            yield text[start + len(BETWEEN) if start >= 0 else 0 : end]
            at = text.find(run, end)


def words_of(text: str) -> set[str]:
    """The whole texts between quotes, words, and addresses in a folded text that are long enough for a value."""
    parts = text.split('"')
    words = [text, *parts, *text.translate(_ALL).split()]
    if "@" in text:
        shown = " ".join(part for part in parts if "@" in part)
        words += (word for word in shown.translate(_BUT_AT).split() if "@" in word)
    return {word for word in words if len(word) >= LEAST}


def bare_words(words: Iterable[str]) -> set[str]:
    """Words without what stands around and between them in links, forms, cookies, code and sentences."""
    bare = [bare.strip(WITHIN) for bare in " ".join(words).translate(_BARE).split()]
    return {word for word in bare if len(word) >= LEAST}


class ValueWords:
    """Digests of values under a key, each with the number of its value; `settle` has to be called before a look-up."""

    def __init__(self, folder: Path, key: bytes) -> None:
        self._folder, self._key, self.count = folder, key, 0
        self._open: dict[int, IO[bytes]] = {}
        self._settled: dict[int, mmap.mmap] = {}
        self._bits, self._clean = bytearray((LAST + 1) >> 3), set[str]()
        self._before = set[str]()

    def add(self, value: str, number: int) -> None:
        """Take one more value; one that is there already counts twice."""
        digest, bit = self._digest(value), hash(value) & LAST
        self._bits[bit >> 3] |= 1 << (bit & 7)
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

    def numbers_in(self, text: str) -> Iterator[int]:
        """The numbers of the values that a folded text is, or that are words in it."""
        bits, last, held = self._bits, LAST, False
        new = words_of(text) - self._clean
        new |= bare_words([word for word in new if not word.isalnum() and " " not in word]) - self._clean
        for word in [word for word in new if bits[(hash(word) & last) >> 3]]:
            bit = hash(word) & 7
            if bits[(hash(word) & last) >> 3] >> bit & 1 and (number := self.number_of(word)) is not None:
                yield number
                held = True
        if held:
            return  # of what was seen some has a value within it
        if len(self._clean) >= MOST_CLEAN:
            self._clean.clear()
        if NO_TEXT not in text:
            short = {word for word in new if len(word) <= SHORT}
            self._clean |= short & self._before
            self._before = short

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
