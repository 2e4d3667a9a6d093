"""Base64 that other words are joined to by signs which Base64 has itself: where it begins and ends is not seen.

It is decoded once for each place of four that it may begin at, for from there all that follows is the same bytes. In
these bytes every joint is a place where a packed text, or one as it is, may begin, and another where that may end.
"""

from __future__ import annotations

import re
from binascii import a2b_base64
from bisect import bisect_left
from collections.abc import Iterator, Sequence

LEAST_JOINED = 10  # characters: eight of Base64, one of which is a joint, and another joint
LEAST_INSIDE = 6  # bytes of a text without what is behind it
BEHIND = 12  # bytes that look like text by chance behind the end of one
_PACKED = re.compile(rb"\x1f\x8b|x[\x01\x5e\x9c\xda]|BZh|\xfd7zXZ\0|\]\0\0|PK\x03\x04")
# A text as UTF-8 or, of letters that Latin-1 has, as UTF-16 has it.
_TEXT = re.compile(
    rb"(?:\xff\xfe|\xfe\xff)?+(?:[\t\n\r -~]|\0[\xa0-\xff]"
    rb"|[\xa0-\xff]\0|\0|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}){6,}+"
)
_PADDING = ("", "", "==", "=")


def joined_base64(run: str, parts: Sequence[str]) -> Iterator[bytes]:
    """The bytes that Base64 within a run may be; `parts` are what its joints divide, which are no whole ones here."""
    plain = run.replace("-", "+").replace("_", "/")
    ends = list[int]()
    for part in parts:
        ends.append((ends[-1] + 1 if ends else 0) + len(part))
    starts = [0, *(end + 1 for end in ends[:-2])]  # behind these is a joint at least
    for place in range(4):
        if those := [start for start in starts if start & 3 == place]:
            yield from _from(plain, those, ends)


def _from(plain: str, starts: Sequence[int], ends: Sequence[int]) -> Iterator[bytes]:
    """The same of the starts that have their bytes in common."""
    first, size = starts[0], len(plain) - starts[0]
    if size < LEAST_JOINED - 2:
        return
    size -= size & 3 == 1
    data = a2b_base64(plain[first : first + size] + _PADDING[size & 3])
    if first or size < len(plain):
        yield data
    seen = 0
    for start in starts:
        at = (start - first) // 4 * 3
        if _PACKED.match(data, at):
            yield data[at:]
        elif at >= seen and (match := _TEXT.match(data, at)):  # within a text that was seen none begins
            seen = match.end()
            if at or seen < len(data):
                yield data[at:seen]
                yield from _cut(data, start, at, seen, ends)


def _cut(data: bytes, start: int, at: int, seen: int, ends: Sequence[int]) -> Iterator[bytes]:
    """A text without what looks like one by chance behind the joint that ends it."""
    first = max(seen - BEHIND, at + LEAST_INSIDE)
    for number in range(bisect_left(ends, start + (first - at) * 4 // 3), len(ends)):
        last = at + (ends[number] - start) * 3 // 4
        if last >= seen:
            break
        if last >= first:
            yield data[at:last]
