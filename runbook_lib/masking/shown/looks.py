"""Whether a name looks like a developer's word, or a datum: an address, a number, an id, a code, something packed."""

from __future__ import annotations

import re
from binascii import Error as BadBase64
from binascii import a2b_base64
from functools import lru_cache
from typing import Final

MOST_DIGITS = 4  # of a word, as of a year or of iso8601: telephones, cards, accounts and dates have more
MOST_COUNTED = 2  # digits behind words that have no number in them by themselves: line10, and not order-4711
LEAST_PACKED = 8  # characters of Base64 for six of a text
_PLAIN_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_\-]{0,63}")
_DIGITS: Final = re.compile(r"\d+")
# Words with a number of three or four digits that is part of them.
_WITH_NUMBER: Final = re.compile(
    "h26[345]|x509|(?:aes|cp|ecma|fy|http|iso|keccak|rfc|ripemd|rsa|sha|shake|year)[_-]?[0-9]{3,4}(?![0-9])",
    re.IGNORECASE,
)
# Of the first letters: "Unique identifiers", IAM User Guide.
_ACCESS_KEY: Final = re.compile("(?:A3T[A-Z0-9]|A(?:BIA|CCA|GPA|IDA|IPA|KIA|NPA|NVA|PKA|ROA|SCA|SIA))[A-Z2-7]{16}")
_CAPITALS: Final = re.compile("(?=[A-Z]*[0-9])[A-Z0-9]+")
_NUMBERED_CAPITALS: Final = re.compile("[A-Z]+[0-9]{1,4}|[A-Z]+[0-9][A-Z]{1,14}|[0-9]+|A11Y|I18N|L10N")
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
    digits = sum(map(len, _DIGITS.findall(name)))
    if digits > MOST_DIGITS or digits - _own_digits(name) > MOST_COUNTED or any(map(_is_code, _parts(name))):
        return False
    return not (_is_token(name) or any(_HEX.fullmatch(part) or _holds_text(part) for part in _parts(name)))


def _own_digits(name: str) -> int:
    """How many digits of a name are part of a word, as in sha256."""
    return sum(len(number) for word in _WITH_NUMBER.findall(name) for number in _DIGITS.findall(word))


def _is_code(part: str) -> bool:
    """Whether a part of a name is an access key, or capitals mixed with digits otherwise than words with a number."""
    if _ACCESS_KEY.fullmatch(part):
        return True
    return _CAPITALS.fullmatch(part) is not None and _NUMBERED_CAPITALS.fullmatch(part) is None


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
