"""Incremental exports: the changes of a stretch of time, read, checked, and cut into puts and deletes.

A line is not an event but a state: what an item was at the beginning of the window (OldImage, where the view has it)
and what it had become at its end (NewImage, or nothing). A new image crosses as the bytes that AWS wrote.
Format: "DynamoDB table export output format", AWS Developer Guide.
"""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import IO, Any

import orjson
from isal import isal_zlib

from runbook_lib.errors import CorruptFile
from runbook_lib.export_format.data_file import fetch_body, file_lines
from runbook_lib.export_format.manifest import DataFile
from runbook_lib.items.canonical import Attribute, Item, canonical
from runbook_lib.items.keys import KeyAttribute, held_key, key_of
from runbook_lib.items.lines import past_separators

BOTH_IMAGES, NEW_IMAGE = "NEW_AND_OLD_IMAGES", "NEW_IMAGE"
VIEWS = (BOTH_IMAGES, NEW_IMAGE)
NEW, OLD, KEYS, METADATA = "NewImage", "OldImage", "Keys", "Metadata"
AROUND = "StatesAround"  # in Metadata, of a window that was read from a stream, see catchup/streams/net_changes.py
MEMBERS = frozenset((NEW, OLD, KEYS, METADATA))
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


@dataclass(frozen=True, slots=True)
class CheckedChanges:
    """A file of a window, of which every line is a change; it is drawn from like a file of a full export.

    `size` is the bytes of its lines and `stored` those of the file. No line of it is `unreadable`: a file with one that
    is no change is refused as a whole, for what it should have said is unknown.
    """

    file: DataFile
    window: ChangeWindow
    lines: int
    size: int
    stored: int
    _body: IO[bytes]
    unreadable: dict[int, str]

    def changes(self, *, check: bool = False) -> Iterator[tuple[int, Change]]:
        """Line numbers (from 1) and changes; with `check` each is checked as it comes, see `fetch_changes`."""
        for number, line in file_lines(self.file, self._body):
            yield number, _checked(self.file, number, line, self.window) if check else parse_change(line, self.window)

    def items(self, after: int = 0) -> Iterator[tuple[int, bytes]]:
        """Line numbers and what is to be sent, after the given line."""
        for number, line in file_lines(self.file, self._body):
            if number > after:
                change = parse_change(line, self.window)
                yield number, change.as_line(orjson.dumps(change.key))


@contextmanager
def fetch_changes(
    s3: Any,
    bucket: str,
    file: DataFile,
    window: ChangeWindow,
    stopped: Callable[[], bool] = lambda: False,
    *,
    known: bool = False,
) -> Iterator[CheckedChanges]:
    """Fetch and check a file of a window; raises CorruptFile unless every line of it is a change of the window.

    Where the lines are `known` to be, for the same bytes were checked before, their MD5 and number are enough. So they
    are where the caller lets `changes` check each of them, and takes nothing unless all were good.
    """
    with fetch_body(s3, bucket, file, stopped) as body:
        lines = size = 0
        try:
            for number, line in file_lines(file, body):
                lines, size = lines + 1, size + len(line)
                if not known:
                    _checked(file, number, line, window)
        except (EOFError, gzip.BadGzipFile, isal_zlib.error) as error:  # type: ignore[misc]  # its stub calls it a value
            raise CorruptFile(
                f"{file.key} is not whole gzip: {error}; nothing was taken from it, export again"
            ) from None
        if lines != file.items:
            raise CorruptFile(
                f"{file.key} holds {lines} changes, the manifest says {file.items}; nothing was taken from it, export "
                "again"
            )
        yield CheckedChanges(file, window, lines, size, body.seek(0, io.SEEK_END), body, {})


def _checked(file: DataFile, number: int, line: bytes, window: ChangeWindow) -> Change:
    """The change in a line, if it is one of this window, with the key of this table in every image."""
    try:
        change = parse_change(line, window)
        held = held_key(change.key, window.key)
        for image in (change.old, change.new):
            if image is not None and canonical(key_of(image, window.key)) != held:
                raise CorruptFile("an image has another key than Keys says")
        if change.old is not None and window.view == NEW_IMAGE:
            raise CorruptFile(f"an {OLD} in an export whose view is {NEW_IMAGE}")
    except CorruptFile as error:
        raise CorruptFile(
            f"{file.key}: line {number} is not a change of an item: {error}; nothing was taken from the file, export "
            "again"
        ) from None
    written = datetime.fromtimestamp(change.micros // 1_000_000, UTC)
    if not window.start - SKEW <= written < window.end + SKEW:
        raise CorruptFile(
            f"{file.key}: OUTSIDE_WINDOW: line {number} was written at {written.isoformat()}, and the window is from "
            f"{window.start.isoformat()} to {window.end.isoformat()}; nothing was taken from the file, export again"
        )
    return change


def parse_change(line: bytes, window: ChangeWindow) -> Change:
    """The change in a line of an incremental export; raises CorruptFile with the reason if it is none."""
    try:
        data = orjson.loads(line)
    except orjson.JSONDecodeError as error:
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
    image = _image_bytes(line, data) if new is not None else b""
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
    """The new image, as it stands in the line.

    The name of a member, with its quotes and colon, can stand elsewhere only as the name of an attribute; where that is
    so, or the members are in another order than AWS writes them in, they are walked through one by one.
    """
    marks = [b'"%b":' % name.encode() for name in data]
    if list(data)[-1] == NEW and line.endswith(b"}}") and all(line.count(mark) == 1 for mark in marks):
        return line[line.index(b'"NewImage":') + 11 : -1].strip()
    return _walked(line)


def _walked(line: bytes) -> bytes:
    text, found, seen = line.decode(), b"", set()
    at = past_separators(text, text.index("{") + 1)
    while text[at] != "}":
        name, at = _decoder.raw_decode(text, at)
        at = past_separators(text, at)
        _, end = _decoder.raw_decode(text, at)
        if name in seen:
            raise CorruptFile(f"{name} is said twice")
        seen.add(name)
        if name == NEW:
            found = text[at:end].encode()
        at = past_separators(text, end)
    return found
