"""Whether a name looks like a developer's word, or like a datum: an address, a number, an id, something packed."""

from __future__ import annotations

import re
from binascii import Error as BadBase64
from binascii import a2b_base64
from functools import lru_cache
from typing import Final

MOST_DIGITS = 4  # of a word, as of a year or of iso8601: telephones, cards, accounts and dates have more
LEAST_PACKED = 8  # characters of Base64 for six of a text
_PLAIN_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_\-]{0,63}")
_DIGITS: Final = re.compile(r"\d+")
_HEX: Final = re.compile(r"(?=[a-f]*\d)[0-9a-f]{8,}|[0-9a-f]{12,}", re.IGNORECASE)
_BASE32: Final = re.compile(r"[A-Z2-7]{10,}|[a-z2-7]{10,}")
_BASE32_DIGITS: Final = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "0123456789ABCDEFGHIJKLMNOPQRSTUV")
_TEXT: Final = re.compile(rb"[A-Za-z0-9 @.,:+_'\-]{6,}")
_GZIP: Final = b"\x1f\x8b"
_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SHORT, _MANY = 2.8, 5  # letters of a word on average, and words: a name of so many that are so short is a token


@lru_cache(maxsize=1 << 12)
def looks_named(name: str) -> bool:
    """Whether a name seems to be a developer's word; another one may be a person's datum and is not shown."""
    if not _PLAIN_NAME.fullmatch(name):
        return False
    if sum(map(len, _DIGITS.findall(name))) > MOST_DIGITS:
        return False
    return not (_is_token(name) or any(_HEX.fullmatch(part) or _holds_text(part) for part in _parts(name)))


def _parts(name: str) -> set[str]:
    return {name, *re.split("[_-]", name)}


def _is_token(name: str) -> bool:
    """Whether a name comes apart into many words that are too short to be any, as what is drawn at random does."""
    words = _WORDS.findall(name)
    return len(words) >= _MANY and sum(map(len, words)) < _SHORT * len(words)


def _holds_text(part: str) -> bool:
    """Whether a part of a name is a text in hexadecimal, Base64 or Base32, or packed bytes in Base64."""
    if len(part) < LEAST_PACKED:
        return False
    held = [_from_base64(part)]
    if _BASE32.fullmatch(part) and len(part) & 7 not in (1, 3, 6):
        size = len(part) * 5
        held.append((int(part.upper().translate(_BASE32_DIGITS), 32) >> (size & 7)).to_bytes(size >> 3))
    return any(data.startswith(_GZIP) or _TEXT.fullmatch(data) for data in held)


def _from_base64(part: str) -> bytes:
    try:
        return a2b_base64(part.replace("-", "+").replace("_", "/") + "=" * (-len(part) % 4))
    except BadBase64:
        return b""
