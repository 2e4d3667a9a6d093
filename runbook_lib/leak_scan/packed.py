"""What a run of letters and digits may stand for: Base64, Base32 or hexadecimal of a text, or of packed bytes."""

from __future__ import annotations

import re
from binascii import Error as BadBase64
from binascii import a2b_base64, unhexlify
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from string import ascii_letters, hexdigits

from runbook_lib.leak_scan.budget import EACH, Budget
from runbook_lib.leak_scan.bytes_as_text import LEAST_WIDE, WIDE_MARKS, text_of_bytes, wide_text
from runbook_lib.leak_scan.joined import LEAST_JOINED, joined_base64
from runbook_lib.leak_scan.opened import PACKED, is_packed, pieces_of

MOST_READINGS = 32
SHORTEST_HEX = 12  # digits
SHORTEST_BASE32 = 10
SURELY_HEX = 20  # digits: Base64 of a text has letters beyond f before that
SURELY_NO_BASE64 = 16  # characters, if all are hexadecimal digits and dashes
LEAST_PACKED = 8  # characters of Base64 for 6 of a value
HEX = re.compile(r"(?:[0-9a-fA-F]{2}){6,}")
_MARKED_HEX = re.compile(r"0?[xX]((?:[0-9a-fA-F]{2}){6,})")  # as programs and databases spell bytes
_JOINTS = re.compile(r"[+/_\-]")
_ANY_32 = f"{ascii_letters}234567"
_HEX_AND_DASH = f"{hexdigits}-"
_BASE32_DIGITS = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "0123456789ABCDEFGHIJKLMNOPQRSTUV")
_PADDING = ("", "===", "==", "=")
BASE64, HEXADECIMAL = "Base64", "hexadecimal"
# How a byte looks: of ASCII, the first of two to four bytes of another character, the rest of one, or none of these.
_KINDS = bytes(
    ord("t" if code in b"\t\n\r" or 32 <= code < 127 else "-" if 128 <= code < 192 else "2" if 194 <= code < 224
        else "3" if 224 <= code < 240 else "4" if 240 <= code < 245 else " ") for code in range(256)
)  # fmt: skip
SIX, SIX_BYTES = "tttttt", b"tttttt"
_FILL = ("", "", "//", "/")  # digits of Base64 for what is missing of four
_MARKS = (*PACKED, *WIDE_MARKS)
_BEGINS = re.compile(rb"\xff\xff\xff(?:%s|[\x00-\x7f]{6})" % b"|".join(map(re.escape, _MARKS)), re.DOTALL)  # or ASCII
_Piece = tuple[str, str]  # a run, and what of it may be bytes


def readings(run: str, budget: Budget, any_bytes: bool = False) -> Iterator[tuple[str, bytes]]:
    """The bytes that a run may stand for and that are worth a look; what the way to them is called."""
    for step, data in every_reading(run):
        if not budget.take(len(data)):
            return
        if data and (any_bytes or (_may_be_read(data) and is_worth_a_look(data))):
            yield step, data


def run_budget(run: str) -> Budget:
    """What the readings of a run come to at most; one with more of them is taken apart with its item."""
    return Budget(MOST_READINGS * (len(run) + EACH))


def that_may_hide(runs: Iterable[str], any_bytes: bool = False) -> set[str]:
    """Those of which `readings` may have anything to say: the inner loop of a scan, for nearly none hides anything.

    What the runs stand for is made and looked at of all of them together, not of one after the other.
    """
    spelled, others = list[str](), list[str]()
    for run in runs:
        (others if len(run) < SURELY_NO_BASE64 or run.strip(_HEX_AND_DASH) else spelled).append(run)
    pieces = [
        (run, part) for run in spelled for part in run.split("-") if len(part) >= SHORTEST_HEX and not len(part) & 1
    ]
    others += [run for run in spelled if (len(run) < SURELY_HEX or len(run) & 1) and run.isalnum()]
    hiding, hexes, base64s = _spelled_otherwise(others, any_bytes)
    hexes += pieces
    if any_bytes:
        return hiding.union(run for run, _ in (*hexes, *base64s))
    filled = [piece + _FILL[len(piece) & 3] for _, piece in base64s]
    return hiding.union(
        _read_together(hexes, [piece for _, piece in hexes], "f" * 6, unhexlify),
        _read_together(base64s, filled, "/" * 4, a2b_base64),
    )


def _spelled_otherwise(runs: Sequence[str], any_bytes: bool) -> tuple[set[str], list[_Piece], list[_Piece]]:
    """The runs that may hide something, and pieces that are bytes in hexadecimal and in Base64."""
    hiding, hexes, base64s = set[str](), list[_Piece](), list[_Piece]()
    for run in runs:
        words = [run]
        if not run.isalnum():
            words = run.replace("_", "-").replace("/", "-").replace("+", "-").split("-")
            if len(words) > 2:
                hiding.add(run)  # which of its parts belong together is for `readings` to say
                continue
            if len(run) & 3 != 1:
                base64s.append((run, run.replace("-", "+").replace("_", "/")))
            words = [word for word in words if len(word) >= LEAST_PACKED]
        for word in words:
            if not word.strip(hexdigits) and len(word) >= SHORTEST_HEX and not len(word) & 1:
                hexes.append((run, word))
                if len(word) >= SURELY_HEX:
                    continue
            elif word[0] in "0xX" and _MARKED_HEX.fullmatch(word):
                hiding.add(run)
            if (word.islower() or word.isupper()) and _is_base32(word):
                data = _from_base32(word)
                if data and (any_bytes or _may_be_read(data)):
                    hiding.add(run)
            if len(word) & 3 != 1:
                base64s.append((run, word))
    return hiding, hexes, base64s


def _read_together(
    pieces: Sequence[_Piece], spelled: Sequence[str], apart: str, decode: Callable[[str], bytes]
) -> Iterator[str]:
    """The runs of which pieces may be read, given with what is to be decoded for each.

    Between these stand three bytes that no text has, which are spelled `apart`.
    """
    data, digits = decode(apart.join(("", *spelled, ""))), len(apart)
    ends = accumulate((len(text) + digits for text in spelled), initial=digits)
    starts = [end * 3 // digits for end in ends]
    for number in _worth_reading(data, starts):
        run, piece = pieces[number]
        start = starts[number]
        if _may_be_read(data[start : start + len(piece) * 3 // digits]):
            yield run


def _worth_reading(data: bytes, starts: Sequence[int]) -> set[int]:
    """The numbers of the pieces among which are all that may be read, by where each starts."""
    kinds = data.translate(_KINDS).replace(b"2-", b"tt").replace(b"3--", b"ttt").replace(b"4---", b"tttt")
    found = {bisect_right(starts, begin.end() - 1) - 1 for begin in _BEGINS.finditer(data)}
    for looked_in, sign in ((kinds, SIX_BYTES), (data, b"\0")):
        at = looked_in.find(sign)
        while at >= 0:
            number = bisect_right(starts, at)
            found.add(number - 1)
            at = looked_in.find(sign, starts[number])
    return found


def _may_be_read(data: bytes) -> bool:
    """Whether it is worth a closer look: it may be a text, packed, or have a text within that may be a value."""
    if data.isascii() or data.startswith(_MARKS):
        return True
    if 0 in data:
        if len(data) >= LEAST_WIDE:
            return True
        data = data.replace(b"\0", b"")
    return _has_text(data)


def _has_text(data: bytes) -> bool:
    """Whether six characters or more in a row are of a text."""
    kinds = data.translate(_KINDS).decode("latin-1")  # what a text has is looked up in a fourth of the time
    if SIX in kinds:
        return True
    if "2-" in kinds or "3--" in kinds or "4---" in kinds:
        return SIX in kinds.replace("2-", "t").replace("3--", "t").replace("4---", "t")
    return False


def _is_base32(run: str) -> bool:
    return len(run) >= SHORTEST_BASE32 and (run.islower() or run.isupper()) and not run.strip(_ANY_32)


def every_reading(run: str) -> Iterator[tuple[str, bytes]]:
    """All bytes that a run may stand for, one after the other: together they may be many times the run."""
    if len(run) >= SURELY_NO_BASE64 and not run.isalnum() and not run.strip(_HEX_AND_DASH):
        spelled = [part for part in run.split("-") if len(part) >= SHORTEST_HEX and not len(part) & 1]
        yield from ((HEXADECIMAL, unhexlify(part)) for part in spelled)
        return
    yield from _word_readings(run)
    if run.isalnum():
        return
    parts = _JOINTS.split(run)  # they may join it to other words
    for part in dict.fromkeys(parts):
        if len(part) >= LEAST_PACKED:
            yield from _word_readings(part)
    if len(parts) > 2 and len(run) > LEAST_JOINED:
        yield from ((BASE64, data) for data in joined_base64(run, parts))


def _word_readings(run: str) -> list[tuple[str, bytes]]:
    found = list[tuple[str, bytes]]()
    if len(run) >= SHORTEST_HEX and HEX.fullmatch(run):
        found.append((HEXADECIMAL, unhexlify(run)))
        if len(run) >= SURELY_HEX:
            return found
    if run[0] in "0xX" and (marked := _MARKED_HEX.fullmatch(run)):
        found.append((HEXADECIMAL, unhexlify(marked[1])))
    if (data := from_base64(run)) is not None:
        found.append((BASE64, data))
    if _is_base32(run) and (data := _from_base32(run)) is not None:
        found.append(("Base32", data))
    return found


def is_readable(data: bytes, budget: Budget) -> bool:
    """Whether bytes are a text, or packed ones."""
    return any(text_of_bytes(piece) is not None for piece in pieces_of(data, budget) or (data,))


def is_packed_or_text(data: bytes) -> bool:
    """Whether bytes have to be taken apart further, or are a text."""
    return is_packed(data) or text_of_bytes(data) is not None


def is_worth_a_look(data: bytes) -> bool:
    """Whether bytes are a text, packed, or other ones in which a value may be."""
    return is_packed_or_text(data) or _has_text(data.replace(b"\0", b"")) or wide_text(data) is not None


def _from_base32(text: str) -> bytes | None:
    size = len(text) * 5
    if len(text) & 7 in (1, 3, 6):
        return None
    return (int(text.upper().translate(_BASE32_DIGITS), 32) >> (size & 7)).to_bytes(size >> 3)


def from_base64(text: str) -> bytes | None:
    """The bytes of Base64 in either alphabet, with or without padding; None for what is none."""
    plain = text if text.isalnum() else text.rstrip("=").replace("-", "+").replace("_", "/")
    if (odd := len(plain) & 3) == 1:
        return None
    try:
        return a2b_base64(plain + _PADDING[odd])
    except BadBase64:
        return None
