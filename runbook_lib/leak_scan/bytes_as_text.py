"""The text that bytes are, or that is within them: UTF-8, or UTF-16 with either end first."""

from __future__ import annotations

import unicodedata

LEAST_WIDE = 12  # bytes of UTF-16 for as many
SURELY_WIDE = 96  # bytes of UTF-16 that are so by no chance
WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")


def text_inside(data: bytes, any_bytes: bool) -> str:
    """What of bytes that are no text can be searched: the texts in them and, with `any_bytes`, they themselves."""
    texts = [data.replace(b"\0", b"").decode("utf-8", "replace")]
    if (wide := wide_text(data)) is not None:
        texts.append(wide)
    if any_bytes:
        texts.append(data.hex())
    return " ".join(texts)


def text_of_bytes(data: bytes) -> str | None:
    """The text that bytes are; None where they are none."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = ""
    if text and "\0" not in text:
        return text
    wide = wide_text(data)
    if wide is not None and (len(data) >= SURELY_WIDE or data.count(0) * 4 >= len(data) or data[:2] in WIDE_MARKS):
        return wide
    return f"{text} {wide}" if text and wide else text or None


def wide_text(data: bytes) -> str | None:
    """The texts that bytes are in UTF-16: which end comes first is not said, and either may look like Chinese."""
    data = data[: len(data) & ~1]
    marked = data[:2] in WIDE_MARKS
    if len(data) < LEAST_WIDE or not (marked or 0 in data):
        return None
    found = list[str]()
    for spelling in ("utf-16",) if marked else ("utf-16-le", "utf-16-be"):
        try:
            wide = data.decode(spelling)
        except UnicodeDecodeError:
            continue
        if _is_text(wide):
            found.append(wide)
    return " ".join(found) or None


def _is_text(wide: str) -> bool:
    shown = "".join(wide.split())
    return shown.isprintable() or all(
        one.isprintable() or unicodedata.category(one) == "Cf" for one in dict.fromkeys(shown)
    )
