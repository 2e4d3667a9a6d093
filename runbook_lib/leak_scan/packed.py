"""What a run of letters and digits may stand for: Base64, Base32 or hexadecimal of a text, or of packed bytes."""

from __future__ import annotations

import bz2
import io
import lzma
import re
import zipfile
import zlib
from base64 import b32decode
from binascii import Error as BadBase64
from binascii import a2b_base64, unhexlify
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

SHORTEST_HEX = 12  # digits
SURELY_HEX = 20  # digits: Base64 of a text has letters beyond f before that
LARGEST = 16 << 20  # bytes that are unpacked of one value
LEAST_PACKED = 8  # characters of Base64 for 6 of a value
MOST_JOINTS = 8  # of a run: Base64 itself has one in thirty-two characters
HEX = re.compile(r"(?:[0-9a-fA-F]{2}){6,}")
_MARKED_HEX = re.compile(r"0?[xX]((?:[0-9a-fA-F]{2}){6,})")  # as programs and databases spell bytes
_JOINTS = re.compile(r"[+/_\-]")
_BASE32 = re.compile(r"[A-Z2-7]{10,}={0,6}")
GZIP, ZLIB = b"\x1f\x8b", (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
BZIP, XZ, ZIP = b"BZh", b"\xfd7zXZ\0", b"PK\x03\x04"
_PADDING = ("", "===", "==", "=")
_PACKED = frozenset(b"\x1f\x78B\xfdP")  # with which they begin
# Like UTF-8, and all of it; most bytes that are no text are told from it by the first few.
_LIKE_TEXT = re.compile(rb"(?:[\x00-\x7f]|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3})+")


def readings(run: str) -> Iterator[tuple[str, bytes]]:
    """The bytes that a run may stand for and that are a text, or packed; what the way to them is called."""
    for step, data in every_reading(run):
        if _may_be_read(data) and is_readable(data):
            yield step, data


def may_hide(run: str) -> bool:
    """Whether `readings` could have anything to say of a run: the inner loop of a scan, for nearly none has."""
    if run.isalnum():
        if run.isupper():
            return True  # it may be Base32, too
        if (size := len(run)) >= SHORTEST_HEX and HEX.fullmatch(run):
            return size < SURELY_HEX or _may_be_read(unhexlify(run))
        return _may_be_base64(run) or (run[0] in "0xX" and _MARKED_HEX.fullmatch(run) is not None)
    parts = run.replace("_", "-").replace("/", "-").replace("+", "-").split("-")
    if len(parts) > 2 or "=" in run:
        return any(_may_be_read(data) for _, data in every_reading(run))
    return _may_be_base64(run.replace("-", "+").replace("_", "/")) or any(
        len(part) >= LEAST_PACKED and _may_be_base64(part) for part in parts
    )


def _may_be_base64(run: str) -> bool:
    if (odd := len(run) & 3) == 1:
        return False
    try:
        data = a2b_base64(run + _PADDING[odd])
    except BadBase64:
        return False
    return data.isascii() or data[0] in _PACKED or b"\0" in data or _LIKE_TEXT.fullmatch(data) is not None


def _may_be_read(data: bytes) -> bool:
    """Whether it is worth a closer look."""
    return bool(data) and (
        data.isascii() or data[0] in _PACKED or b"\0" in data or _LIKE_TEXT.fullmatch(data) is not None
    )


def every_reading(run: str) -> list[tuple[str, bytes]]:
    """All bytes that a run may stand for."""
    found = list[tuple[str, bytes]]()
    if len(run) >= SHORTEST_HEX and HEX.fullmatch(run):
        found.append(("hexadecimal", unhexlify(run)))
        if len(run) >= SURELY_HEX:
            return found
    if run[0] in "0xX" and (marked := _MARKED_HEX.fullmatch(run)):
        found.append(("hexadecimal", unhexlify(marked[1])))
    if (data := from_base64(run)) is not None:
        found.append(("Base64", data))
    if run.isupper() and _BASE32.fullmatch(run):
        plain = run.rstrip("=")
        with suppress(BadBase64):
            found.append(("Base32", b32decode(plain + "=" * (-len(plain) % 8))))
    if run.isalnum():
        return found
    if joints := [match.end() for match in _JOINTS.finditer(run)][:MOST_JOINTS]:  # they may join it to other words
        for part in dict.fromkeys((*_JOINTS.split(run), *(run[at:] for at in joints))):
            if len(part) >= LEAST_PACKED and (data := from_base64(part)) is not None:
                found.append(("Base64", data))
    return found


def is_readable(data: bytes) -> bool:
    """Whether bytes are a text, or packed."""
    held = decompressed(data)
    return text_of_bytes(data if held is None else held) is not None


def from_base64(text: str) -> bytes | None:
    """The bytes of Base64 in either alphabet, with or without padding; None for what is none."""
    plain = text if text.isalnum() else text.rstrip("=").replace("-", "+").replace("_", "/")
    if (odd := len(plain) & 3) == 1:
        return None
    try:
        return a2b_base64(plain + _PADDING[odd])
    except BadBase64:
        return None


def decompressed(data: bytes) -> bytes | None:
    """What gzip, zlib, bzip2, xz or a zip file holds, as far as it can be read; None for what is none."""
    if data.startswith(ZIP):
        return _unzipped(data)
    held, left = list[bytes](), LARGEST
    while left > 0 and (opener := _opener_of(data)) is not None:
        try:
            held.append(opener.decompress(data, left))
        except (zlib.error, OSError, lzma.LZMAError, ValueError):
            break
        left -= len(held[-1])
        data = opener.unused_data if opener.eof else b""  # such files may be put one behind the other
    return b"".join(held) if held else None


def _opener_of(data: bytes) -> Any:
    """What unpacks data that begin so; None for none of these."""
    if data.startswith(GZIP) or data[:2] in ZLIB:
        return zlib.decompressobj(47)
    if data.startswith(BZIP):
        return bz2.BZ2Decompressor()
    return lzma.LZMADecompressor() if data.startswith(XZ) else None


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
