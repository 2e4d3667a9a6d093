"""What a text or bytes may hide: one step of unpacking at a time."""

from __future__ import annotations

import html
import quopri
import re
import unicodedata
from collections.abc import Iterator
from string import ascii_letters, digits
from urllib.parse import unquote_plus

from runbook_lib.leak_scan.packed import LEAST_PACKED, is_readable, may_hide, readings

NUMBERS = re.compile(r"\+?\d[\d ().\-/]{6,24}\d", re.ASCII)
SPACED = re.compile(r"\d[\d ().\-/]{6,25}\d", re.ASCII)
NO_DIGITS = dict.fromkeys(map(ord, "+ ().-/"))
ESCAPED = "JSON in a string"
MARKS = ("%", "\\", "&", "\n", "=", "xn--")  # of a text that may have to be taken apart as a whole
MOST_NOTHING = 100_000  # runs that are remembered to hide nothing
LONGEST_NOTHING = 256  # characters of such a run: longer ones do not come twice, and may have megabytes
_ESCAPE = re.compile(r'\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(["\\/bfnrt]))')
_SHORT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_SURROGATES = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_OLD_URL = re.compile(r"%u([0-9a-fA-F]{4})")
_PUNYCODE = re.compile(r"xn--([a-z0-9\-]+)", re.IGNORECASE)
_QUOTED = re.compile(r"=(?:[0-9A-Fa-f]{2}|\r?\n)")
_TYPED_BYTES = re.compile(r'\[(?:\{"N":"\d{1,3}"\},?){6,}')
_BYTES = re.compile(r"\[ ?(?:\d{1,3}, ?){5,}\d{1,3}")
_NUMBER = re.compile(r"\d+")
_ACCENTS = re.compile("[\u0300-\u036f]")  # of Latin, Greek and Cyrillic letters
_SPACES = re.compile(r"\s{2,}|[\t\n\r]")
_DECIMAL = re.compile(r"\d")
# What is not seen: zero-width characters, soft hyphens; and dashes, which are many.
_UNSEEN = dict.fromkeys([0xAD, 0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2060, 0xFEFF]) | dict.fromkeys(
    [*range(0x2010, 0x2016), 0x2212], "-"
)


class _Others(dict[int, str]):
    """A table for `translate` that puts a blank for whatever it does not have."""

    def __missing__(self, key: int) -> str:
        return " "


_RUNS = _Others((code, chr(code) if chr(code) in f"{ascii_letters}{digits}+/_-=" else " ") for code in range(128))


def fold(text: str) -> str:
    """A text as it is compared: without case, accents and what is not seen, with plain digits and single blanks."""
    if text.isascii():
        folded = text.lower()
    else:
        plain = unicodedata.normalize("NFKC", text).translate(_UNSEEN)
        plain = unicodedata.normalize("NFKC", _ACCENTS.sub("", unicodedata.normalize("NFKD", plain.casefold())))
        folded = _DECIMAL.sub(lambda digit: str(unicodedata.decimal(digit[0])), plain)
    if "  " in folded or "\n" in folded or "\t" in folded or "\r" in folded:
        return _SPACES.sub(" ", folded)
    return folded


def unpacked(text: str, nothing: set[str]) -> Iterator[tuple[str, str | bytes]]:
    """What a text becomes by one step, and what the step is called; `nothing` are runs known to hide nothing."""
    if "%" in text and (plain := unquote_plus(_OLD_URL.sub(_character, text))) != text:
        yield "URL-encoded", plain
    if "\\" in text and (plain := unescaped(text)) != text:
        yield ESCAPED, plain
    if "&" in text and (plain := html.unescape(text)) != text:
        yield "HTML-escaped", plain
    if "\n" in text and (plain := text.replace("\r", "").replace("\n", "")):
        yield "over several lines", plain
    if "=" in text and _QUOTED.search(text) and text.isascii():
        yield "quoted-printable", quopri.decodestring(text.encode())
    if "xn--" in text and (plain := _PUNYCODE.sub(_label, text)) != text:
        yield "punycode", plain
    if "[" in text:
        yield from _listed_bytes(text)
    for found in text.translate(_RUNS).split():
        if len(found) < LEAST_PACKED or found in nothing:
            continue
        hides = False
        for reading in readings(found):
            hides = True
            yield reading
        if not hides:
            _remember(nothing, found)


def is_plain(text: str) -> bool:
    """Whether nothing but runs of letters and digits could hide anything in a text."""
    return text.isascii() and not any(mark in text for mark in MARKS)


def hiding_runs(text: str, nothing: set[str]) -> list[str]:
    """The runs of a plain text that `unpacked` would take apart; it may be many texts, which have words in common."""
    hiding = list[str]()
    for found in set(text.translate(_RUNS).split()) - nothing:
        if len(found) >= LEAST_PACKED:
            if may_hide(found) and any(True for _ in readings(found)):
                hiding.append(found)
            else:
                _remember(nothing, found)
    return hiding


def lists_bytes(text: str) -> bool:
    """Whether a text has bytes spelled as a list of numbers."""
    return "[" in text and any(True for _ in _listed_bytes(text))


def _remember(nothing: set[str], found: str) -> None:
    if len(nothing) >= MOST_NOTHING:
        nothing.clear()
    if len(found) <= LONGEST_NOTHING:
        nothing.add(found)


def _listed_bytes(text: str) -> Iterator[tuple[str, bytes]]:
    """Bytes that are spelled as a list of numbers, as JavaScript's buffers are."""
    for run in (*_BYTES.findall(text), *(_TYPED_BYTES.findall(text) if '[{"N":"' in text else ())):
        numbers = [int(number) for number in _NUMBER.findall(run)]
        if max(numbers) < 256 and is_readable(bytes(numbers)):
            yield "a list of bytes", bytes(numbers)


def _character(match: re.Match[str]) -> str:
    return chr(int(match[1], 16))


def _label(match: re.Match[str]) -> str:
    try:
        return match[1].encode("ascii").decode("punycode")
    except UnicodeError:
        return match[0]


def unescaped(text: str) -> str:
    """A text without the escapes of JSON, one layer of them."""

    def one(match: re.Match[str]) -> str:
        return chr(int(match[1] or match[2], 16)) if match[1] or match[2] else _SHORT.get(match[3], match[3])

    plain = _ESCAPE.sub(one, text)
    return _SURROGATES.sub(lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), plain)
