"""What a text or bytes may hide: one step of unpacking at a time."""

from __future__ import annotations

import html
import re
import unicodedata
import zlib
from binascii import Error as BadBase64
from binascii import a2b_base64, unhexlify
from collections.abc import Iterator
from urllib.parse import unquote_plus

SURELY_HEX = 20  # digits: Base64 of a text has letters beyond f before that
LARGEST = 16 << 20  # bytes that are unpacked of one value
PACKED = re.compile(r"[A-Za-z0-9+/_\-]{8,}={0,2}")
HEX = re.compile(r"(?:[0-9a-fA-F]{2}){6,}")
NUMBERS = re.compile(r"\+?\d[\d ().\-/]{6,24}\d", re.ASCII)
_ESCAPE = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt]))')
_SHORT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_SURROGATES = re.compile("[\ud800-\udbff][\udc00-\udfff]")
GZIP, ZLIB = b"\x1f\x8b", (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")


def fold(text: str) -> str:
    """A text as it is compared: composed, and without case."""
    return (
        text.lower() if text.isascii() else unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
    )


def unpacked(text: str) -> Iterator[tuple[str, str | bytes]]:
    """What a text becomes by one step, and what the step is called."""
    if "%" in text and (plain := unquote_plus(text)) != text:
        yield "URL-encoded", plain
    if "\\" in text and (plain := unescaped(text)) != text:
        yield "JSON in a string", plain
    if "&" in text and (plain := html.unescape(text)) != text:
        yield "HTML-escaped", plain
    for found in PACKED.findall(text):
        if len(found) >= 12 and HEX.fullmatch(found):
            yield "hexadecimal", unhexlify(found)
            if len(found) >= SURELY_HEX:
                continue
        if (data := from_base64(found)) is not None:
            yield "Base64", data


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
        return chr(int(match[1], 16)) if match[1] else _SHORT.get(match[2], match[2])

    plain = _ESCAPE.sub(one, text)
    return _SURROGATES.sub(lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), plain)


def decompressed(data: bytes) -> bytes | None:
    """What gzip or zlib holds, as far as it can be read; None for what is neither."""
    if not (data.startswith(GZIP) or data[:2] in ZLIB):
        return None
    try:
        return zlib.decompressobj(47).decompress(data, LARGEST)
    except zlib.error:
        return None


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
