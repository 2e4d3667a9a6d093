"""Pseudonyms: what stands for a value, derived from its MAC and from nothing else.

Derived and not drawn, so the same key gives the same pseudonyms in every run, version and language. docs/masking.md
defines each form; a change of one is a change of everybody's keys.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum

HEX_DIGITS = 32
MOST_DIGITS = 38
SYLLABLES = [c + v for c in "bdfgklmnprstvz" for v in "aeiou"]
_SHAPED = re.compile(r"[\s+().\-/]*\d[\d\s+().\-/]*", re.ASCII)
_PLACES = re.compile(r"\d", re.ASCII)


class Form(StrEnum):
    """What a pseudonym looks like."""

    HEX = "hex"
    UUID = "uuid"
    EMAIL = "email"
    DIGITS = "digits"
    NAME = "name"


Spell = Callable[[bytes, str, int | None], str]


def spell_hex(mac: bytes, text: str, length: int | None) -> str:
    """Hexadecimal digits: 32, or `length` of at most 64."""
    return mac.hex()[: length or HEX_DIGITS]


def spell_uuid(mac: bytes, text: str, length: int | None) -> str:
    """A UUID of version 8 (RFC 9562), whose 122 free bits are the MAC's."""
    digits = mac.hex()
    variant = "89ab"[mac[8] & 3]
    return f"{digits[:8]}-{digits[8:12]}-8{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"


def spell_email(mac: bytes, text: str, length: int | None) -> str:
    """An address that no mail ever reaches: `.invalid` is reserved (RFC 2606)."""
    return f"{mac.hex()[: length or HEX_DIGITS]}@example.invalid"


def spell_digits(mac: bytes, text: str, length: int | None) -> str:
    """Decimal digits: as many as in the value, in its places where it is digits and separators; or `length` of them."""
    if length is None and _SHAPED.fullmatch(text):
        places = len(_PLACES.findall(text))
        if places <= MOST_DIGITS:
            digits = iter(_decimal(mac, places))
            return _PLACES.sub(lambda _: next(digits), text)
    return _decimal(mac, length or min(max(len(text), 1), MOST_DIGITS))


def spell_name(mac: bytes, text: str, length: int | None) -> str:
    """Two words of syllables that can be said: 73 bits, and nobody's name on purpose."""
    number = int.from_bytes(mac[:16])
    said = []
    for _ in range(12):
        number, which = divmod(number, len(SYLLABLES))
        said.append(SYLLABLES[which])
    return f"{''.join(said[:5]).capitalize()} {''.join(said[5:]).capitalize()}"


def number_pseudonym(mac: bytes, text: str, length: int | None) -> str:
    """A whole number without a leading zero: of the value's digits before the point, or of `length`."""
    whole = text.lstrip("+-").partition(".")[0]
    digits = length or (len(whole) if whole.isdecimal() and len(whole) <= MOST_DIGITS else MOST_DIGITS)
    first, rest = int.from_bytes(mac[16:24]) % 9 + 1, _decimal(mac, digits - 1) if digits > 1 else ""
    return f"{first}{rest}"


def _decimal(mac: bytes, places: int) -> str:
    # Of 256 bits: no remainder of 38 digits is likelier than another by more than one in 10**38.
    return str(int.from_bytes(mac) % 10**places).zfill(places)


SPELLED: dict[Form, Spell] = {
    Form.HEX: spell_hex,
    Form.UUID: spell_uuid,
    Form.EMAIL: spell_email,
    Form.DIGITS: spell_digits,
    Form.NAME: spell_name,
}
