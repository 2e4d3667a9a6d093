"""What a text or bytes may hide: one step of unpacking at a time."""

from __future__ import annotations

import bz2
import html
import io
import lzma
import quopri
import re
import unicodedata
import zipfile
import zlib
from base64 import b32decode
from binascii import Error as BadBase64
from binascii import a2b_base64, unhexlify
from collections.abc import Iterator
from contextlib import suppress
from string import ascii_letters, digits
from urllib.parse import unquote_plus

SURELY_HEX = 20  # digits: Base64 of a text has letters beyond f before that
LARGEST = 16 << 20  # bytes that are unpacked of one value
LEAST_PACKED = 8  # characters of Base64 for 6 of a value
HEX = re.compile(r"(?:[0-9a-fA-F]{2}){6,}")
NUMBERS = re.compile(r"\+?\d[\d ().\-/]{6,24}\d", re.ASCII)
SPACED = re.compile(r"\d[\d ().\-/]{6,25}\d", re.ASCII)
NO_DIGITS = dict.fromkeys(map(ord, "+ ().-/"))
MOST_NOTHING = 100_000  # runs that are remembered to hide nothing
MOST_JOINTS = 8  # of a run: Base64 itself has one in thirty-two characters
_JOINTS = re.compile(r"[+/_\-]")
_BASE32 = re.compile(r"[A-Z2-7]{10,}={0,6}")
_ESCAPE = re.compile(r'\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(["\\/bfnrt]))')
_SHORT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_SURROGATES = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_OLD_URL = re.compile(r"%u([0-9a-fA-F]{4})")
_PUNYCODE = re.compile(r"xn--([a-z0-9\-]+)", re.IGNORECASE)
_QUOTED = re.compile(r"=(?:[0-9A-Fa-f]{2}|\r?\n)")
_TYPED_BYTES = re.compile(r'\[(?:\{"N":"\d{1,3}"\},?){6,}')
_BYTES = re.compile(r"\[ ?(?:\d{1,3}, ?){5,}\d{1,3}")
_NUMBER = re.compile(r"\d+")
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
GZIP, ZLIB = b"\x1f\x8b", (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
BZIP, XZ, ZIP = b"BZh", b"\xfd7zXZ\0", b"PK\x03\x04"


def fold(text: str) -> str:
    """A text as it is compared: composed, without case and what is not seen, with plain digits and single blanks."""
    if text.isascii():
        folded = text.lower()
    else:
        plain = unicodedata.normalize("NFKC", text).translate(_UNSEEN)
        plain = unicodedata.normalize("NFKC", plain.casefold())
        folded = _DECIMAL.sub(lambda digit: str(unicodedata.decimal(digit[0])), plain)
    if "  " in folded or "\n" in folded or "\t" in folded or "\r" in folded:
        return _SPACES.sub(" ", folded)
    return folded


def unpacked(text: str, nothing: set[str]) -> Iterator[tuple[str, str | bytes]]:
    """What a text becomes by one step, and what the step is called; `nothing` are runs known to hide nothing."""
    if "%" in text and (plain := unquote_plus(_OLD_URL.sub(_character, text))) != text:
        yield "URL-encoded", plain
    if "\\" in text and (plain := unescaped(text)) != text:
        yield "JSON in a string", plain
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
        for step, data in _packed(found):
            if is_readable(data):
                hides = True
                yield step, data
        if not hides:
            if len(nothing) >= MOST_NOTHING:
                nothing.clear()
            nothing.add(found)


def _listed_bytes(text: str) -> Iterator[tuple[str, bytes]]:
    """Bytes that are spelled as a list of numbers, as JavaScript's buffers are."""
    for run in (*_BYTES.findall(text), *(_TYPED_BYTES.findall(text) if '[{"N":"' in text else ())):
        numbers = [int(number) for number in _NUMBER.findall(run)]
        if max(numbers) < 256 and is_readable(bytes(numbers)):
            yield "a list of bytes", bytes(numbers)


def _packed(run: str) -> Iterator[tuple[str, bytes]]:
    """The bytes that a run of letters and digits may stand for."""
    if len(run) >= 12 and HEX.fullmatch(run):
        yield "hexadecimal", unhexlify(run)
        if len(run) >= SURELY_HEX:
            return
    if (data := from_base64(run)) is not None:
        yield "Base64", data
    if (plain := run.rstrip("=")).isupper() and _BASE32.fullmatch(run):
        with suppress(BadBase64):
            yield "Base32", b32decode(plain + "=" * (-len(plain) % 8))
    if joints := [match.end() for match in _JOINTS.finditer(run)][:MOST_JOINTS]:  # they may join it to other words
        for part in dict.fromkeys((*_JOINTS.split(run), *(run[at:] for at in joints))):
            if len(part) >= LEAST_PACKED and (data := from_base64(part)) is not None:
                yield "Base64", data


def _character(match: re.Match[str]) -> str:
    return chr(int(match[1], 16))


def _label(match: re.Match[str]) -> str:
    try:
        return match[1].encode("ascii").decode("punycode")
    except UnicodeError:
        return match[0]


def is_readable(data: bytes) -> bool:
    """Whether bytes are a text, or packed."""
    held = decompressed(data)
    return text_of_bytes(data if held is None else held) is not None


def from_base64(text: str) -> bytes | None:
    """The bytes of Base64 in either alphabet, with or without padding; None for what is none."""
    plain = text.rstrip("=")
    if len(plain) % 4 == 1:
        return None
    if "-" in plain or "_" in plain:
        plain = plain.replace("-", "+").replace("_", "/")
    try:
        return a2b_base64(plain + "=" * (-len(plain) % 4))
    except BadBase64:
        return None


def unescaped(text: str) -> str:
    """A text without the escapes of JSON, one layer of them."""

    def one(match: re.Match[str]) -> str:
        return chr(int(match[1] or match[2], 16)) if match[1] or match[2] else _SHORT.get(match[3], match[3])

    plain = _ESCAPE.sub(one, text)
    return _SURROGATES.sub(lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), plain)


def decompressed(data: bytes) -> bytes | None:
    """What gzip, zlib, bzip2, xz or a zip file holds, as far as it can be read; None for what is none."""
    if data.startswith(ZIP):
        return _unzipped(data)
    try:
        if data.startswith(GZIP) or data[:2] in ZLIB:
            return zlib.decompressobj(47).decompress(data, LARGEST)
        if data.startswith(BZIP):
            return bz2.BZ2Decompressor().decompress(data, LARGEST)
        if data.startswith(XZ):
            return lzma.LZMADecompressor().decompress(data, LARGEST)
    except (zlib.error, OSError, lzma.LZMAError, ValueError):
        return None
    return None


def _unzipped(data: bytes) -> bytes | None:
    """The members of a zip file, one after the other, with their names."""
    held, left = list[bytes](), LARGEST
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            for member in file.infolist():
                with file.open(member) as content:
                    held += [member.filename.encode(), content.read(left)]
                left -= len(held[-1])
                if left <= 0:
                    break
    except (zipfile.BadZipFile, zlib.error, OSError, RuntimeError, NotImplementedError, ValueError, EOFError):
        return b"\n".join(held) or None
    return b"\n".join(held)


def text_of_bytes(data: bytes) -> str | None:
    """The text that bytes are; None where they are none."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = ""
    if text and "\0" not in text:
        return text
    if b"\0" in data and len(data) % 2 == 0:
        for spelling in ("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-16-le", "utf-16-be"):
            try:
                wide = data.decode(spelling)
            except UnicodeDecodeError:
                continue
            if wide.isprintable():
                return wide
    return text or None
