"""The changes of an incremental export, one a line: a state and no event, parsed and spelled.

A line says what an item was at the beginning of a window (OldImage, where the view has it) and what it had become at
its end (NewImage, or nothing). A new image crosses as the bytes that AWS wrote.
Format: "DynamoDB table export output format", AWS Developer Guide.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from runbook_lib.errors import CorruptFile
from runbook_lib.items.canonical import Attribute, Item
from runbook_lib.items.keys import KeyAttribute, key_of
from runbook_lib.items.lines import past_separators
from runbook_lib.items.read_once import read_once

BOTH_IMAGES, NEW_IMAGE = "NEW_AND_OLD_IMAGES", "NEW_IMAGE"
VIEWS = (BOTH_IMAGES, NEW_IMAGE)
NEW, OLD, KEYS, METADATA = "NewImage", "OldImage", "Keys", "Metadata"
AROUND = "StatesAround"  # in Metadata, of a window that was read from a stream, see catchup/streams/net_changes.py
MEMBERS = frozenset((NEW, OLD, KEYS, METADATA))
_MARKS = {name: b'"%b":' % name.encode() for name in sorted(MEMBERS)}
SKEW = timedelta(minutes=1)  # by which the clocks of those who write may differ, as AWS says
_decoder = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Change:
    """One line: the key, when it was last written, and both images; `new` is None for a delete.

    `new_bytes` are the new image as it stands in the file. `around` are the further states that the full export may
    have caught the item in, of a change that was read from a stream and made at about that moment; None for no item.
    """

    key: dict[str, Attribute]
    micros: int
    old: Item | None
    new: Item | None
    new_bytes: bytes
    around: tuple[Item | None, ...] = ()

    def as_line(self, key_bytes: bytes) -> bytes:
        """What is sent for it: `{"Item":...}` for a put, `{"Key":...}` for a delete."""
        return b'{"Item":' + self.new_bytes + b"}" if self.new is not None else b'{"Key":' + key_bytes + b"}"


@dataclass(frozen=True, slots=True)
class ChangeWindow:
    """A stretch of time, the end left out, and the key of the table whose changes it holds."""

    start: datetime
    end: datetime
    view: str
    key: tuple[KeyAttribute, ...]


def parse_change(line: bytes, window: ChangeWindow) -> Change:
    """The change in a line of an incremental export; raises CorruptFile with the reason if it is none."""
    try:
        data = read_once(line)
    except ValueError as error:
        raise CorruptFile(f"not JSON: {error}") from None
    if not isinstance(data, dict) or not isinstance(data.get(KEYS), dict) or not data.keys() <= MEMBERS:
        raise CorruptFile("expected Metadata, Keys, OldImage and NewImage, and nothing else")
    old, new = data.get(OLD), data.get(NEW)
    if not all(image is None or isinstance(image, dict) for image in (old, new)):
        raise CorruptFile("expected images that are items")
    if len(data[KEYS]) != len(window.key):
        raise CorruptFile(f"expected {len(window.key)} key attributes, found {len(data[KEYS])}")
    key = key_of(data[KEYS], window.key)
    micros, around = _micros(data.get(METADATA)), data[METADATA].get(AROUND, [])
    if not isinstance(around, list) or not all(image is None or isinstance(image, dict) for image in around):
        raise CorruptFile(f"expected {AROUND} to be images that are items")
    image = _image_bytes(line, data)
    return Change(key, micros, old, new, image, tuple(around))


def spell_change(micros: int, key: bytes, old: bytes | None, new: bytes | None) -> bytes:
    """The line of a change, its members in the order in which AWS writes them."""
    line = b'{"Metadata":{"WriteTimestampMicros":{"N":"%d"}},"Keys":%b' % (micros, key)
    if old is not None:
        line += b',"OldImage":' + old
    if new is not None:
        line += b',"NewImage":' + new
    return line + b"}"


def _micros(metadata: Any) -> int:
    try:
        text = metadata["WriteTimestampMicros"]["N"]
        micros = int(text)
        if not text.isascii() or not 0 <= micros < 1 << 53:
            raise ValueError
    except (KeyError, TypeError, ValueError, AttributeError):
        raise CorruptFile("expected the number WriteTimestampMicros in Metadata") from None
    return micros


def _image_bytes(line: bytes, data: dict[str, Any]) -> bytes:
    """The new image, as it stands in the line; nothing where there is none.

    The name of a member, with its quotes and colon, can stand elsewhere only as the name of an attribute; where that is
    so, or the members are in another order than AWS writes them in, they are walked through one by one.
    """
    if b"\\u" not in line and all(line.count(_MARKS[name]) == 1 for name in data):  # no name is spelled in another way
        if data.get(NEW) is None:
            return b""
        if list(data)[-1] == NEW and line.endswith(b"}}"):
            return line[line.index(_MARKS[NEW]) + len(_MARKS[NEW]) : -1].strip()
    return _walked(line)


def _walked(line: bytes) -> bytes:
    text, found = line.decode(), b""
    at = past_separators(text, text.index("{") + 1)
    while text[at] != "}":
        name, at = _decoder.raw_decode(text, at)
        at = past_separators(text, at)
        _, end = _decoder.raw_decode(text, at)
        if name == NEW:
            found = text[at:end].encode()
        at = past_separators(text, end)
    return found
