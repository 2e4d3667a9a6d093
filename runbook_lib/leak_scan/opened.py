"""What gzip, zlib, bzip2, xz, lzma and zip files hold, as far as the budget of an item goes."""

from __future__ import annotations

import bz2
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

from runbook_lib.leak_scan.budget import EACH, Budget
from runbook_lib.leak_scan.bytes_as_text import text_of_bytes

PROBE = 64  # bytes that tell whether anything is packed
MOST_MEMORY = 128 << 20  # that an unpacker may ask for, whatever its data says that it needs
GZIP, ZLIB = b"\x1f\x8b", (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
BZIP, XZ, LZMA, ZIP = b"BZh", b"\xfd7zXZ\0", b"]\0\0", b"PK\x03\x04"
PACKED = (GZIP, *ZLIB, BZIP, XZ, LZMA, ZIP)  # with which packed bytes begin


def is_packed(data: bytes) -> bool:
    """Whether bytes are of a packer, and something can be unpacked of them."""
    return bool(pieces_of(data, Budget(PROBE + EACH)))


def pieces_of(data: bytes, budget: Budget) -> list[bytes]:
    """What gzip, zlib, bzip2, xz, lzma or a zip file holds, and what is behind it; nothing for what is none.

    Of broken ones it is what can be read, and the bytes themselves. Another text may begin as packed bytes do.
    """
    if data.startswith(ZIP):
        return _unzipped(data, budget)
    held, rest = list[bytes](), data
    while (opener := _opener_of(rest)) is not None:
        try:
            held += _unpacked(opener, rest, budget)
        except (zlib.error, OSError, lzma.LZMAError, ValueError, EOFError):
            if text_of_bytes(rest) is not None:
                held = held if rest is not data else []
            break
        rest = opener.unused_data if opener.eof else b""  # such files may be put one behind the other
    return [b"".join(held), *([rest] if rest else ())] if held else []


def _unpacked(opener: Any, data: bytes, budget: Budget) -> Iterator[bytes]:
    part = b"."
    while part and not opener.eof:
        if budget.over:
            return
        part = opener.decompress(data, budget.next_part())
        if part and budget.take(len(part)):
            yield part
        data = opener.unconsumed_tail if hasattr(opener, "unconsumed_tail") else b""


def _opener_of(data: bytes) -> Any:
    """What unpacks data that begin so; None for none of these."""
    if data.startswith(GZIP) or data[:2] in ZLIB:
        return zlib.decompressobj(47)
    if data.startswith(BZIP):
        return bz2.BZ2Decompressor()
    if data.startswith((XZ, LZMA)):
        return lzma.LZMADecompressor(memlimit=MOST_MEMORY)
    return None


def _unzipped(data: bytes, budget: Budget) -> list[bytes]:
    """The members of a zip file, one after the other, with their names."""
    held = list[bytearray | bytes]()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            for member in file.infolist():
                if not budget.take(len(member.filename)):
                    break
                content = bytearray()
                held += (member.filename.encode(), content)
                with file.open(member) as packed:
                    while (part := packed.read(budget.next_part())) and budget.take(len(part)):
                        content += part
    except (zipfile.BadZipFile, zlib.error, OSError, RuntimeError, NotImplementedError, ValueError, EOFError):
        return [b"\n".join(held), data] if held else []
    return [b"\n".join(held)] if held else []
