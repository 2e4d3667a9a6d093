"""Moving dates by whole days, in the spelling that they have."""

from __future__ import annotations

import re
from datetime import date, timedelta

_ISO = re.compile(
    r"(\d{4})(-?)(\d{2})\2(\d{2})(?:[T ]\d{2}:?\d{2}(?::?\d{2}(?:[.,]\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?", re.ASCII
)
_NUMBER = re.compile(r"-?\d{1,17}(?:\.\d{1,9})?", re.ASCII)
DAY_SECONDS = 86_400
# Seconds since 1970 have up to 11 digits until the year 5138; more digits are thousandths, or millionths, of them.
SCALES = ((10**11, 1), (10**14, 1_000), (10**17, 1_000_000))


def days_of(mac: bytes, most: int) -> int:
    """By how many days: 1 to `most`, earlier or later."""
    days = int.from_bytes(mac[:8]) % most + 1
    return days if mac[8] & 1 else -days


def shift_text(text: str, days: int) -> str:
    """An ISO 8601 date, with or without a time, moved; raises ValueError for anything else."""
    match = _ISO.fullmatch(text)
    if match is None:
        raise ValueError("not an ISO 8601 date")
    dash = match[2]
    moved = date(int(match[1]), int(match[3]), int(match[4])) + timedelta(days)
    return f"{moved.year:04}{dash}{moved.month:02}{dash}{moved.day:02}{text[match.end(4) :]}"


def shift_number(text: str, days: int) -> str:
    """Seconds since 1970, or thousandths or millionths of them, moved; raises ValueError for anything else."""
    if not _NUMBER.fullmatch(text):
        raise ValueError("not a number of seconds")
    whole, dot, fraction = text.partition(".")
    number = int(whole)
    scale = next((scale for most, scale in SCALES if abs(number) < most), None)
    moved = number + days * DAY_SECONDS * scale if scale else None
    if moved is None or (fraction and (number < 0) != (moved < 0)):
        raise ValueError("not a number of seconds")
    return f"{moved}{dot}{fraction}"
