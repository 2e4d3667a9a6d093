"""One spelling for what reads the same: letters in any case, with or without accents, numbers in any notation."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from runbook_lib.errors import CorruptFile
from runbook_lib.items.canonical import canonical_number

LEAST = 6  # characters of a value that is looked for
LEAST_DIGITS = 7  # of a number that is also looked for without its separators
_TELEPHONE = re.compile(r"\+?\d[\d ().\-/]{6,24}\d", re.ASCII)
_SPACED = re.compile(r"\d[\d ().\-/]{5,25}\d", re.ASCII)
_NO_DIGITS = dict.fromkeys(map(ord, "+ ().-/"))
# Of Latin, Greek and Cyrillic letters, points and other marks of Hebrew ones, vowels and other marks of Arabic ones.
_ACCENTS = re.compile(
    "[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"
    "\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed]"
)
# Letters that Unicode does not take apart, and what is written for them where a keyboard has none.
_LETTERS = {
    "ı": "i", "ł": "l", "ø": "o", "ǿ": "o", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "þ": "th", "æ": "ae", "ǽ": "ae",
    "ǣ": "ae", "œ": "oe", "ŋ": "n", "ƀ": "b", "ɓ": "b", "ɗ": "d", "ǥ": "g", "ƙ": "k", "ɲ": "n", "ƴ": "y", "ƶ": "z",
    "ɨ": "i", "ʉ": "u",
}  # fmt: skip
_DECIMAL = re.compile(r"[^\D0-9]")
# What Unicode calls default ignorable, and marks of annotations: fonts show nothing of it.
UNSEEN = (
    (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F),
    (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0), (0xFFF0, 0xFFFB), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
)  # fmt: skip


def _ranges(codes: Iterable[int]) -> list[list[int]]:
    found: list[list[int]] = []
    for code in codes:
        if found and code == found[-1][1] + 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return found


_PLAIN = dict.fromkeys((code for first, last in UNSEEN for code in range(first, last + 1)), "")
_PLAIN[0x20E3] = ""  # which makes a key of a digit
_PLAIN |= {ord(one): plain for letter, plain in _LETTERS.items() for one in (letter, letter.upper())}
_PLAIN |= dict.fromkeys([0x5BE, *range(0x2010, 0x2016), 0x2212], "-")
_PLAIN |= dict.fromkeys([0x2018, 0x2019, 0x201B, 0x2BC, 0x66C], "'") | {0x66B: "."}  # between digits, and in names
_PLAIN |= dict.fromkeys(range(0xD800, 0xE000), "\ufffd")  # half of a character, which no text can be searched with
# As ranges: single letters beyond U+FFFF would be compared one by one. A table to translate by is slow, too.
_OTHERS = re.compile(f"[{''.join(f'{chr(first)}-{chr(last)}' for first, last in _ranges(sorted(_PLAIN)))}]")
# Digits in groups, with a fraction or with an exponent, and where one may stand: few texts have such a place.
_PLACES = tuple(
    (mark, re.compile(place))
    for mark, place in (
        (",", r",\d"), ("'", r"'\d"), ("_", r"_\d"), (".", r"\.\d*(?:0(?![\dz])|(?<=\d)e[+\-]?\d)")
    )
)  # fmt: skip
_OF_NUMBERS, LONGEST = frozenset("0123456789.,'_ "), 60  # characters before such a place, and behind it
_NUMBER = re.compile(r"(?<![\d.,'_])\d++(?:[.,'_ ]\d++)++(?:e[+\-]?\d{1,3}(?![\da-z]))?", re.ASCII)
_NEXT = re.compile(r" (?!\d{3}(?!\d))")  # a blank that begins another number
_APART = re.compile(r"[.,'_ ]")
_IBAN = re.compile(r"[a-z]{2}\d{2}(?:[a-z0-9]{11,30}|(?: [a-z0-9]{4}){2,7}(?: [a-z0-9]{1,4})?)", re.ASCII)
_UUID = re.compile(r"([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})")
SURELY_FOUND = 12  # digits of a telephone number that is found within others, too
ABROAD = ("00", "011")  # before the country, for a plus
_SIGNED = re.compile(r"-\d[\d.]+")


def fold(text: str) -> str:
    """A text as it is compared: without case, accents and what is not seen, with plain digits and single blanks.

    Of every character the upper, lower, title and swapped case come to the same.
    """
    if text.isascii():
        folded = text.lower()
    else:
        plain = _OTHERS.sub(lambda other: _PLAIN[ord(other[0])], unicodedata.normalize("NFKC", text))
        plain = unicodedata.normalize("NFKC", _ACCENTS.sub("", unicodedata.normalize("NFKD", plain.casefold())))
        folded = _DECIMAL.sub(lambda digit: str(unicodedata.decimal(digit[0])), plain)
    if "  " in folded or "\n" in folded or "\t" in folded or "\r" in folded:
        return " ".join(folded.split())
    return folded


def spellings(folded: str) -> Iterator[str]:
    """How else a folded raw value is looked for.

    Of a number its digits, in plain notation, without a sign; of one for the telephone with what is dialled for its
    plus; of an account's number with and without blanks; of a UUID with and without dashes.
    """
    if _TELEPHONE.fullmatch(folded):
        digits = "".join(filter(str.isdigit, folded))
        if len(digits) >= LEAST_DIGITS:
            yield digits
            if folded.startswith("+") and len(digits) < SURELY_FOUND:
                yield from (before + digits for before in ABROAD)
        for before in ABROAD:
            if digits.startswith(before) and len(digits) - len(before) > LEAST_DIGITS:
                yield digits[len(before) :]
    if _IBAN.fullmatch(folded):
        plain = folded.replace(" ", "")
        yield from (plain, " ".join(plain[at : at + 4] for at in range(0, len(plain), 4)))
    if parts := _UUID.fullmatch(folded):
        yield from ("".join(parts.groups()), "-".join(parts.groups()))
    unsigned = folded[1:] if _SIGNED.fullmatch(folded) else folded
    if unsigned != folded and len(unsigned) >= LEAST:
        yield unsigned
    if _NUMBER.fullmatch(unsigned):
        yield from _plainly([unsigned])


def numbers_of(folded: str) -> tuple[str, str]:
    """The numbers of a folded text that are spelled with separators, with blanks between.

    First the digits of each, as of a telephone number; then those with groups, closing zeros or an exponent, plainly.
    """
    spaced = [match for match in _SPACED.findall(folded) if not match.isdecimal()]
    found = [match for match in spaced if " " in match and "." in match]
    for mark, place in _PLACES:
        if mark in folded:
            found += _at_places(folded, place)
    plain = " ".join(_plainly(dict.fromkeys(found))) if found else ""
    return "|".join(spaced).translate(_NO_DIGITS).replace("|", " "), plain


def _at_places(folded: str, place: re.Pattern[str]) -> Iterator[str]:
    end = 0
    for there in place.finditer(folded):
        first = there.start()
        if first < end:
            continue
        least, end = max(first - LONGEST, 0), there.end()
        while first > least and folded[first - 1] in _OF_NUMBERS:
            first -= 1
        if end - first <= LEAST and folded[end - 1] == "0" and folded[end : end + 1] not in _OF_NUMBERS:
            continue  # in plain notation it is shorter still
        for match in _NUMBER.finditer(folded, first, end + LONGEST):
            if match.end() > there.start():
                yield match[0]
                end = max(end, match.end())
                break


def _plainly(numbers: Iterable[str]) -> Iterator[str]:
    """Each number in plain notation, with its last separator as a decimal point and as one of groups, if it may be."""
    for number in numbers:
        for one in _NEXT.split(number):
            mantissa, e, exponent = one.partition("e")
            *groups, last = _APART.split(mantissa)
            if not groups and not e:
                continue
            point = mantissa[-len(last) - 1 : -len(last)]
            spelled = ["".join((*groups, last))]
            if groups and point in ".," and mantissa.count(point) == 1:
                spelled.append(f"{''.join(groups)}.{last}")
            for text in spelled:
                try:
                    plain = canonical_number(f"{text}{e}{exponent}").lower()
                except CorruptFile:
                    continue
                if len(plain) >= LEAST:
                    yield plain
